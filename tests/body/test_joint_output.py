"""Joints without a body are mapped by name, and what cannot be mapped is named."""

import pytest
import torch

from occlusion_toolkit.body.joint_output import JointOutput
from occlusion_toolkit.body.joints import BLAZEPOSE33, LSP14, SMPL24
from occlusion_toolkit.errors import UsageError


def people(count: int = 3, seed: int = 0) -> JointOutput:
    """Random points of BlazePose with a confidence and places."""
    draw = torch.Generator().manual_seed(seed)
    return JointOutput(
        torch.randn((count, 33, 3), generator=draw),
        BLAZEPOSE33,
        torch.rand((count, 33), generator=draw),
        100 * torch.rand((count, 33, 2), generator=draw),
    )


def test_joints_of_one_name_are_the_same_points():
    given = people()
    mapped = given.in_set(LSP14)
    for name in set(LSP14.joint_names) & set(BLAZEPOSE33.joint_names):
        one, other = LSP14.index(name), BLAZEPOSE33.index(name)
        torch.testing.assert_close(mapped.joints[:, one], given.joints[:, other])
        torch.testing.assert_close(mapped.points_px[:, one], given.points_px[:, other])
        torch.testing.assert_close(mapped.confidence[:, one], given.confidence[:, other])


def test_derived_joints_move_with_the_person_and_are_no_surer_than_what_they_are_made_of():
    given = people()
    shift = torch.tensor([1.0, -2.0, 3.0])
    moved = JointOutput(given.joints + shift, BLAZEPOSE33)
    torch.testing.assert_close(moved.in_set(LSP14).joints, given.in_set(LSP14).joints + shift)
    torch.testing.assert_close(moved.centred(LSP14), given.centred(LSP14))
    made_of = [
        BLAZEPOSE33.index(n) for n in ("left_ear", "right_ear", "left_shoulder", "right_shoulder", "nose")
    ]
    neck = given.in_set(LSP14).confidence[:, LSP14.index("neck")]
    torch.testing.assert_close(neck, given.confidence[:, made_of].amin(dim=1))


def test_the_way_back_keeps_what_has_a_name_and_says_what_has_none():
    lsp = people().in_set(LSP14)
    with pytest.raises(
        UsageError, match=r"'lsp14' cannot be mapped to 'blazepose33': it has no nose, left_eye"
    ):
        lsp.in_set(BLAZEPOSE33)
    with pytest.raises(UsageError, match="spine1"):
        people().in_set(SMPL24)


def test_a_tensor_of_another_number_of_joints_is_refused():
    with pytest.raises(UsageError, match="joints has 14 joints, the joint set 'blazepose33' has 33"):
        JointOutput(torch.zeros(1, 14, 3), BLAZEPOSE33)


def test_slices_and_types_reach_every_tensor():
    given = people(4)
    some = given[1:3].to("cpu", torch.float64)
    assert len(some) == 2
    assert {tensor.dtype for tensor in some.tensors.values()} == {torch.float64}
    torch.testing.assert_close(some.confidence, given.confidence[1:3].double())
