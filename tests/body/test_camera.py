"""Where points land in crops and images."""

from pathlib import Path

import numpy as np
import pytest
import torch

from occlusion_toolkit.body.camera import (
    full_translation,
    project_to_crop,
    project_to_image,
    turn_about_vertical,
)


def test_the_crop_spans_minus_one_to_one_from_border_to_border():
    camera = torch.tensor([[0.8, 0.1, -0.3]])
    points = torch.tensor([[[-0.1, 0.3, 2.0], [-0.1 - 1 / 0.8, 0.3 + 1 / 0.8, -1.0]]])
    centre, corner = project_to_crop(points, camera, 224)[0]
    assert torch.allclose(centre, torch.tensor([112.0, 112.0, 2.0]))
    assert torch.allclose(corner, torch.tensor([0.0, 224.0, -1.0]), atol=1e-4)


@pytest.mark.parametrize("resolution", [128, 672])
def test_other_resolutions_scale_the_pixels_and_leave_depth_alone(resolution):
    points, camera = torch.randn(2, 5, 3), torch.tensor([[0.9, 0.0, 0.2], [0.5, -0.4, 0.1]])
    factor = torch.tensor([resolution / 224, resolution / 224, 1.0])
    expected = project_to_crop(points, camera) * factor
    assert torch.allclose(project_to_crop(points, camera, resolution), expected, atol=1e-3)


def test_it_is_the_limit_of_the_perspective_camera_that_the_networks_were_trained_with():
    # t = (tx, ty, 2 f / (224 s)) with f = 5000 px, pixels = f (X + t) / Z + 112.
    s, tx, ty = 0.9, 0.05, -0.1
    points = torch.tensor([[[0.3, -0.5, 0.1], [-0.2, 0.7, -0.1]]], dtype=torch.float64)
    shifted = points + torch.tensor([tx, ty, 2 * 5000 / (224 * s)], dtype=torch.float64)
    perspective = 5000 * shifted[..., :2] / shifted[..., 2:] + 112
    weak = project_to_crop(points, torch.tensor([[s, tx, ty]], dtype=torch.float64))[..., :2]
    assert (perspective - weak).abs().max() < 0.25  # pixels; depth / distance is 0.1 / 50


def test_a_quarter_turn_brings_the_right_of_the_picture_to_the_front():
    turned = turn_about_vertical(torch.tensor([[[1.0, 0.5, 0.0], [0.0, 0.5, -1.0]]]), 90.0)
    assert torch.allclose(turned, torch.tensor([[[0.0, 0.5, -1.0], [-1.0, 0.5, 0.0]]]), atol=1e-6)


def golden_cameras() -> dict[str, torch.Tensor]:
    with np.load(Path(__file__).parents[1] / "golden" / "hmr2_camera_golden.npz") as golden:
        return {name: torch.from_numpy(golden[name]) for name in golden}


@pytest.mark.parametrize(
    ("focal", "translation"),
    [("full_focal", "full_translation"), ("camerahmr_focal", "camerahmr_translation")],
)
def test_bodies_stand_before_the_true_camera_where_the_golden_ones_do(focal: str, translation: str):
    golden = golden_cameras()
    found = full_translation(
        golden["pred_cam"], golden["box_center"], golden["box_size"], golden["img_size_wh"], golden[focal]
    )
    # HMR2.0 adds 1e-9 to b s: 1.4e-10 of the distance in the farthest case.
    torch.testing.assert_close(found, golden[translation], atol=1e-9, rtol=1e-9)


def test_golden_projections_into_the_image_and_into_the_crop():
    golden = golden_cameras()
    pixels = project_to_image(
        golden["points"], golden["full_translation"], golden["img_size_wh"], golden["full_focal"]
    )
    torch.testing.assert_close(pixels, golden["full_keypoints_px"], atol=1e-7, rtol=1e-10)
    count = len(golden["pred_cam"])
    middle, side, focal = (
        torch.full((count, 2), 128.0),
        torch.full((count,), 256.0),
        torch.full((count,), 5e3),
    )
    crop = 2 * middle
    inside = full_translation(golden["pred_cam"], middle, side, crop, focal.double())
    # The public code adds 1e-9 to 256 s here too.
    torch.testing.assert_close(inside, golden["crop_translation"], atol=1e-9, rtol=1e-9)
    shown = project_to_image(golden["points"], inside, crop.double(), focal.double()) / 256 - 0.5
    torch.testing.assert_close(shown, golden["crop_keypoints_normalised"], atol=1e-9, rtol=1e-9)
