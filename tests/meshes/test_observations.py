"""What windows hide, on scenes whose answer is known by construction; observations need the right people."""

import dataclasses

import numpy as np
import pytest
from support.survey_fixtures import make_survey, manifest_of, random_maps, survey_card

from occlusion_toolkit.body.parts import PART_NAMES, part_of_joint, part_steps
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.scene import Scene
from occlusion_toolkit.errors import GroundTruthError, ResultError
from occlusion_toolkit.meshes.observations import observe, what_windows_hide
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import save_maps

GRID = Grid("inside", size=40, stride=40, resolution=200)
NAMES = ("left_wrist", "neck", "head_top")


def label(part):
    return PART_NAMES.index(part) + 1


@pytest.fixture
def scene():
    """A forearm in the first block, a foot in the third, an empty rest; the wrist is on the forearm."""
    parts = np.zeros((200, 200), np.uint8)
    parts[5:35, 5:35] = label("left_elbow")
    parts[5:35, 85:115] = label("left_foot")
    parts[45, 45] = label("left_foot")
    places = np.array([[20.0, 20.0], [np.nan, np.nan], [190.0, 190.0]])
    return Scene(parts, places, np.array([1, 0, 0], np.uint8))


def test_windows_are_told_apart_by_what_they_hide(scene):
    kinds = what_windows_hide(scene, GRID.windows(), NAMES, 40)
    wrist = {kind: np.flatnonzero(chosen[0]).tolist() for kind, chosen in kinds.items()}
    assert wrist["own"] == [0]
    assert wrist["far"] == [2]
    assert wrist["neighbours"] == []
    # One pixel of the foot is neither background nor "some of the body".
    assert set(wrist["background"]) == set(range(25)) - {0, 2, 6}


def test_a_hidden_forearm_is_a_neighbour_of_a_wrist_elsewhere(scene):
    moved = dataclasses.replace(scene, joints_px=np.array([[190.0, 190.0]] * 3))
    kinds = what_windows_hide(moved, GRID.windows(), NAMES, 40)
    assert np.flatnonzero(kinds["neighbours"][0]).tolist() == [0]
    assert np.flatnonzero(kinds["own"][0]).tolist() == [24]


def test_kinds_never_overlap_except_for_a_joint_outside_the_body(scene):
    kinds = what_windows_hide(scene, GRID.windows(), NAMES, 40)
    assert not (kinds["own"] & kinds["neighbours"]).any()
    assert not (kinds["far"] & (kinds["own"] | kinds["neighbours"] | kinds["background"])).any()


def test_what_windows_hide_needs_a_mask(scene):
    with pytest.raises(GroundTruthError, match="mask"):
        what_windows_hide(dataclasses.replace(scene, parts=None), GRID.windows(), NAMES, 40)


def test_a_survey_of_other_people_is_refused(tmp_path):
    with pytest.raises(ResultError, match="other people"):
        observe(make_survey(tmp_path), open_dataset("open"))


def test_a_network_that_moves_everything_alike_shows_no_difference_between_windows(tmp_path):
    people = EvenlySpaced(open_dataset("open"), 24)
    grid = Grid("centred", size=40, stride=32)
    card = survey_card(grid, people_sha256=people.fingerprint)
    names = {"sequence": [sample.sequence for sample in people], "frame": list(range(24))}
    maps = random_maps(card, range(24), names | {"person": [0] * 24, "file": ["a.jpg"] * 24})
    maps["displacement"][:] = 7
    (tmp_path / "shards").mkdir()
    survey = Survey(tmp_path, manifest_of(card, 24, 24))
    save_maps(survey.shard_path(0), maps)
    lines = observe(survey.sealed(), people)
    assert [line.hidden for line in lines] == 2 * ["background", "own", "neighbours", "far"]
    assert len({line.joints for line in lines[:4]}) == 1
    assert lines[0].joints > 150
    for line in lines[:4]:
        assert (line.mean_mm, line.low_mm, line.high_mm) == pytest.approx((7, 7, 7))


def test_steps_between_parts_follow_the_tree():
    steps = part_steps()
    assert (steps == steps.T).all()
    assert (np.diag(steps) == 0).all()

    def apart(one, other):
        return steps[PART_NAMES.index(one), PART_NAMES.index(other)]

    assert apart("left_elbow", "left_wrist") == 1
    assert apart("left_hip", "right_hip") == 2
    assert apart("left_hand", "right_hand") == 10
    assert apart("left_foot", "head") == 9


def test_every_joint_of_every_set_that_has_flesh_has_a_part():
    assert PART_NAMES[part_of_joint("head_top")] == "head"
    assert PART_NAMES[part_of_joint("left_wrist")] == "left_wrist"
    assert part_of_joint("mean") is None
