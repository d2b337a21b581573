import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import training_files as files
from support.weak_cameras import fit_camera
from torch.utils.data import default_collate

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE, SPIN49, Joints49
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.annotations import ImageFolder
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.eft import read_eft
from occlusion_toolkit.data.published_list import read_npz
from occlusion_toolkit.training.annotated_photographs import AnnotatedPhotographs, cut_square
from occlusion_toolkit.training.bodies import TrainingBodies, with_body_joints
from occlusion_toolkit.training.losses import project
from occlusion_toolkit.training.part_labels import prepare_part_labels
from occlusion_toolkit.training.recipe import DataStage, RandomCrop, SampleSettings
from occlusion_toolkit.training.sample import IGNORED_LABEL, Mix, MixedSamples, TrainingSample
from occlusion_toolkit.training.warp import Warp, draw_warp, margin_of

RESOLUTION = 112
PLAIN = SampleSettings(resolution=RESOLUTION, occlusion=None)
PEOPLE = 4


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


@pytest.fixture(scope="module")
def joints49(body: BodyModel) -> Joints49:
    return Joints49(body.arrays)


@pytest.fixture(scope="module")
def truth(body: BodyModel, joints49: Joints49) -> files.Truth:
    return files.make_people(body, joints49, PEOPLE, seed=1)


@pytest.fixture(scope="module")
def source(truth: files.Truth, tmp_path_factory: pytest.TempPathFactory) -> AnnotatedPhotographs:
    root = tmp_path_factory.mktemp("coco")
    bodies = TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)
    table = with_body_joints(
        read_eft(files.write_eft(root, truth), ImageFolder(root, ("train2014",))), bodies
    )
    labels = prepare_part_labels(table, bodies, root / "cache", torch.device("cpu"))
    return AnnotatedPhotographs("coco-eft", table, labels, PLAIN, seed=0, batch_size=2)


def _warp(mirrored: bool, degrees: float, zoom: float, x: float, y: float) -> Warp:
    return Warp(
        torch.tensor([mirrored]),
        torch.deg2rad(torch.tensor([float(degrees)])),
        torch.tensor([float(zoom)]),
        torch.tensor([[float(x), float(y)]]),
    )


warps = st.builds(
    _warp,
    st.booleans(),
    st.floats(-60, 60),
    st.floats(0.5, 1.25),
    st.just(0.0),
    st.floats(-0.4, 0.4),
)


def _same(first: TrainingSample, second: TrainingSample) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@settings(max_examples=15)
@given(warps, st.integers(0, PEOPLE - 1))
def test_augmented_body_projects_onto_augmented_keypoints(
    source: AnnotatedPhotographs, joints49: Joints49, warp: Warp, row: int
) -> None:
    sample = source.warped(row, warp)
    parameters = BodyParameters(sample.rotmats[None], sample.betas[None], torch.zeros(1, 3))
    joints = joints49(parameters)
    keypoints = sample.keypoints[None, :, :2]
    seen = project(joints, fit_camera(joints, sample.keypoints[None]))
    assert float((seen - keypoints).norm(dim=2).max()) < 0.03  # the regressed joints are as symmetric as that
    annotated = sample.joints_3d[None, :, :3]
    assert torch.allclose(
        joints[:, NUM_OPENPOSE:] - joints[:, NUM_OPENPOSE + 2 : NUM_OPENPOSE + 3],
        annotated - annotated[:, 2:3],
        atol=0.015,
    )


@settings(max_examples=15)
@given(warps, st.integers(0, PEOPLE - 1))
def test_crop_shows_the_dots_where_the_keypoints_are(
    source: AnnotatedPhotographs, warp: Warp, row: int
) -> None:
    """Every annotated joint is painted as a white dot into the photograph."""
    sample = source.warped(row, warp)
    pixels = (sample.keypoints[NUM_OPENPOSE:, :2] + 1) * RESOLUTION / 2
    for x, y in pixels.tolist():
        if 2 < x < RESOLUTION - 3 and 2 < y < RESOLUTION - 3:
            assert sample.crop[:, int(y), int(x)].min() > 100


@settings(max_examples=15)
@given(warps, st.integers(0, PEOPLE - 1))
def test_part_at_a_projected_joint_is_that_joints(source: AnnotatedPhotographs, warp: Warp, row: int) -> None:
    sample = source.warped(row, warp)
    labels = sample.labels
    for name in ("right_knee", "left_knee"):
        side = name.split("_")[0]
        x, y = ((sample.keypoints[NUM_OPENPOSE + J24.index(name), :2] + 1) * RESOLUTION / 2).int().tolist()
        if 2 <= x < RESOLUTION - 2 and 2 <= y < RESOLUTION - 2:
            other = "left" if side == "right" else "right"
            # A thin leg at the edge of another part: its own pixels are within two of the joint's.
            parts = {int(label) - 1 for label in labels[y - 2 : y + 3, x - 2 : x + 3].flatten()}
            legs = {SMPL24.index(f"{side}_{joint}") for joint in ("hip", "knee")}
            in_front = {SMPL24.index(f"{other}_{joint}") for joint in ("hip", "knee", "ankle")}
            depth = {one: float(sample.joints_3d[J24.index(f"{one}_knee"), 2]) for one in (side, other)}
            assert parts & legs or (parts & in_front and depth[other] < depth[side])


def test_mirroring_swaps_everything_and_twice_is_identity(source: AnnotatedPhotographs) -> None:
    plain = source.warped(0, _warp(False, 0, 1, 0, 0))
    mirrored = source.warped(0, _warp(True, 0, 1, 0, 0))
    assert int((mirrored.crop.flip(2).int() - plain.crop.int()).abs().max()) <= 1
    sign = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(mirrored.keypoints[list(SPIN49.mirror)] * sign, plain.keypoints, atol=1e-6)
    sign = torch.tensor([-1.0, 1.0, 1.0, 1.0])
    assert torch.allclose(mirrored.joints_3d[list(J24.mirror)] * sign, plain.joints_3d, atol=1e-6)
    flip = _warp(True, 0, 1, 0, 0)
    assert torch.allclose(flip.rotmats(mirrored.rotmats[None])[0], plain.rotmats, atol=1e-6)
    part_mirror = torch.tensor([0, *(1 + joint for joint in SMPL24.mirror)])
    agree = part_mirror[mirrored.labels.flip(1).long()] == plain.labels
    assert float(agree.float().mean()) > 0.999


def test_samples_are_a_pure_function_of_seed_row_and_position(source: AnnotatedPhotographs) -> None:
    copy = pickle.loads(pickle.dumps(source))
    first = source.samples([1], [7])[0]
    torch.manual_seed(3)
    assert _same(first, copy.samples([1], [7])[0])
    assert not _same(first, source.samples([1], [8])[0])
    assert not torch.equal(first.crop, source.samples([2], [7])[0].crop)


def test_augmentations_have_the_published_frequencies() -> None:
    drawn = [draw_warp(SampleSettings(), np.random.default_rng(k), 0) for k in range(600)]
    turns = np.rad2deg([float(warp.turn) for warp in drawn])
    zooms = np.array([float(warp.zoom) for warp in drawn])
    assert np.mean([bool(warp.mirrored) for warp in drawn]) == pytest.approx(0.5, abs=0.07)
    assert np.mean(turns == 0) == pytest.approx(0.6, abs=0.07)
    assert np.abs(turns).max() == pytest.approx(60, abs=1e-3)
    inside = turns[(np.abs(turns) < 59.9) & (turns != 0)]
    assert inside.std() == pytest.approx(26.4, abs=2)  # of N(0, 30) cut off at 60
    assert (zooms.min(), zooms.max()) == pytest.approx((0.75, 1.25))
    assert np.mean((zooms > 0.75) & (zooms < 1.25)) == pytest.approx(0.683, abs=0.07)


def test_random_crops_begin_at_their_step_and_stay_inside_the_box() -> None:
    crop = RandomCrop(from_step=100)
    config = SampleSettings(random_crop=crop)
    cut = 0
    for k in range(300):
        before, after = (draw_warp(config, np.random.default_rng(k), step) for step in (99, 100))
        share = 1 - float(after.zoom / before.zoom)
        if share > 1e-6:
            cut += 1
            assert 0.3 - 1e-5 <= share <= 0.5 + 1e-5
            assert float(after.shift[0, 0]) == 0
            assert abs(float(after.shift[0, 1])) <= float(before.zoom - after.zoom) + 1e-6
        else:
            assert torch.equal(after.shift, before.shift)
    assert cut / 300 == pytest.approx(0.3, abs=0.09)


def test_missing_ground_truth_is_zero_and_flagged(truth: files.Truth, tmp_path: Path) -> None:
    table = read_npz(files.write_h36m(tmp_path, truth), ImageFolder(tmp_path, ("images",)))
    sample = AnnotatedPhotographs("h36m", table, None, PLAIN, 0, 1).samples([0], [3])[0]
    assert not sample.has_smpl
    assert sample.has_pose_3d
    assert not sample.rotmats.any()
    assert (sample.labels == IGNORED_LABEL).all()
    missing = sample.keypoints[:, 2] == 0
    assert int(missing.sum()) == 25 + 7
    assert not sample.keypoints[missing].any()
    assert int((sample.joints_3d[:, 3] > 0).sum()) == 17


def test_objects_cover_crops_but_no_ground_truth(source: AnnotatedPhotographs) -> None:
    red = np.zeros((80, 80, 4), np.uint8)
    red[..., 0] = red[..., 3] = 255
    bare = source.samples([0], [5])[0]
    objects = AnnotatedPhotographs(
        "coco-eft", source._table, source._labels, SampleSettings(resolution=RESOLUTION), 0, 2
    )
    objects.cutouts = [red]
    occluded = objects.samples([0], [5])[0]
    for name in ("keypoints", "joints_3d", "rotmats", "labels"):
        assert torch.equal(getattr(bare, name), getattr(occluded, name))
    reddish = (occluded.crop[0].float() > 90) & (occluded.crop[1:].float().amax(dim=0) < 60)
    assert 0.02 < float(reddish.float().mean()) < 0.98


def test_mixed_samples_collate_into_a_batch(
    source: AnnotatedPhotographs, truth: files.Truth, tmp_path: Path
) -> None:
    table = read_npz(files.write_h36m(tmp_path, truth), ImageFolder(tmp_path, ("images",)))
    second = AnnotatedPhotographs("h36m", table, None, PLAIN, 0, 2)
    mix = Mix(
        [DataStage(shares={"coco-eft": 0.5, "h36m": 0.5})], 2, {"coco-eft": PEOPLE, "h36m": PEOPLE}, seed=0
    )
    samples = MixedSamples([source, second], mix)
    batch = default_collate([samples[position] for position in range(6)])
    assert isinstance(batch, TrainingSample)
    assert batch.crop.shape == (6, 3, RESOLUTION, RESOLUTION)
    assert batch.position.tolist() == list(range(6))
    assert batch.has_smpl.tolist() == [number == 0 for number in batch.source.tolist()]
    assert set(batch.source.tolist()) == {0, 1}
    assert {getattr(batch, f).dtype for f in ("keypoints", "joints_3d", "rotmats", "betas")} == {
        torch.float32
    }


def test_square_is_exact_between_pixels() -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    square = cut_square(ramp, CropBox((80.25, 50.0), 20.0), 1.5, 30)
    expected = 80.25 - 15 + np.arange(30)  # centres of pixels half a pixel to the right, values half below
    np.testing.assert_allclose(square[15, :, 0], expected, atol=0.51)
    outside = cut_square(ramp, CropBox((0.0, 50.0), 20.0), 1.0, 20)
    assert not outside[:, :9].any()


def test_picture_reaches_as_far_as_the_warp() -> None:
    for warp in (_warp(True, 45, 1.25, 0, 0.3), _warp(False, 0, 0.5, 0.1, -0.4), _warp(False, -60, 1, 0, 0)):
        corners = torch.tensor([[x, y] for x in (-1.0, 1.0) for y in (-1.0, 1.0)])
        cosine, sine = warp.turn.cos(), warp.turn.sin()
        turn = torch.stack((cosine, -sine, sine, cosine)).view(2, 2)
        reach = corners @ turn.T * warp.zoom + warp.shift
        assert float(reach.abs().max()) <= margin_of(warp) + 1e-6


def test_settings_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="smallest"):
        RandomCrop(smallest=0.5, largest=0.3)
    with pytest.raises(ValueError, match="extra"):
        SampleSettings.model_validate({"flip": 0.5})
    assert dataclasses.asdict(SampleSettings().warps)["turn_degrees"] == 30


def test_batches_of_several_sets_are_their_samples_in_order(source: AnnotatedPhotographs) -> None:
    other = AnnotatedPhotographs(
        "other", *(getattr(source, name) for name in ("_table", "_labels")), PLAIN, 9, 1
    )
    mix = Mix(
        [DataStage(shares={"one": 0.5, "other": 0.5})], 1, {"one": len(source), "other": len(other)}, seed=2
    )
    samples = MixedSamples([source, other], mix)
    positions = [3, 11, 5, 20, 8, 4]
    together = samples.__getitems__(positions)
    assert {int(sample.source) for sample in together} == {0, 1}
    assert [int(sample.position) for sample in together] == positions
    assert all(_same(samples[place], sample) for place, sample in zip(positions, together, strict=True))
