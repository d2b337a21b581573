"""Rotations and cameras of the public evaluation (see the parity kit's geometry): ours mean the same."""

from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.camera import project_to_crop

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "geometry_golden.npz")

FOCAL_PX = 5000.0
"""Focal length that the public code renders and projects with, pixels of the crop."""


def test_rotation_vectors_of_data_sets_are_read_as_the_public_code_reads_them():
    rotmats = Rotation.from_rotvec(GOLDEN["axis_angle"]).as_matrix()
    np.testing.assert_allclose(rotmats, GOLDEN["rodrigues"], atol=5e-7)  # the golden ones are float32


def test_the_weak_camera_is_the_public_perspective_camera_seen_from_afar():
    camera, points = torch.from_numpy(GOLDEN["cam"]), torch.from_numpy(GOLDEN["points"])
    weak = project_to_crop(points, camera)[..., :2].numpy() / 112 - 1
    depth_m = GOLDEN["cam_t"][:, None, 2:]
    np.testing.assert_allclose(depth_m[:, 0, 0], 2 * FOCAL_PX / (224 * GOLDEN["cam"][:, 0]), rtol=1e-6)
    # A point at relative depth Z is seen 1 / (1 + Z / depth) times as far from the middle.
    np.testing.assert_allclose(weak / (1 + points.numpy()[..., 2:] / depth_m), GOLDEN["proj_norm"], atol=1e-6)
