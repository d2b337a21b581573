"""Values over the vertices of a body as pictures: from the front, the back and both sides.

Values, not colours, are interpolated over the faces, so a colour between two vertices is the colour of a
value between theirs. Shading only darkens, by 30 % at most and hardly at all where a surface faces the
viewer and the lamp, so that colours can still be read off the colour bar.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64, UInt8
from numpy.typing import NDArray
from torch import Tensor

from occlusion_toolkit.body.camera import turn_about_vertical
from occlusion_toolkit.body.rasterize import interpolate, rasterize
from occlusion_toolkit.plotting.colormaps import ColourScale
from occlusion_toolkit.plotting.shading import crease_darkening, vertex_normals

SIDES = {"front": 0.0, "back": 180.0, "left": 90.0, "right": 270.0}
"""The views in their order, and how far the body is turned for each, degrees."""

UNSEEN_GROUND, UNSEEN_LINE = (0.93, 0.93, 0.93), (0.55, 0.55, 0.57)
"""Colours of the hatching where no image showed the surface."""

QUIET_COLOUR = (0.74, 0.74, 0.74)
"""Colour of vertices whose values say nothing, such as differences that are not significant."""

DARKEST = 0.70
"""Shading multiplies colours by at least this."""

HATCH_PITCH_IN, HATCH_LINE_IN = 0.030, 0.009
"""Distance between the lines of the hatching across them, and their width, inches of the printed figure."""

_SAMPLES = 2  # per pixel and axis
_MARGIN_PX = 2
_VIEW_GAP_IN = 0.05
_TOWARDS_LAMP = (-0.5, -0.7, -0.9)  # above the viewer's left shoulder
_CREASE_RADIUS_M, _CREASE_DEPTH_M = 0.03, 0.16


@dataclass(frozen=True)
class BodyView:
    """A body from one side, ready to be painted with any values.

    Attributes:
        name: a key of `SIDES`.
        shape: rows and columns of the picture, pixels.
        pixels_per_inch: how large it is meant to be printed.
        sample: row-major index of each covered sample of the picture at `_SAMPLES` times its size, (N,).
        corners: vertices of the face at each sample, (N, 3).
        weights: their barycentric weights, (N, 3).
        brightness: of the lit surface, 1 where it faces viewer and light, (N,).
    """

    name: str
    shape: tuple[int, int]
    pixels_per_inch: float
    sample: Int64[np.ndarray, " samples"]
    corners: Int64[np.ndarray, "samples 3"]
    weights: Float32[np.ndarray, "samples 3"]
    brightness: Float32[np.ndarray, " samples"]

    def paint(
        self,
        values_mm: Float[np.ndarray, " vertices"],
        scale: ColourScale,
        quiet: Bool[np.ndarray, " vertices"] | None = None,
    ) -> UInt8[np.ndarray, "height width 4"]:
        """The body in the colours of values, antialiased on a transparent ground.

        Args:
            values_mm: one value per vertex, millimetres; NaN is hatched.
            scale: their colours.
            quiet: vertices to be drawn grey.

        Returns:
            sRGB and opacity, not premultiplied.
        """
        values = values_mm[self.corners]
        known = np.where(np.isnan(values), 0.0, self.weights)
        share = known.sum(axis=1)
        mixed = (known * np.nan_to_num(values)).sum(axis=1) / np.maximum(share, 1e-9)
        colours = scale.colours(mixed)
        if quiet is not None:
            colours[(self.weights * quiet[self.corners]).sum(axis=1) > 0.5] = QUIET_COLOUR
        unseen = share < 0.5
        colours[unseen] = self._hatching()[unseen]
        return self._averaged(colours * self.brightness[:, None])

    def _hatching(self) -> NDArray[np.float64]:
        """The colour of diagonal hatching at every covered sample."""
        samples_per_inch = self.pixels_per_inch * _SAMPLES
        row, column = np.divmod(self.sample, self.shape[1] * _SAMPLES)
        across = (row + column) / np.sqrt(2) / samples_per_inch
        return np.where((across % HATCH_PITCH_IN < HATCH_LINE_IN)[:, None], UNSEEN_LINE, UNSEEN_GROUND)

    def _averaged(self, colours: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The samples of each pixel as one colour with an opacity."""
        height, width = self.shape
        samples = np.zeros((height * _SAMPLES * width * _SAMPLES, 4), np.float32)
        samples[self.sample, :3], samples[self.sample, 3] = colours, 1.0
        pixels = samples.reshape(height, _SAMPLES, width, _SAMPLES, 4).mean(axis=(1, 3))
        # The mean is premultiplied: black where no sample hit the body.
        pixels[..., :3] /= np.maximum(pixels[..., 3:], 1e-6)
        return np.asarray((pixels * 255).round().clip(0, 255), dtype=np.uint8)


@dataclass(frozen=True)
class BodyViews:
    """A body from all sides, in a row.

    Attributes:
        views: one per key of `SIDES`, equally high.
        gap_px: between two of them, pixels.
    """

    views: tuple[BodyView, ...]
    gap_px: int

    @property
    def size_in(self) -> tuple[float, float]:
        """Width and height of the row in print, inches."""
        per_inch = self.views[0].pixels_per_inch
        width = sum(view.shape[1] for view in self.views) + self.gap_px * (len(self.views) - 1)
        return width / per_inch, self.views[0].shape[0] / per_inch

    def centres_in(self) -> tuple[float, ...]:
        """The middle of each view, inches from the left edge of the row."""
        widths = np.array([view.shape[1] for view in self.views])
        lefts = np.concatenate([[0], np.cumsum(widths + self.gap_px)[:-1]])
        return tuple(((lefts + widths / 2) / self.views[0].pixels_per_inch).tolist())

    def paint(
        self,
        values_mm: Float[np.ndarray, " vertices"],
        scale: ColourScale,
        quiet: Bool[np.ndarray, " vertices"] | None = None,
    ) -> UInt8[np.ndarray, "height width 4"]:
        """The row in the colours of values: as `BodyView.paint`."""
        gap = np.zeros((self.views[0].shape[0], self.gap_px, 4), np.uint8)
        painted = [view.paint(values_mm, scale, quiet) for view in self.views]
        return np.concatenate([part for one in painted for part in (one, gap)][:-1], axis=1)


def body_views(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int64[np.ndarray, "faces 3"],
    height_in: float,
    pixels_per_inch: float,
) -> BodyViews:
    """A body from the front, the back, its left and its right, all to one scale.

    Args:
        vertices: x to the body's left, y up, z to its front, metres, (V, 3).
        faces: corner indices, anticlockwise when seen from outside, (F, 3).
        height_in: height of the body in print, inches.
        pixels_per_inch: of the pictures.

    Returns:
        The views in the order of `SIDES`, equally high and each as wide as it needs.
    """
    facing_viewer = torch.from_numpy(vertices).double() * torch.tensor([1.0, -1.0, -1.0])
    tallest = float(facing_viewer[:, 1].max() - facing_viewer[:, 1].min())
    pixels_per_metre = height_in * pixels_per_inch / max(tallest, 1e-9)
    corners = torch.from_numpy(faces)
    views = [
        _view(
            name, turn_about_vertical(facing_viewer[None], turn), corners, pixels_per_metre, pixels_per_inch
        )
        for name, turn in SIDES.items()
    ]
    return BodyViews(tuple(views), round(_VIEW_GAP_IN * pixels_per_inch))


def _view(
    name: str, vertices: Tensor, faces: Tensor, pixels_per_metre: float, pixels_per_inch: float
) -> BodyView:
    scaled = vertices * pixels_per_metre
    corner = scaled[0, :, :2].amin(0) - _MARGIN_PX
    width, height = ((scaled[0, :, :2].amax(0) - corner).ceil().long() + _MARGIN_PX).tolist()
    scaled[..., :2] = (scaled[..., :2] - corner) * _SAMPLES
    # Bodies are closed: what looks away is behind something, and need not be drawn.
    fine = (height * _SAMPLES, width * _SAMPLES)
    fragments = rasterize(scaled.float(), faces, *fine, cull_backfaces=True)
    covered = fragments.covered
    normals = interpolate(fragments, faces, vertex_normals(vertices, faces))
    creases = crease_darkening(
        fragments, _CREASE_RADIUS_M * pixels_per_metre * _SAMPLES, _CREASE_DEPTH_M * pixels_per_metre
    )
    brightness = (_brightness(normals) * creases[covered]).clamp_min(DARKEST)
    return BodyView(
        name=name,
        shape=(height, width),
        pixels_per_inch=pixels_per_inch,
        sample=torch.nonzero(covered.flatten()).squeeze(1).numpy(),
        corners=faces[fragments.face[covered]].numpy(),
        weights=fragments.barycentric[covered].float().numpy(),
        brightness=brightness.float().numpy(),
    )


def _brightness(normals: Tensor) -> Tensor:
    """How light surfaces with these normals are, (N,): darker at grazing angles and away from a lamp."""
    unit = torch.nn.functional.normalize(normals, dim=-1)
    lamp = torch.nn.functional.normalize(unit.new_tensor(_TOWARDS_LAMP), dim=0)
    grazing, away = 1 - unit[:, 2].abs(), 0.5 - 0.5 * unit @ lamp
    return 1 - 0.30 * grazing**2 - 0.32 * away
