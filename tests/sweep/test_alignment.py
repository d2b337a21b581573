from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from support.alignment_oracles import ORACLES

from occlusion_toolkit.sweep.metrics import align, centre_on, pa_mpjpe, procrustes

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "geometry_golden.npz")


def people(count: int, seed: int = 0, joints: int = 14) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, joints, 3)))


def test_golden_alignments_of_the_public_evaluation():
    aligned = align(torch.from_numpy(GOLDEN["S1"]), torch.from_numpy(GOLDEN["S2"]))
    np.testing.assert_allclose(aligned.numpy(), GOLDEN["S1_hat"], atol=1e-12)


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
@pytest.mark.parametrize("nearness", [0.0, 0.1], ids=["anything", "alike"])
@given(seed=st.integers(0, 10_000), mirrored=st.booleans())
def test_agrees_with_plain_svd_and_with_scipy(oracle, nearness, seed, mirrored):
    target = people(3, seed)
    predicted = people(3, seed + 1) if nearness == 0 else target + nearness * people(3, seed + 1)
    if mirrored:
        predicted = predicted * torch.tensor([1.0, 1.0, -1.0])
    expected = np.stack([oracle(p, t) for p, t in zip(predicted.numpy(), target.numpy(), strict=True)])
    np.testing.assert_allclose(align(predicted, target).numpy(), expected, atol=1e-9)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.05, 20.0))
def test_a_known_similarity_is_found_and_leaves_no_error(seed, scale):
    target = people(4, seed)
    rotation = torch.from_numpy(Rotation.random(4, random_state=seed).as_matrix())
    shift = people(1, seed + 1, joints=4)[0]
    predicted = (target - shift[:, None]) @ rotation / scale
    found = procrustes(predicted, target)
    torch.testing.assert_close(found.rotation, rotation, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.scale, torch.full((4,), scale, dtype=torch.float64), rtol=1e-9, atol=0)
    torch.testing.assert_close(found.translation, shift, atol=1e-8, rtol=0)
    assert pa_mpjpe(predicted, target).max() < 1e-9


def test_a_mirror_image_is_not_aligned_away():
    target = people(5)
    mirrored = target * torch.tensor([-1.0, 1.0, 1.0])
    assert (torch.linalg.det(procrustes(mirrored, target).rotation) > 0.999).all()
    assert (pa_mpjpe(mirrored, target).mean(dim=1) > 0.1).all()


def test_every_person_of_a_batch_is_aligned_alone():
    predicted, target = people(6, 1), people(6, 2)
    one_by_one = torch.cat([align(p[None], t[None]) for p, t in zip(predicted, target, strict=True)])
    torch.testing.assert_close(align(predicted, target), one_by_one, atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_coinciding_points_are_only_moved(dtype):
    predicted = torch.full((2, 14, 3), 0.3, dtype=dtype)
    target = people(2).to(dtype)
    found = procrustes(predicted, target)
    assert (found.scale == 1).all()
    aligned = align(predicted, target)
    torch.testing.assert_close(aligned, target.mean(dim=1, keepdim=True).expand_as(aligned))


def test_points_on_a_line_and_on_a_plane_still_align_exactly():
    rotation = torch.from_numpy(Rotation.random(random_state=3).as_matrix())
    for kept in (1, 2):
        predicted = people(2, 4)
        predicted[..., kept:] = 0
        target = 2.5 * predicted @ rotation.T + 1.0
        assert pa_mpjpe(predicted, target).max() < 1e-9


def test_a_target_of_one_point_leaves_no_error():
    target = torch.full((1, 14, 3), 0.7, dtype=torch.float64)
    assert pa_mpjpe(people(1), target).max() < 1e-9


def test_float32_far_from_the_origin_keeps_a_tenth_of_a_millimetre():
    target = (people(2) + 30.0).float()
    predicted = (2 * people(2) - 10.0).float()
    assert pa_mpjpe(predicted, target).max() < 1e-4


def test_centring_puts_the_root_at_zero():
    joints = people(3)
    torch.testing.assert_close(centre_on(joints, joints[:, 4])[:, 4], torch.zeros(3, 3, dtype=torch.float64))
