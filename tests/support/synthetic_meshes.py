"""Small closed meshes with outward faces, for the rendering tests."""

import math

import torch
from torch import Tensor


def sphere(rings: int = 40, radius: float = 1.0) -> tuple[Tensor, Tensor]:
    """A sphere about the origin in the camera frame (y down): vertices (V, 3) and faces (F, 3)."""
    polar = torch.linspace(0, math.pi, rings + 1, dtype=torch.float64)
    around = torch.linspace(0, 2 * math.pi, 2 * rings + 1, dtype=torch.float64)[:-1]
    x = torch.sin(polar)[:, None] * torch.cos(around)
    y = -torch.cos(polar)[:, None].expand_as(x)
    z = torch.sin(polar)[:, None] * torch.sin(around)
    ring, step = torch.arange(rings)[:, None], torch.arange(2 * rings)
    upper, upper_next = ring * 2 * rings + step, ring * 2 * rings + (step + 1) % (2 * rings)
    lower, lower_next = upper + 2 * rings, upper_next + 2 * rings
    faces = torch.cat(
        [
            torch.stack([upper, lower, lower_next], -1).reshape(-1, 3),
            torch.stack([upper, lower_next, upper_next], -1).reshape(-1, 3),
        ]
    )
    return radius * torch.stack([x, y, z], -1).reshape(-1, 3), faces


def rectangle(x0: float, y0: float, x1: float, y1: float, depth: float) -> tuple[Tensor, Tensor]:
    """A front-facing rectangle at one depth: four vertices and two faces."""
    corners = [[x0, y0, depth], [x0, y1, depth], [x1, y1, depth], [x1, y0, depth]]
    return torch.tensor(corners, dtype=torch.float64), torch.tensor([[0, 1, 2], [0, 2, 3]])


def joined(*meshes: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Several meshes as one."""
    faces, offset = [], 0
    for vertices, triangles in meshes:
        faces.append(triangles + offset)
        offset += len(vertices)
    return torch.cat([vertices for vertices, _ in meshes]), torch.cat(faces)
