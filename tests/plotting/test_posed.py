"""Bodies in pictures: left and right can be told apart, so one that is turned front to back is seen to be."""

import numpy as np
import pytest
import torch

from occlusion_toolkit.body.bodies import load_body
from occlusion_toolkit.body.camera import turn_about_vertical
from occlusion_toolkit.plotting import posed
from occlusion_toolkit.plotting.overlay import BODY_COLOUR
from occlusion_toolkit.plotting.posed import PosedBody, Surface, front_layer


@pytest.fixture(scope="module")
def body():
    return load_body()


def warmth(layer, columns) -> float:
    """Red minus blue of what is drawn in some columns of a picture."""
    part = layer[:, columns]
    drawn = part[part[..., 3] > 0.5]
    return float((drawn[:, 0] - drawn[:, 2]).mean())


def test_a_body_that_is_turned_front_to_back_has_its_colours_swapped(body, monkeypatch):
    monkeypatch.setattr(posed, "_MESH_PIXELS", 64)
    facing = torch.from_numpy(body.arrays.v_template).float() * torch.tensor([1.0, -1.0, -1.0])
    away = turn_about_vertical(facing[None], 180.0)[0]
    camera, surface = np.array([0.9, 0.0, 0.2], np.float32), Surface.of(body)
    left, right = slice(36, 64), slice(0, 28)
    for vertices, warm, cold in ((facing, left, right), (away, right, left)):
        layer = front_layer(PosedBody(vertices.numpy(), camera), surface, BODY_COLOUR)
        assert warmth(layer, warm) > warmth(layer, cold) + 0.3


def test_limbs_have_a_side_and_head_and_trunk_have_none(body):
    sides, x = Surface.of(body).sides, body.arrays.v_template[:, 0]
    assert (x[sides == 1] > 0).mean() > 0.98
    assert (x[sides == -1] < 0).mean() > 0.98
    assert 0.2 < (sides == 0).mean() < 0.8
