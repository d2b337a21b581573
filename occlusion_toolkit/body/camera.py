"""Weak-perspective cameras: projection into crops, and which vertices of a body they see."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from occlusion_toolkit.body.rasterize import BUILTIN, Rasterizer


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


def full_translation(
    camera: Float[Tensor, "batch 3"],
    box_centre_px: Float[Tensor, "batch 2"],
    box_size_px: Float[Tensor, " batch"],
    image_px: Float[Tensor, "batch 2"],
    focal_px: Float[Tensor, " batch"],
) -> Float[Tensor, "batch 3"]:
    """Where a body stands before the true camera, by the weak-perspective camera of its square.

    Near the body's own depth both project alike: tz = 2 f / (b s), and the square's distance from the middle
    of the image moves the body sideways. HMR2.0 takes f = 5000 / 256 of the longer side of the image,
    CameraHMR the true focal length; within the crop alone (5000 for 256 px) the box is the crop itself.

    Args:
        camera: (s, tx, ty) over the square's [-1, 1], (B, 3).
        box_centre_px: middle of the square (x, y), (B, 2).
        box_size_px: side of the square, (B,).
        image_px: width and height of the image, (B, 2).
        focal_px: focal length, (B,).

    Returns:
        What is added to points in the camera frame (x right, y down, z forward), metres, (B, 3).
    """
    size = box_size_px * camera[:, 0]
    across = camera[:, 1:] + 2 * (box_centre_px - image_px / 2) / size[:, None]
    return torch.cat((across, (2 * focal_px / size)[:, None]), dim=1)


def project_to_image(
    points: Float[Tensor, "batch points 3"],
    translation: Float[Tensor, "batch 3"],
    image_px: Float[Tensor, "batch 2"],
    focal_px: Float[Tensor, " batch"],
) -> Float[Tensor, "batch points 2"]:
    """Pixels (x, y) of points before a pinhole camera whose principal point is the middle of the image.

    Args:
        points: in the camera frame, metres, (B, N, 3).
        translation: added to them, as from `full_translation`, (B, 3).
        image_px: width and height of the image, (B, 2).
        focal_px: focal length, (B,).
    """
    placed = points + translation[:, None]
    return focal_px[:, None, None] * placed[..., :2] / placed[..., 2:] + image_px[:, None] / 2


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


DEPTH_TOLERANCE_M = 0.01
"""How far behind the surface in its pixel a vertex may lie and still be seen: about the width of a pixel."""


@dataclass(frozen=True)
class Visibility:
    """What a camera sees of the vertices of each body of a batch.

    Attributes:
        visible: whether the vertex is inside the crop, faces the camera and has nothing before it, (B, V).
        pixel: its projection (x, y) in continuous pixels of the crop, (B, V, 2).
    """

    visible: Bool[Tensor, "batch vertices"]
    pixel: Float[Tensor, "batch vertices 2"]


@torch.no_grad()
def vertex_visibility(
    vertices: Float[Tensor, "batch vertices 3"],
    faces: Int64[Tensor, "faces 3"],
    camera: Float[Tensor, "batch 3"],
    resolution: int = 224,
    *,
    tolerance_m: float = DEPTH_TOLERANCE_M,
    rasterizer: Rasterizer = BUILTIN,
) -> Visibility:
    """Visible vertices of posed bodies under weak-perspective cameras.

    A vertex is visible where one of its faces owns the pixel that its projection is in, or where it lies at
    most the tolerance behind the plane of the face that does: several vertices share a pixel, and only one
    face owns it. In a pixel that nobody owns (the outer half of a silhouette's pixels) nothing hides it. A
    vertex all of whose faces look away from the camera is never visible.

    Args:
        vertices: camera frame (x right, y down, z forward), metres, (B, V, 3).
        faces: corner indices, anticlockwise when seen from outside, (F, 3).
        camera: weak-perspective (s, tx, ty), (B, 3).
        resolution: side of the crop and of the z-buffer, pixels.
        tolerance_m: the depth tolerance.
        rasterizer: makes the z-buffer.

    Returns:
        Visibility and projection of every vertex.
    """
    projected = project_to_crop(vertices, camera, resolution)
    pixel = projected[..., :2]
    # Before rounding, so that NaN and numbers beyond the integers are simply outside.
    inside = ((pixel >= 0) & (pixel < resolution)).all(dim=-1)
    column, row = torch.where(inside[..., None], pixel, 0).long().unbind(-1)
    image = torch.arange(len(vertices), device=vertices.device)[:, None]
    # Of a closed body the nearest surface always faces the camera: the other half need not be drawn.
    fragments = rasterizer(projected, faces, resolution, resolution, cull_backfaces=True)
    owner = fragments.face[image, row, column]
    corners = faces[owner.clamp_min(0)]
    own = (corners == torch.arange(vertices.shape[1], device=faces.device)[:, None]).any(dim=-1)
    surface = _depth_of_planes(projected[image[..., None], corners], pixel)
    in_front = own | (projected[..., 2] <= surface + tolerance_m) | (owner < 0)
    return Visibility(inside & in_front & _faces_camera(projected, faces), pixel)


def _depth_of_planes(corners: Tensor, pixel: Tensor) -> Tensor:
    """Depth at points (B, V, 2) of the planes through three corners each, (B, V, 3, 3)."""
    origin, second, third = corners.unbind(dim=-2)
    normal = torch.linalg.cross(second - origin, third - origin)
    # A face that owns a pixel has area in the image, so its plane is not parallel to the line of sight.
    slope = normal[..., :2] / normal[..., 2:]
    depth: Tensor = origin[..., 2] - ((pixel - origin[..., :2]) * slope).sum(dim=-1)
    return depth


def _faces_camera(projected: Tensor, faces: Tensor) -> Tensor:
    """Whether a vertex has a face whose outside the camera sees, (B, V)."""
    first, second, third = projected[:, faces, :2].unbind(dim=2)
    one, other = second - first, third - first
    front = one[..., 0] * other[..., 1] < one[..., 1] * other[..., 0]  # y points down
    votes = projected.new_zeros(projected.shape[:2])
    index = faces.flatten().expand(len(projected), -1)
    return votes.scatter_add_(1, index, front.to(votes.dtype).repeat_interleave(3, dim=1)) > 0


def fitted_camera(
    flat: Float[np.ndarray, "points 2"], seen: Float[np.ndarray, "points 2"]
) -> Float32[np.ndarray, "3"]:
    """The weak-perspective camera (s, tx, ty) that shows points where they are seen, least squares.

    Args:
        flat: x and y along the camera's axes, metres, (P, 2).
        seen: where they are in crop coordinates [-1, 1], (P, 2).
    """
    around, wanted = flat - flat.mean(axis=0), seen - seen.mean(axis=0)
    scale = max(float((around * wanted).sum() / max(float((around**2).sum()), 1e-9)), 1e-3)
    return np.array([scale, *(seen.mean(axis=0) / scale - flat.mean(axis=0))], dtype=np.float32)
