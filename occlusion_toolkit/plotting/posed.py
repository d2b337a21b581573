"""Estimated bodies in pictures: over the crop, from the side, and as outlines to compare others with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import turn_about_vertical
from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.plotting.overlay import BODY_COLOUR, composite, render_body

OCCLUDED_COLOUR = (0.90, 0.62, 0.50)
"""Of trunk and head of predictions from occluded crops; those of clean ones have `BODY_COLOUR`."""

TRUE_COLOUR = (0.80, 0.80, 0.80)
"""Of trunk and head of the ground truth."""

LEFT_COLOUR, RIGHT_COLOUR = (0.97, 0.80, 0.25), (0.10, 0.42, 0.46)
"""Of left and right limbs of every body, so that one that is turned front to back is seen to be."""

LIMBS_NOTE = "left limbs yellow, right limbs dark green"

_MESH_PIXELS, _SAMPLES = 448, 2
_SIDE_GROUND = 244


Layer = Float32[np.ndarray, "size size 4"]
"""A rendered body: sRGB and opacity in [0, 1], not premultiplied."""


@dataclass(frozen=True)
class PosedBody:
    """One estimate as it is drawn.

    Attributes:
        vertices: in the camera frame (x right, y down, z forward), metres, (V, 3).
        camera: weak-perspective (s, tx, ty) in the network's crop, (3,).
        mean_mm: the mean over the joints of what the maps show, for this estimate; None where it says
            nothing (the displacement of the clean prediction from itself).
    """

    vertices: Float[np.ndarray, "vertices 3"]
    camera: Float[np.ndarray, "3"]
    mean_mm: float | None = None


@dataclass(frozen=True)
class Surface:
    """What all poses of a body have in common.

    Attributes:
        faces: corner indices, (F, 3).
        sides: 1 for vertices of left limbs, -1 for those of right ones, 0 for head and trunk, (V,).
    """

    faces: Int64[np.ndarray, "faces 3"]
    sides: Int64[np.ndarray, " vertices"]

    @classmethod
    def of(cls, body: BodyModel) -> "Surface":
        """That of a body model."""
        sides = np.array([side_of(name) for name in PART_NAMES])
        return cls(body.faces.cpu().numpy(), sides[body.vertex_parts.cpu().numpy()])

    def colours(self, trunk: tuple[float, float, float]) -> Float32[np.ndarray, "vertices 3"]:
        """The colour of every vertex of a body whose head and trunk have this one, sRGB in [0, 1]."""
        return np.asarray(np.array([trunk, LEFT_COLOUR, RIGHT_COLOUR], np.float32)[self.sides])


def side_of(part: str) -> int:
    """1 for a part of a left limb, -1 for one of a right limb, 0 for head and trunk."""
    if part.endswith("collar"):
        return 0
    return int(part.startswith("left_")) - int(part.startswith("right_"))


def front_layer(body: PosedBody, surface: Surface, trunk: tuple[float, float, float]) -> Layer:
    """A body through its own camera, to be composited over the crop; `trunk` colours head and trunk."""
    vertices, camera = torch.from_numpy(body.vertices).float(), torch.from_numpy(body.camera).float()
    return _layer(vertices, surface, camera, trunk)


def side_layer(
    body: PosedBody, reference: PosedBody, surface: Surface, trunk: tuple[float, float, float]
) -> Layer:
    """A body from the side, through the camera of a reference, so that several can be compared."""
    turned = _from_the_side(body)
    middle_of = _from_the_side(reference)
    scale, _, up = torch.from_numpy(reference.camera).float()
    middle = (middle_of[:, 0].min() + middle_of[:, 0].max()) / 2
    return _layer(turned, surface, torch.stack([scale, -middle, up]), trunk)


def _layer(vertices: Tensor, surface: Surface, camera: Tensor, trunk: tuple[float, float, float]) -> Layer:
    colours = torch.from_numpy(surface.colours(trunk))
    faces = torch.from_numpy(surface.faces)
    return render_body(vertices, faces, camera, _MESH_PIXELS, colours=colours, supersampling=_SAMPLES)


def on_blank(layer: Layer) -> UInt8[np.ndarray, "size size 3"]:
    """A layer over plain light grey instead of a photograph."""
    return composite(np.full((8, 8, 3), _SIDE_GROUND, dtype=np.uint8), layer)


def silhouette(axes: Axes, layer: Layer, resolution: int) -> None:
    """Draws the outline of a layer over a crop of that resolution."""
    # The padding closes outlines that the border of the crop cuts.
    step = resolution / len(layer)
    centres = (np.arange(-1, len(layer) + 1) + 0.5) * step
    opacity = np.pad(layer[..., 3], 1)
    for colour, line in (("black", 1.3), (BODY_COLOUR, 0.7)):
        axes.contour(centres, centres, opacity, levels=[0.5], colors=[colour], linewidths=line)


def outline(axes: Axes, window: Sequence[int]) -> None:
    """Draws the edges of a window (y0, y1, x0, x1) over a crop."""
    y0, y1, x0, x1 = (int(edge) for edge in window)
    for colour, line in (("black", 1.7), ("white", 0.9)):
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=colour, lw=line))


def _from_the_side(body: PosedBody) -> Tensor:
    return turn_about_vertical(torch.from_numpy(body.vertices).float()[None], 90.0)[0]
