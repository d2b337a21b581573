"""Errors that can be worked out by hand: of the truth itself, turned, scaled and mirrored."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from support.alignment_oracles import ORACLES
from support.evaluate_fixtures import OracleNetwork, evaluator_of, some_people

from occlusion_toolkit.body.joints import H36M17, LSP14, SMPL24, JointSet
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.protocol import SPIN
from occlusion_toolkit.evaluation.evaluator import PosedPeople, measure, posed, true_parameters
from occlusion_toolkit.evaluation.run import run_evaluation

TURN = math.radians(20)
SETS = (LSP14, H36M17, SMPL24)


@pytest.fixture(scope="module")
def truth() -> PosedPeople:
    """All people of the open test set, in float64."""
    people = posed(load_open_body(), true_parameters(some_people(120)[:]), LSP14, "none")
    return PosedPeople(people.joints.double(), people.vertices.double())


def turned_about_depth(parameters: BodyParameters) -> BodyParameters:
    turn = torch.from_numpy(Rotation.from_euler("z", TURN).as_matrix()).float()
    rotmats = parameters.rotmats.clone()
    rotmats[:, 0] = turn @ rotmats[:, 0]
    return dataclasses.replace(parameters, rotmats=rotmats)


def chord(points: torch.Tensor) -> torch.Tensor:
    """How far points move when they are turned about the z axis by `TURN`, millimetres."""
    return 1000 * 2 * math.sin(TURN / 2) * points[..., :2].norm(dim=-1)


@pytest.fixture(scope="module")
def oracle_network() -> OracleNetwork:
    """Knows a person of each sequence."""
    return OracleNetwork(some_people(24)[:])


@pytest.mark.parametrize("joint_set", SETS, ids=lambda joint_set: joint_set.name)
def test_truth_as_prediction_has_no_error(joint_set: JointSet, oracle_network: OracleNetwork):
    protocol = dataclasses.replace(SPIN, joint_set=joint_set)
    result = run_evaluation(evaluator_of(oracle_network, some_people(24), protocol))
    assert result.sizes["image"] == 24
    assert result["clean_error"].max() == 0
    assert result["clean_pve"].max() == 0
    assert result["clean_pa_error"].max() < 1e-6  # aligning a set to itself leaves rounding of float64


@pytest.mark.parametrize("alignment", ["none", "pelvis"])
def test_a_turned_root_moves_joints_and_vertices_along_chords(alignment):
    people = some_people(24)
    protocol = dataclasses.replace(SPIN, pve_alignment=alignment)
    evaluator = evaluator_of(OracleNetwork(people[:], turned_about_depth), people, protocol)
    result = run_evaluation(evaluator)
    body, true = load_open_body(), true_parameters(people[:])
    # The body turns about its root joint; errors of joints are relative to the pelvis.
    centre = body(true).joints[:, :1] if alignment == "none" else body.pelvis(true, LSP14)[:, None]
    np.testing.assert_allclose(result["clean_error"], chord(body.centred_joints(true, LSP14)), atol=2e-3)
    moved = chord(body(true).vertices - centre).mean(dim=1)
    np.testing.assert_allclose(result["clean_pve"], moved, atol=2e-3)
    assert result["clean_pa_error"].max() < 2e-3


def test_a_rigid_motion_of_everything_is_taken_out_by_alignment_only(truth: PosedPeople):
    turn = torch.from_numpy(Rotation.from_euler("z", TURN).as_matrix())
    shift = torch.tensor([0.03, -0.04, 0.12], dtype=torch.float64)
    errors = measure(PosedPeople(truth.joints @ turn.T, truth.vertices + shift), truth)
    torch.testing.assert_close(errors["clean_error"], chord(truth.joints), atol=1e-9, rtol=0)
    assert errors["clean_pa_error"].max() < 1e-9
    torch.testing.assert_close(errors["clean_pve"], torch.full((120,), 130.0, dtype=torch.float64))


@pytest.mark.parametrize("scale", [0.8, 1.25])
def test_a_scaled_prediction_is_off_in_proportion(truth: PosedPeople, scale: float):
    errors = measure(PosedPeople(scale * truth.joints, scale * truth.vertices), truth)
    change_mm = 1000 * abs(scale - 1)
    expected = change_mm * truth.joints.norm(dim=-1)
    torch.testing.assert_close(errors["clean_error"], expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(errors["clean_pve"], change_mm * truth.vertices.norm(dim=-1).mean(1))
    assert errors["clean_pa_error"].max() < 1e-9


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_prediction_keeps_its_error_after_alignment(truth: PosedPeople, axis: int):
    mirror = torch.ones(3, dtype=torch.float64)
    mirror[axis] = -1
    errors = measure(PosedPeople(truth.joints * mirror, truth.vertices * mirror), truth)
    torch.testing.assert_close(errors["clean_error"], 2000 * truth.joints[..., axis].abs(), atol=1e-9, rtol=0)
    torch.testing.assert_close(errors["clean_pve"], 2000 * truth.vertices[..., axis].abs().mean(dim=1))
    for row in range(0, 120, 17):
        expected = residual_of_a_mirror_image(truth.joints[row].numpy())
        np.testing.assert_allclose(errors["clean_pa_error"][row], 1000 * expected, atol=1e-7)
        assert expected.mean() > 0.01


def residual_of_a_mirror_image(points: np.ndarray) -> np.ndarray:
    """What alignment without mirroring leaves of a mirror image, per point (P,), in the unit of the points.

    A rotation turns any mirror plane into any other. The best one is across the axis with the least
    spread: with the variances a >= b >= c, scale (a + b - c) / (a + b + c) and the opposite sign along c.
    """
    centred = points - points.mean(0)
    spread, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    scale = (spread[2] + spread[1] - spread[0]) / spread.sum()
    along = centred @ axes
    return np.sqrt(((1 + scale) * along[:, 0]) ** 2 + ((1 - scale) * along[:, 1:]) ** 2 @ np.ones(2))


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
def test_aligned_errors_of_real_predictions_agree_with_other_libraries(oracle, truth: PosedPeople):
    noise = torch.randn(truth.joints.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    predicted = PosedPeople(truth.joints.flip(0) + 0.05 * noise, truth.vertices)
    expected = np.stack(
        [
            np.linalg.norm(oracle(p, t) - t, axis=1)
            for p, t in zip(predicted.joints.numpy(), truth.joints.numpy(), strict=True)
        ]
    )
    found = measure(predicted, truth)["clean_pa_error"].numpy()
    np.testing.assert_allclose(found, 1000 * expected, atol=1e-8)
