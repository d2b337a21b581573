from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from occlusion_toolkit.training.heatmap_losses import (
    attention_loss,
    gaussians,
    heatmap_joints_loss,
    heatmap_loss,
)
from occlusion_toolkit.training.losses import (
    IGNORED_PART,
    LossTerms,
    betas_loss,
    camera_loss,
    in_pelvis_frame,
    joints_2d_loss,
    joints_3d_loss,
    part_loss,
    pose_loss,
    project,
    project_in_perspective,
)
from occlusion_toolkit.training.recipe import LossWeights

GOLDEN = Path(__file__).parents[1] / "golden" / "pare_loss_golden.npz"
BODY_25 = 25
"""The first 25 of the 49 joints are OpenPose's, which PARE gives no weight in 2D and leaves out in 3D."""


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    with np.load(GOLDEN) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


@pytest.fixture(scope="module")
def terms(golden: dict[str, torch.Tensor]) -> LossTerms:
    has_body, has_joints = golden["gt/has_smpl"].bool(), golden["gt/has_pose_3d"].bool()
    confidence_2d = golden["gt/keypoints"][..., 2].clone()
    confidence_2d[:, :BODY_25] = 0
    rotmats = Rotation.from_rotvec(golden["gt/pose"].reshape(-1, 3).double().numpy()).as_matrix()
    return LossTerms(
        joints_2d=joints_2d_loss(
            golden["pred/smpl_joints2d"], golden["gt/keypoints"][..., :2], confidence_2d
        ),
        joints_3d=joints_3d_loss(
            golden["pred/smpl_joints3d"][:, BODY_25:],
            golden["gt/pose_3d"][..., :3],
            golden["gt/pose_3d"][..., 3],
            (2, 3),
            has_joints,
        ),
        body_joints=torch.zeros(()),
        pose=pose_loss(
            golden["pred/pred_pose"],
            torch.from_numpy(rotmats).float().view(-1, 24, 3, 3),
            golden["gt/pose_conf"],
            has_body,
        ),
        betas=betas_loss(golden["pred/pred_shape"], golden["gt/betas"], has_body),
        camera=camera_loss(golden["pred/pred_cam"]),
        parts=part_loss(golden["pred/pred_segm_mask"], golden["gt/gt_segm_mask"], has_body),
        heatmaps=torch.zeros(()),
        heatmap_joints=torch.zeros(()),
        points_2d=torch.zeros(()),
        points_3d=torch.zeros(()),
    )


def test_total_is_that_of_pare(golden: dict[str, torch.Tensor], terms: LossTerms) -> None:
    assert terms.total(LossWeights()).item() == pytest.approx(float(golden["total"]), rel=1e-6)


@pytest.mark.parametrize(
    ("term", "name"),
    [
        ("joints_2d", "loss_keypoints"),
        ("joints_3d", "loss_keypoints_3d"),
        ("pose", "loss_regr_pose"),
        ("betas", "loss_regr_betas"),
        ("camera", "loss_cam"),
        ("parts", "loss_segm_mask"),
    ],
)
def test_every_term_is_that_of_pare(
    golden: dict[str, torch.Tensor], terms: LossTerms, term: str, name: str
) -> None:
    weighted = getattr(LossWeights(), term) * getattr(terms, term)
    assert weighted.item() == pytest.approx(float(golden[f"terms/loss/{name}"]), rel=1e-5)


def test_terms_of_people_without_annotation_are_zero_and_differentiable() -> None:
    nobody = torch.zeros(2, dtype=torch.bool)
    joints = torch.randn(2, 5, 3, requires_grad=True)
    logits = torch.randn(2, 25, 4, 4, requires_grad=True)
    total = joints_3d_loss(joints, torch.randn(2, 5, 3), torch.ones(2, 5), (0, 1), nobody)
    total = total + part_loss(logits, torch.zeros(2, 8, 8, dtype=torch.long), nobody)
    total.backward()
    assert total.item() == 0
    assert joints.grad is not None
    assert not joints.grad.any()


def test_moving_a_person_does_not_change_the_3d_loss() -> None:
    torch.manual_seed(0)
    truth, predicted = torch.randn(2, 3, 6, 3)
    everyone = torch.ones(3, dtype=torch.bool)
    losses = [
        joints_3d_loss(predicted + shift, truth, torch.ones(3, 6), (1, 2), everyone) for shift in (0.0, 7.0)
    ]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)


def test_turning_a_person_does_not_change_joints_seen_from_the_pelvis() -> None:
    torch.manual_seed(0)
    joints = torch.randn(2, 6, 3)
    root, turn = (torch.from_numpy(Rotation.random(2, rng=seed).as_matrix()).float() for seed in (0, 1))
    turned = joints @ turn.transpose(1, 2)
    assert torch.allclose(in_pelvis_frame(turned, turn @ root), in_pelvis_frame(joints, root), atol=1e-5)
    assert not torch.allclose(in_pelvis_frame(turned, root), in_pelvis_frame(joints, root), atol=0.1)


def test_ignored_pixels_do_not_count() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 25, 8, 8)
    labels = torch.randint(0, 25, (1, 8, 8))
    halved = labels.clone()
    halved[:, 4:] = IGNORED_PART
    everyone = torch.ones(1, dtype=torch.bool)
    kept = torch.nn.functional.cross_entropy(logits[:, :, :4], labels[:, :4])
    assert part_loss(logits, halved, everyone).item() == pytest.approx(kept.item(), rel=1e-6)


def test_only_negative_scales_are_penalised_strongly() -> None:
    assert camera_loss(torch.tensor([[0.9, 0.0, 0.0]])).item() < 1e-7
    assert camera_loss(torch.tensor([[-0.1, 0.0, 0.0]])).item() > 1


def test_people_whose_labels_are_all_unknown_cost_nothing() -> None:
    logits = torch.randn(2, 25, 8, 8, requires_grad=True)
    labels = torch.full((2, 16, 16), IGNORED_PART)
    loss = part_loss(logits, labels, torch.tensor([True, True]))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_what_is_not_annotated_may_hold_anything() -> None:
    known = torch.tensor([True, False])
    predicted = torch.randn(2, 24, 3, 3, requires_grad=True)
    truth = torch.randn(2, 24, 3, 3)
    truth[1] = float("nan")
    losses = [
        pose_loss(predicted, truth, torch.ones(2, 24), known),
        betas_loss(predicted[:, :10, 0, 0], truth[:, :10, 0, 0], known),
        joints_3d_loss(predicted[..., 0], truth[..., 0], torch.ones(2, 24), (2, 3), known),
        attention_loss(torch.full((2, 24, 4, 4), 1 / 16), truth[..., 0, :2], known),
        heatmap_loss(torch.zeros(2, 24, 4, 4), truth[..., 0, :2], known),
        heatmap_joints_loss(torch.full((2, 24, 4, 4), 1 / 16), truth[..., 0, :2], known),
    ]
    total = torch.stack(losses).sum()
    total.backward()
    assert total.isfinite()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
    assert not predicted.grad[1].any()


def test_perspective_joints_are_those_of_the_public_projection() -> None:
    with np.load(GOLDEN.parent / "geometry_golden.npz") as stored:
        points, camera, expected = (torch.from_numpy(stored[k]) for k in ("points", "cam", "proj_norm"))
    seen = project_in_perspective(points, camera)
    np.testing.assert_allclose(seen, expected, atol=1e-6)
    # The formula, written out: f (X + t) / (Z + 2 f / 224 s) in half crops of 112 px.
    depth = points[..., 2] + 2 * 5000 / (224 * camera[:, None, 0])
    np.testing.assert_allclose(seen[..., 0], 5000 * (points[..., 0] + camera[:, None, 1]) / depth / 112, 1e-5)
    assert not torch.allclose(project(points, camera), expected, atol=1e-3)


def heatmap_by_hand(x: float, y: float, size: int = 56) -> np.ndarray:
    """One of PARE's targets from its description: a Gaussian of one pixel around the nearest pixel, 7 x 7."""
    column, row = int((x + 1) * 112 / 4 + 0.5), int((y + 1) * 112 / 4 + 0.5)
    target = np.zeros((size, size))
    for i in range(max(row - 3, 0), min(row + 4, size)):
        for j in range(max(column - 3, 0), min(column + 4, size)):
            target[i, j] = np.exp(-((i - row) ** 2 + (j - column) ** 2) / 2)
    return target


def test_gaussians_are_the_published_ones() -> None:
    places = [(0.0, 0.0), (0.31, -0.52), (-1.0, 0.999), (1.08, 0.2), (-1.15, 0), (1.2, 0), (0, -3)]
    targets, counts = gaussians(torch.tensor([places]), 56, 56)
    for target, place in zip(targets[0], places, strict=True):
        np.testing.assert_allclose(target, heatmap_by_hand(*place), atol=1e-6)
    # The last two are further from the map than their Gaussians reach: columns 62 and row -56.
    assert counts[0].tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_heatmap_loss_is_half_the_mean_square_over_joints_and_pixels() -> None:
    torch.manual_seed(0)
    scores, places = torch.randn(2, 24, 56, 56), torch.rand(2, 24, 2) * 2 - 1
    squares = [
        0.5 * np.mean((scores[b, j].numpy() - heatmap_by_hand(*places[b, j].tolist())) ** 2)
        for b in range(2)
        for j in range(24)
    ]
    both = torch.tensor([True, True])
    assert heatmap_loss(scores, places, both).item() == pytest.approx(np.mean(squares), rel=1e-5)
    alone = heatmap_loss(scores, places, torch.tensor([True, False]))
    assert alone.item() == pytest.approx(np.mean(squares[:24]), rel=1e-5)


def test_expected_places_are_held_against_joints_and_absurd_losses_dropped() -> None:
    attention = torch.zeros(1, 24, 56, 56)
    attention[..., 0, 55] = 1.0  # the corner pixel stands at (1, -1)
    everyone = torch.tensor([True])
    at_corner = torch.tensor([1.0, -1.0]).expand(1, 24, 2)
    assert heatmap_joints_loss(attention, at_corner, everyone).item() == pytest.approx(0, abs=1e-9)
    off = at_corner + torch.tensor([0.0, 0.5])
    assert heatmap_joints_loss(attention, off, everyone).item() == pytest.approx(0.125, rel=1e-5)
    assert heatmap_joints_loss(attention, at_corner + 5, everyone).item() == 0
