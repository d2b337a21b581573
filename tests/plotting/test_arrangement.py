"""Where the panel of each joint goes."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from occlusion_toolkit.body.joints import H36M17, LSP14, SMPL24
from occlusion_toolkit.plotting.arrangement import arrange


@pytest.mark.parametrize(("joints", "shape"), [(LSP14, (2, 7)), (SMPL24, (4, 6)), (H36M17, (4, 5))])
def test_left_joints_stand_above_their_right_counterparts(joints, shape):
    rows = arrange(joints.joint_names)
    assert (len(rows), len(rows[0])) == shape
    for row, line in enumerate(rows):
        for column, joint in enumerate(line):
            if joint is not None and joints.joint_names[joint].startswith("left_"):
                assert rows[row + 1][column] == joints.mirror[joint]


@given(st.lists(st.sampled_from(SMPL24.joint_names), min_size=1, max_size=24, unique=True))
def test_every_joint_has_exactly_one_place(names):
    rows = arrange(tuple(names))
    places = [joint for line in rows for joint in line if joint is not None]
    assert sorted(places) == list(range(len(names)))
    assert len({len(line) for line in rows}) == 1
    assert len(rows[0]) <= 7


def test_joints_without_a_counterpart_follow_in_reading_order():
    assert arrange(("left_wrist", "head_top", "right_ankle")) == [[0, 1, 2]]
    assert arrange(("neck",)) == [[0]]
