import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from support.drawn_people import draw_people

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import NUM_OPENPOSE, Joints49
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.crops_cache import CROP_BORDER, CropsCache, RenderedPeople
from occlusion_toolkit.training.recipe import (
    AppearanceRanges,
    DataStage,
    RandomCrop,
    SampleSettings,
    SyntheticOcclusion,
)
from occlusion_toolkit.training.sample import HeldOut, Mix, MixedSamples
from occlusion_toolkit.training.synthetic_occlusion import draw_cutouts
from occlusion_toolkit.training.warp import Warp


def source(cache: CropsCache, **settings: object) -> RenderedPeople:
    chosen = SampleSettings(resolution=112, label_stride=2, **settings)
    people = RenderedPeople("synthetic", cache, chosen, seed=1, batch_size=4)
    people.cutouts = draw_cutouts(5, cache.pictures(range(4)), 0)
    return people


def test_sample_depends_on_row_and_position_alone(cache: CropsCache) -> None:
    first = source(cache)
    second = pickle.loads(pickle.dumps(first))
    second.samples([3], [17])[0]
    one, other = first.samples([5], [42])[0], second.samples([5], [42])[0]
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one.crop, first.samples([5], [43])[0].crop)


def test_a_sample_is_the_same_to_the_bit_in_any_batch(cache: CropsCache) -> None:
    strong = AppearanceRanges(grey_probability=0.3, blur_probability=0.5)
    made = source(cache, occlusion=SyntheticOcclusion(), appearance=strong, motion_blur=0.5, plain=0.4)
    rows, positions = list(range(30)), list(range(100, 130))
    together = made.samples(rows, positions)
    for row, position, sample in zip(rows, positions, together, strict=True):
        alone = made.samples([row], [position])[0]
        assert all(torch.equal(a, b) for a, b in zip(alone, sample, strict=True)), position


def test_pickled_source_carries_no_pictures(cache: CropsCache) -> None:
    assert len(pickle.dumps(RenderedPeople("synthetic", cache, SampleSettings(), 0, 1))) < 10_000


def test_ground_truth_moves_with_the_person(cache: CropsCache) -> None:
    body = load_open_body()
    for position in range(8):
        sample = source(cache).samples([position], [position])[0]
        parameters = BodyParameters(sample.rotmats[None], sample.betas[None], torch.zeros(1, 3))
        joints = Joints49(body.arrays)(parameters)[0] - body.joints(parameters, SMPL24)[0, 0]
        assert torch.allclose(joints[NUM_OPENPOSE:], sample.joints_3d[:, :3], atol=2e-4)
        knee = 26  # right knee of J24
        x, y = ((sample.keypoints[knee, :2] + 1) / 2 * 56).long().tolist()
        if sample.keypoints[knee, 2] > 0 and 0 <= x < 56 and 0 <= y < 56:
            assert sample.labels[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].any()


def test_joints_far_outside_the_crop_are_not_annotated(cache: CropsCache) -> None:
    near = Warp(torch.tensor([False]), torch.zeros(1), torch.full((1,), 0.4), torch.tensor([[0.0, 0.7]]))
    sample = source(cache).warped(0, near)
    whole = source(cache).warped(0, Warp.identity(1))
    assert whole.keypoints[:, 2].sum() > sample.keypoints[:, 2].sum() > 0
    assert (sample.keypoints[:, :2].abs() <= CROP_BORDER).all()


def test_occluders_change_the_crop_and_nothing_else(cache: CropsCache) -> None:
    covered = source(cache, occlusion=SyntheticOcclusion()).samples([2], [9])[0]
    bare = source(cache, occlusion=None).samples([2], [9])[0]
    assert not torch.equal(covered.crop, bare.crop)
    for name in ("keypoints", "joints_3d", "rotmats", "labels"):
        assert torch.equal(getattr(covered, name), getattr(bare, name))


def test_plain_crops_are_people_as_they_are_or_their_mirror_images(cache: CropsCache) -> None:
    rough = {"motion_blur": 1.0, "coarse": 1.0, "jpeg": 1.0, "random_crop": RandomCrop(probability=1.0)}
    made = source(cache, occlusion=None, plain=0.5, **rough)
    identity = Warp.identity(1)
    mirrored = Warp(torch.tensor([True]), identity.turn, identity.zoom, identity.shift)
    either = [made.warped(3, warp).crop for warp in (identity, mirrored)]
    crops = [sample.crop for sample in made.samples([3] * 200, range(200))]
    as_met = [sum(torch.equal(crop, one) for crop in crops) for one in either]
    assert all(30 <= count <= 70 for count in as_met)  # a quarter of 200 each


def test_plain_crops_are_occluded_by_objects_all_the_same(cache: CropsCache) -> None:
    objects = SyntheticOcclusion(probability=1.0)
    covered = source(cache, occlusion=objects, plain=1.0).samples([2], [9])[0]
    bare = source(cache, occlusion=None, plain=1.0).samples([2], [9])[0]
    assert not torch.equal(covered.crop, bare.crop)
    assert torch.equal(covered.keypoints, bare.keypoints)


def test_random_crop_begins_at_its_step(cache: CropsCache) -> None:
    late = source(cache, random_crop=RandomCrop(probability=1.0, from_step=10), occlusion=None)
    never = source(cache, random_crop=None, occlusion=None)
    assert torch.equal(
        late.samples([0], [39])[0].keypoints, never.samples([0], [39])[0].keypoints
    )  # batches of 4
    assert not torch.equal(late.samples([0], [40])[0].keypoints, never.samples([0], [40])[0].keypoints)


def test_held_out_people_are_not_trained_on(cache: CropsCache) -> None:
    whole, size = source(cache), len(cache) - 10
    mix = Mix([DataStage(shares={"synthetic": 1.0})], 4, {"synthetic": size}, seed=0)
    rest, held_out = MixedSamples([whole], mix, held_out=10), HeldOut(whole, 10)
    assert len(held_out) == 10
    assert torch.equal(rest[3].crop, whole.samples([mix.at(3).row + 10], [3])[0].crop)
    drawn = {mix.at(position).row + 10 for position in range(size)}
    assert drawn == set(range(10, len(cache)))
    betas = torch.from_numpy(np.array(cache.column("betas")))
    assert torch.equal(held_out[4].betas, betas[4])


def test_cache_refuses_more_than_it_holds(tmp_path: Path) -> None:
    body = load_open_body()
    writer = CropsCache.create(tmp_path, 3)
    reader = CropsCache(tmp_path)
    people = draw_people(body, 2)
    writer.append("one", people, "")
    assert len(reader) == 0
    reader.refresh()
    assert len(reader) == 2
    with pytest.raises(TrainingError, match="full at 3"):
        writer.append("two", people, "")
    assert np.array_equal(reader.batch([1, 0], 224)["pictures"][0].numpy(), people[1].crops)
    assert np.array_equal(reader.batch([1], 112)["pictures"][0].numpy(), people[1].halved)
    with pytest.raises(TrainingError, match="not a crops cache"):
        CropsCache(tmp_path / "elsewhere")


def test_cache_of_another_version_is_refused(tmp_path: Path) -> None:
    CropsCache.create(tmp_path, 3)
    np.save(tmp_path / "joints_2d.npy", np.zeros((3, 38, 2), np.float32))
    with pytest.raises(TrainingError, match="another version"):
        CropsCache(tmp_path)
