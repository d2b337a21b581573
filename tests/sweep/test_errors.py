from pathlib import Path

import numpy as np
import torch

from occlusion_toolkit.sweep.metrics import mpjpe, pa_mpjpe, pve

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "geometry_golden.npz")


def golden(name: str) -> torch.Tensor:
    return torch.from_numpy(GOLDEN[name])


def test_pa_mpjpe_is_that_of_the_public_evaluation_and_its_mirrored_case_too():
    per_joint = pa_mpjpe(golden("S1"), golden("S2"))
    np.testing.assert_allclose(per_joint.numpy(), GOLDEN["pa_per_joint"], atol=1e-12)
    np.testing.assert_allclose(per_joint.mean(dim=1).numpy(), GOLDEN["pa_mpjpe"], atol=1e-12)


def test_pve_is_that_of_the_public_evaluation_and_aligns_nothing():
    np.testing.assert_allclose(pve(golden("verts_a"), golden("verts_b")).numpy(), GOLDEN["v2v"], atol=1e-12)
    shifted = golden("verts_a") + torch.tensor([0.0, 0.3, 0.4], dtype=torch.float64)
    np.testing.assert_allclose(pve(shifted, golden("verts_a")).numpy(), 0.5, atol=1e-12)


def test_mpjpe_is_the_distance_of_each_joint():
    predicted = torch.zeros(2, 3, 3)
    target = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]).expand(2, 3, 3)
    assert mpjpe(predicted, target).tolist() == [[5.0, 0.0, 2.0]] * 2


def test_alignment_cannot_make_the_squared_error_larger():
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.randn((2, 50, 14, 3), generator=generator)
    plain = mpjpe(predicted, target).square().sum(dim=1)
    aligned = pa_mpjpe(predicted, target).square().sum(dim=1)
    assert (aligned <= plain + 1e-5).all()
