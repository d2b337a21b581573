"""The 6D rotation is the published one, a rotation for any input, and inverted by taking two columns."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.models.rotation6d import columns_to_rotmat, rot6d_to_rotmat, rotmat_to_rot6d

GOLDEN = Path(__file__).parents[1] / "golden" / "geometry_golden.npz"


def test_golden_rotations():
    with np.load(GOLDEN) as golden:
        rot6d, rotmats = torch.from_numpy(golden["rot6d"]), torch.from_numpy(golden["rotmat"])
    torch.testing.assert_close(rot6d_to_rotmat(rot6d.reshape(5, 24, 6)), rotmats, atol=1e-6, rtol=0)


def test_golden_inverse():
    with np.load(GOLDEN) as golden:
        rotmats, back = torch.from_numpy(golden["rotmat"]), torch.from_numpy(golden["rot6d_back"])
    torch.testing.assert_close(rotmat_to_rot6d(rotmats).reshape(120, 6), back, atol=1e-6, rtol=0)


def test_six_numbers_are_interleaved_columns():
    half_turn_about_x = torch.tensor([1.0, 0.0, 0.0, -1.0, 0.0, 0.0])
    torch.testing.assert_close(
        rot6d_to_rotmat(half_turn_about_x), torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_six_numbers_become_a_proper_rotation(seed: int):
    rot6d = torch.from_numpy(np.random.default_rng(seed).standard_normal((4, 6)))
    rotmats = rot6d_to_rotmat(rot6d)
    identity = torch.eye(3, dtype=torch.float64).expand(4, 3, 3)
    torch.testing.assert_close(rotmats.transpose(1, 2) @ rotmats, identity, atol=1e-9, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotmats), torch.ones(4, dtype=torch.float64))


def test_rotations_survive_the_round_trip():
    rotmats = rot6d_to_rotmat(torch.from_numpy(np.random.default_rng(0).standard_normal((2, 24, 6))))
    torch.testing.assert_close(rot6d_to_rotmat(rotmat_to_rot6d(rotmats)), rotmats)


def test_gradients_are_finite_where_a_column_is_zero():
    rot6d = torch.zeros(1, 6, requires_grad=True)
    rot6d_to_rotmat(rot6d).sum().backward()
    assert rot6d.grad is not None
    assert rot6d.grad.isfinite().all()


def test_standing_mean_turns_the_body_upright_in_the_camera():
    up_in_body = torch.tensor([0.0, 1.0, 0.0])
    root = rot6d_to_rotmat(MeanParameters.standing().buffers()["init_pose"].view(24, 6))[0]
    torch.testing.assert_close(root @ up_in_body, torch.tensor([0.0, -1.0, 0.0]))  # y points down there


def test_columns_of_hmr2_are_the_golden_rotations():
    with np.load(GOLDEN.with_name("hmr2_camera_golden.npz")) as golden:
        rotmats = columns_to_rotmat(torch.from_numpy(golden["rot6d"]))
        assert float((rotmats - torch.from_numpy(golden["rotmat"])).abs().max()) <= 1e-9


def test_the_two_layouts_are_not_interchangeable():
    rotmats = rot6d_to_rotmat(torch.arange(6.0))
    torch.testing.assert_close(columns_to_rotmat(rotmats[:, :2].T.flatten()), rotmats)
    assert not torch.allclose(columns_to_rotmat(rotmats[:, :2].flatten()), rotmats, atol=0.1)
