"""Weak-perspective projection into crops and images of any resolution."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def project_to_crop(
    points: Float[Tensor, "batch points 3"],
    camera: Float[Tensor, "batch 3"],
    resolution: int = 224,
) -> Float[Tensor, "batch points 3"]:
    """Pixels of points in a square crop, and their depth.

    x_norm = s * (X + tx) and y_norm = s * (Y + ty), with the crop spanning [-1, 1] from border to border
    (SPIN's camera for depths far below the camera's distance). Pixels are continuous: 0 is the left (or
    upper) border of the crop, `resolution` the right (or lower) one.

    Args:
        points: points in the camera frame (x right, y down, z forward), metres, (B, N, 3).
        camera: (s, tx, ty), (B, 3).
        resolution: side of the crop in pixels.

    Returns:
        x and y in pixels and z unchanged, (B, N, 3): what `rasterize` takes.
    """
    half = resolution / 2
    normalised = camera[:, None, :1] * (points[..., :2] + camera[:, None, 1:])
    return torch.cat([half * (normalised + 1), points[..., 2:]], dim=-1)


def turn_about_vertical(
    vertices: Float[Tensor, "batch vertices 3"], degrees: float
) -> Float[Tensor, "batch vertices 3"]:
    """Vertices turned about the camera frame's vertical axis, through its origin.

    Args:
        vertices: in the camera frame, metres, (B, V, 3).
        degrees: 90 shows the body from the right-hand side of the picture.

    Returns:
        The turned vertices, (B, V, 3).
    """
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = vertices.new_tensor([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
    return vertices @ turn.T
