"""Training, validation and test people have nothing in common."""

import itertools

import numpy as np
import pytest

from occlusion_toolkit.open_world.motion import moments
from occlusion_toolkit.open_world.outfit import PATTERNS, draw_outfit
from occlusion_toolkit.open_world.rig import axis_angle_from_rotmats
from occlusion_toolkit.open_world.scenes import INDOOR, OUTDOOR, SCENE_FAMILIES, build_scene
from occlusion_toolkit.open_world.self_contact import capsule_radii
from occlusion_toolkit.open_world.sequence import SequenceRequest, draw_betas, sequence_generator
from occlusion_toolkit.open_world.splits import (
    HUE_BINS,
    SPLITS,
    Split,
    hue_bin_belongs,
    pose_bin,
    shape_bin,
    split_of_bin,
)
from occlusion_toolkit.open_world.wardrobe import load_wardrobe


def drawn_pose_cells(split: Split, count: int) -> set[tuple[int, ...]]:
    wardrobe = load_wardrobe()
    body = wardrobe.body.vertices
    joints = wardrobe.joints(body)
    radii = capsule_radii(body, joints, wardrobe.body.parts)
    stream = moments(np.random.default_rng(5), split, joints, radii, continuous=split != "train")
    return {pose_bin(axis_angle_from_rotmats(moment.rotmats)) for moment in itertools.islice(stream, count)}


def test_splits_share_no_pose_cell():
    cells = {split: drawn_pose_cells(split, 12) for split in SPLITS}
    for first, second in itertools.combinations(SPLITS, 2):
        assert not cells[first] & cells[second]
    assert all(split_of_bin("pose", cell) == split for split in SPLITS for cell in cells[split])


def test_splits_share_no_shape_cell():
    cells = {}
    for split in SPLITS:
        draw = np.random.default_rng(11)  # the same numbers for all: the rule alone keeps them apart
        cells[split] = {shape_bin(draw_betas(draw, split)) for _ in range(200)}
    for first, second in itertools.combinations(SPLITS, 2):
        assert not cells[first] & cells[second]


def test_a_tenth_of_the_cells_is_test_and_four_fifths_are_training():
    owners = [split_of_bin("pose", cell) for cell in itertools.product(range(-8, 8), repeat=3)]
    assert owners.count("test") / len(owners) == pytest.approx(0.1, abs=0.02)
    assert owners.count("train") / len(owners) == pytest.approx(0.8, abs=0.02)


def test_every_hue_has_one_owner():
    for index in range(HUE_BINS):
        assert sum(hue_bin_belongs(index, split) for split in SPLITS) == 1


def test_pattern_and_scene_families_have_one_owner():
    for table in (PATTERNS, SCENE_FAMILIES):
        everything = [item for split in SPLITS for item in table[split]]
        assert len(everything) == len(set(everything))
    assert {name for split in SPLITS for name in SCENE_FAMILIES[split]} == {*INDOOR, *OUTDOOR}


@pytest.mark.parametrize("split", SPLITS)
def test_outfits_and_scenes_stay_in_their_split(split: Split):
    for seed in range(30):
        draw = np.random.default_rng(seed)
        outfit = draw_outfit(draw, split)
        worn = {outfit.upper.pattern, outfit.lower.pattern, outfit.skirt_cloth.pattern}
        assert worn <= {0, *PATTERNS[split]}
        assert build_scene(draw, split).family in SCENE_FAMILIES[split]


def test_sequences_of_different_splits_use_different_random_numbers():
    draws = [sequence_generator(SequenceRequest(3, split, 7, 1, 64, 64)).random() for split in SPLITS]
    assert len(set(draws)) == len(draws)
