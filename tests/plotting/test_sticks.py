"""Stick figures stand where their joints are seen, and know left from right."""

import numpy as np
import torch

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.plotting.posed import LEFT_COLOUR, RIGHT_COLOUR, front_layer
from occlusion_toolkit.plotting.sticks import bones_of, stick_body, stick_surface

RNG = np.random.default_rng(0)
JOINTS_M = RNG.normal(0, 0.4, (14, 3))
CAMERA = np.array([0.8, 0.1, -0.05])
JOINTS_PX = 112 * (CAMERA[0] * (JOINTS_M[:, :2] + CAMERA[1:]) + 1)


def test_the_camera_is_the_one_under_which_joints_are_seen():
    body = stick_body(JOINTS_M, JOINTS_PX, LSP14, 224)
    np.testing.assert_allclose(body.camera, CAMERA, atol=1e-5)


def test_sticks_stand_where_joints_are_seen_whatever_their_metres_say():
    body = stick_body(1.3 * JOINTS_M + 0.2, JOINTS_PX + 5, LSP14, 224)
    middles = body.vertices.reshape(len(bones_of(LSP14)), -1, 3).mean(axis=1)
    seen = 112 * (body.camera[0] * (middles[:, :2] + body.camera[1:]) + 1)
    wanted = [(JOINTS_PX[one] + JOINTS_PX[other]) / 2 + 5 for one, other in bones_of(LSP14)]
    np.testing.assert_allclose(seen, wanted, atol=1e-3)


def test_every_bone_has_a_closed_stick_between_its_joints():
    body, surface = stick_body(JOINTS_M, JOINTS_PX, LSP14, 224), stick_surface(LSP14)
    edges = np.sort(np.concatenate([surface.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    middles = body.vertices.reshape(len(bones_of(LSP14)), -1, 3).mean(axis=1)
    for middle, (one, other) in zip(middles, bones_of(LSP14), strict=True):
        np.testing.assert_allclose(middle, (JOINTS_M[one] + JOINTS_M[other]) / 2, atol=1e-5)


def test_left_and_right_arms_have_their_colours_in_the_picture():
    standing = np.zeros((14, 3))
    for name, x, y in (
        ("left_shoulder", 0.2, -0.3),
        ("left_elbow", 0.6, -0.3),
        ("right_shoulder", -0.2, -0.3),
        ("right_elbow", -0.6, -0.3),
    ):
        standing[LSP14.index(name), :2] = x, y
    pixels = 112 * (0.9 * standing[:, :2] + 1)
    layer = front_layer(stick_body(standing, pixels, LSP14, 224), stick_surface(LSP14), (0.5, 0.5, 0.5))
    size = len(layer)

    def colour_at(x: float, y: float) -> np.ndarray:
        column, row = (int((0.9 * value + 1) / 2 * size) for value in (x, y))
        return layer[row, column, :3] / layer[row, column, :3].max()

    for place, colour in ((0.4, LEFT_COLOUR), (-0.4, RIGHT_COLOUR)):
        wanted = torch.tensor(colour) / max(colour)
        found = torch.from_numpy(colour_at(place, -0.3).astype(np.float64)).float()
        assert (found - wanted).abs().max() < 0.25
