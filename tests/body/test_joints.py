import pytest

from occlusion_toolkit.body.joints import H36M17, LSP14, LSP_FROM_H36M, PARENTS, SMPL24, JointSet, joint_set
from occlusion_toolkit.errors import UsageError


@pytest.mark.parametrize("joints", [SMPL24, H36M17, LSP14], ids=lambda joints: joints.name)
def test_mirror_swaps_sides_and_is_its_own_inverse(joints: JointSet) -> None:
    for index, name in enumerate(joints.joint_names):
        image = joints.joint_names[joints.mirror[index]]
        assert joints.mirror[joints.mirror[index]] == index
        assert (image == name) == (not name.startswith(("left_", "right_")))
        assert image.partition("_")[2] == name.partition("_")[2] or image == name


def test_smpl_mirror_is_the_published_flip_permutation() -> None:
    published = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
    assert SMPL24.mirror == published


def test_parents_make_one_tree_in_order() -> None:
    assert PARENTS[0] == -1
    assert all(0 <= parent < joint for joint, parent in enumerate(PARENTS) if joint)
    assert all(PARENTS[SMPL24.mirror[j]] == SMPL24.mirror[p] for j, p in enumerate(PARENTS) if p >= 0)


def test_lsp_joints_are_h36m_rows_in_evaluation_order() -> None:
    assert tuple(H36M17.joint_names[row] for row in LSP_FROM_H36M) == LSP14.joint_names
    assert LSP14.joint_names == (
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
        *("neck", "head_top"),
    )


def test_joint_sets_are_found_by_name() -> None:
    assert joint_set("lsp14") is LSP14
    assert SMPL24.index("left_knee") == 4


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="smpl24, h36m17, lsp14"):
        joint_set("coco")
    with pytest.raises(UsageError, match="head_top"):
        LSP14.index("pelvis")
