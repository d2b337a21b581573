"""Colours of lit surfaces: normals, three soft lights, a rim and darkened creases."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from occlusion_toolkit.body.rasterize import Fragments


@dataclass(frozen=True)
class _Light:
    """A distant light. `towards` points from the surface to the light, in the camera frame."""

    towards: tuple[float, float, float]
    strength: float
    wrap: float  # how far past the terminator light reaches: 0 is a hard Lambertian edge, 1 none at all


# The camera frame has y down and z away from the viewer: the key stands above the viewer's left shoulder.
_LIGHTS = (
    _Light((-0.50, -0.70, -0.51), strength=0.98, wrap=0.05),
    _Light((0.82, -0.10, -0.56), strength=0.15, wrap=0.30),
    _Light((0.35, -0.55, 0.76), strength=0.30, wrap=0.10),
)
_SKY, _GROUND = 0.17, 0.07
_GLOSS, _GLOSS_EXPONENT = 0.07, 18.0
_RIM, _RIM_EXPONENT = 0.22, 3.0


def vertex_normals(
    vertices: Float[Tensor, "batch vertices 3"], faces: Int64[Tensor, "faces 3"]
) -> Float[Tensor, "batch vertices 3"]:
    """Unit normals at the vertices, the mean of the adjoining faces weighted by their area.

    Args:
        vertices: (B, V, 3), metres.
        faces: corner indices, anticlockwise when seen from outside, (F, 3).

    Returns:
        Outward unit vectors, (B, V, 3); zero at vertices without a face.
    """
    a, b, c = vertices[:, faces].unbind(2)
    doubled = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        normals.index_add_(1, faces[:, corner], doubled)
    return functional.normalize(normals, dim=-1, eps=1e-20)


def shade(
    normals: Float[Tensor, "*pixels 3"], colours: Float[Tensor, "*pixels 3"]
) -> Float[Tensor, "*pixels 3"]:
    """What the three lights make of a surface, seen along the camera's z axis.

    Args:
        normals: surface normals in the camera frame, of any length; the side facing the viewer is lit.
        colours: colours of the surface, sRGB in [0, 1].

    Returns:
        sRGB in [0, 1].
    """
    unit = functional.normalize(normals, dim=-1, eps=1e-12)
    unit = torch.where(unit[..., 2:] > 0, -unit, unit)
    facing = -unit[..., 2]
    upward = 0.5 - 0.5 * unit[..., 1]
    diffuse = _GROUND + (_SKY - _GROUND) * upward
    gloss = torch.zeros_like(diffuse)
    for light in _LIGHTS:
        towards = functional.normalize(unit.new_tensor(light.towards), dim=0)
        reach = (unit @ towards + light.wrap).clamp_min(0) / (1 + light.wrap)
        diffuse = diffuse + light.strength * reach
        halfway = functional.normalize(towards - unit.new_tensor([0.0, 0.0, 1.0]), dim=0)
        gloss = gloss + light.strength * (unit @ halfway).clamp_min(0) ** _GLOSS_EXPONENT
    rim = _RIM * (1 - facing).clamp(0, 1) ** _RIM_EXPONENT * upward
    linear = _to_linear(colours) * (diffuse + rim)[..., None] + (_GLOSS * gloss)[..., None]
    return _to_srgb(linear)


def crease_darkening(
    fragments: Fragments, radius_px: float, depth_scale: float
) -> Float[Tensor, "batch height width"]:
    """Factors in (0, 1] that darken places lying deeper than their surroundings.

    The unsharp-masked depth buffer of Luft, Colditz and Deussen (SIGGRAPH 2006): an arm in front of the
    chest gets a soft shadow around it, at the cost of one blur.

    Args:
        fragments: of `rasterize`.
        radius_px: how far a surface shades its surroundings, pixels (a standard deviation).
        depth_scale: difference in depth that darkens by half, in the unit of the depth.
    """
    depth = torch.where(fragments.covered, fragments.depth, 0.0)
    weighted = _blur(torch.stack([depth, fragments.covered.to(depth)], dim=1), radius_px)
    deeper = (depth - weighted[:, 0] / weighted[:, 1].clamp_min(1e-6)).clamp_min(0)
    return torch.where(fragments.covered, 1 / (1 + deeper / depth_scale), 1.0)


def _blur(images: Tensor, radius_px: float) -> Tensor:
    """Gaussian blur of (B, C, H, W), made on a coarser grid where the result is smooth anyway."""
    coarser = max(1, int(radius_px / 3))
    height, width = images.shape[-2:]
    small = functional.avg_pool2d(images, coarser, ceil_mode=True)
    rows, columns = (_gaussian(size, radius_px / coarser).to(images) for size in small.shape[-2:])
    small = rows @ small @ columns  # faster than a convolution
    larger = (small.shape[-2] * coarser, small.shape[-1] * coarser)
    return functional.interpolate(small, larger, mode="bilinear")[..., :height, :width]


def _gaussian(size: int, sigma: float) -> Tensor:
    """The matrix (size, size) that blurs a line of pixels with nothing beyond its ends."""
    place = torch.arange(size)
    return torch.exp(-0.5 * ((place[:, None] - place) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))


def _to_linear(srgb: Tensor) -> Tensor:
    """Light intensity of sRGB values (IEC 61966-2-1)."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def _to_srgb(linear: Tensor) -> Tensor:
    """SRGB values of light intensities, clipped to [0, 1] (IEC 61966-2-1)."""
    linear = linear.clamp(0, 1)
    curved = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, curved)
