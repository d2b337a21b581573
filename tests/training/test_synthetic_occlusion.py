import numpy as np
import numpy.typing as npt
import pytest
import torch

from occlusion_toolkit.training.appearance import change_appearance
from occlusion_toolkit.training.recipe import SampleSettings, SyntheticOcclusion
from occlusion_toolkit.training.synthetic_occlusion import (
    LARGEST_SIDE_PX,
    Cutout,
    draw_cutouts,
    paste_objects,
)


@pytest.fixture(scope="module")
def textures() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def cutouts(textures: npt.NDArray[np.uint8]) -> list[Cutout]:
    return draw_cutouts(60, textures, seed=5)


def test_cutouts_are_objects_on_nothing(cutouts: list[Cutout]) -> None:
    for cutout in cutouts:
        assert cutout.dtype == np.uint8
        assert cutout.shape[2] == 4
        assert max(cutout.shape[:2]) <= LARGEST_SIDE_PX
        assert (cutout[..., 3] == 255).any()
    assert np.mean([(cutout[..., 3] == 0).mean() for cutout in cutouts]) > 0.1
    assert np.mean([((cutout[..., 3] > 0) & (cutout[..., 3] < 255)).mean() for cutout in cutouts]) > 0.01


def test_library_depends_on_seed_alone(textures: npt.NDArray[np.uint8], cutouts: list[Cutout]) -> None:
    again, other = draw_cutouts(60, textures, seed=5), draw_cutouts(60, textures, seed=6)
    assert all(np.array_equal(a, b) for a, b in zip(cutouts, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(cutouts, other, strict=True))


def test_pasting_repeats_with_the_seed(cutouts: list[Cutout]) -> None:
    crops = np.full((3, 3, 64, 64), 100, np.float32)
    for crop, seed in zip(crops, (1, 1, 2), strict=True):
        paste_objects(crop, cutouts, SyntheticOcclusion(), np.random.default_rng(seed))
    assert np.array_equal(crops[0], crops[1])
    assert not np.array_equal(crops[0], crops[2])


def test_objects_fall_everywhere_over_the_crop() -> None:
    dot = [np.full((16, 16, 4), 255, np.uint8)]
    one = SyntheticOcclusion(probability=1.0, most=1, smallest=0.2, largest=0.3)
    rng, hits = np.random.default_rng(0), np.zeros((64, 96))
    for _ in range(600):
        crop = np.zeros((3, 64, 96), np.float32)
        paste_objects(crop, dot, one, rng)
        hits += crop[0] > 0
    blocks = hits.reshape(4, 16, 4, 24).sum(axis=(1, 3))
    share = blocks / blocks.mean()  # 1 for each block of the crop, but for chance
    assert (share > 0.5).all()
    assert (share < 1.6).all()


def test_pasted_crops_stay_in_range_and_mostly_visible(cutouts: list[Cutout]) -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(100):
        crop = np.full((3, 112, 112), -1000, np.float32)
        paste_objects(crop, cutouts, SyntheticOcclusion(), rng)
        changed = (crop != -1000).any(axis=0)
        covered.append(changed.mean())
        assert crop.max() <= 255
    assert 0.05 < np.mean(covered) < 0.4
    assert min(covered) > 0


def test_opaque_object_hides_and_transparent_object_shows_what_is_below() -> None:
    square = np.zeros((20, 20, 4), np.uint8)
    square[..., :3] = 7
    ranges = SyntheticOcclusion(most=1, smallest=1.0, largest=1.0)
    hidden, shown = np.full((2, 3, 256, 256), 90, np.float32)
    square[..., 3] = 255
    paste_objects(hidden, [square], ranges, np.random.default_rng(3))
    square[..., 3] = 0
    paste_objects(shown, [square], ranges, np.random.default_rng(3))
    assert (shown == 90).all()
    assert set(np.unique(hidden)) == {7, 90}
    assert (hidden[0] == 7).sum() == 400


def test_objects_that_reach_over_the_border_are_cut_off() -> None:
    square = np.full((100, 100, 4), 255, np.uint8)
    for seed in range(50):
        crop = np.zeros((3, 60, 80), np.float32)
        paste_objects(crop, [square], SyntheticOcclusion(), np.random.default_rng(seed))
        assert crop.shape == (3, 60, 80)
        assert crop.any()


def test_probability_zero_changes_nothing(cutouts: list[Cutout]) -> None:
    crop = np.full((3, 64, 64), 100, np.float32)
    paste_objects(crop, cutouts, SyntheticOcclusion(probability=0.0), np.random.default_rng(0))
    assert (crop == 100).all()


def test_crops_with_and_without_objects_differ_in_the_objects_alone(cutouts: list[Cutout]) -> None:
    """What the paper's comparison of HMR with and without SynthOcc needs."""
    occlusion = SyntheticOcclusion(probability=0.5, most=1, largest=0.3)
    with_objects, without = (SampleSettings(motion_blur=0.5, occlusion=each) for each in (occlusion, None))
    crops = torch.full((20, 3, 64, 64), 100.0) + torch.arange(64)
    changed = [
        change_appearance(
            crops.clone(), settings, cutouts, [np.random.default_rng(seed) for seed in range(20)]
        )
        for settings in (with_objects, without)
    ]
    share = (changed[0] != changed[1]).float().mean(dim=(1, 2, 3))
    assert 4 <= int((share == 0).sum()) <= 16
    assert 0 < float(share[share > 0].max()) < 0.5
