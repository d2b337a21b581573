"""A shaded body over the photograph it was estimated from."""

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.rasterize import interpolate, rasterize
from occlusion_toolkit.plotting.shading import crease_darkening, shade, vertex_normals

BODY_COLOUR = (0.66, 0.75, 0.87)
"""Colour of a body nobody gave a colour: a light steel blue, sRGB."""

# Creases as fractions of the crop's side and in metres: one wide and soft, one narrow for folds of limbs.
_CREASES = ((0.030, 0.30), (0.008, 0.16))


def render_body(
    vertices: Float[Tensor, "vertices 3"],
    faces: Int64[Tensor, "faces 3"],
    camera: Float[Tensor, "3"],
    size: int,
    *,
    colours: Float[Tensor, "vertices 3"] | tuple[float, float, float] = BODY_COLOUR,
    supersampling: int = 3,
) -> Float[np.ndarray, "size size 4"]:
    """A body as its crop's camera sees it, shaded and antialiased, on a transparent ground.

    Args:
        vertices: in the camera frame (x right, y down, z forward), metres, (V, 3).
        faces: corner indices, anticlockwise when seen from outside, (F, 3).
        camera: weak-perspective (s, tx, ty), (3,).
        size: side of the square picture, pixels.
        colours: one sRGB colour in [0, 1], or one per vertex, (V, 3).
        supersampling: samples per pixel and axis.

    Returns:
        sRGB and opacity in [0, 1], not premultiplied, (size, size, 4) float32.
    """
    fine = size * supersampling
    vertices, camera = vertices[None].float(), camera[None].to(vertices.device, torch.float32)
    fragments = rasterize(project_to_crop(vertices, camera, fine), faces, fine, fine)
    per_vertex = torch.as_tensor(colours, dtype=torch.float32, device=vertices.device).expand_as(vertices)
    attributes = torch.cat([vertex_normals(vertices, faces), per_vertex], dim=-1)
    attributes = interpolate(fragments, faces, attributes)
    lit = shade(attributes[:, :3], attributes[:, 3:])
    for radius, depth_scale in _CREASES:
        lit *= crease_darkening(fragments, radius * fine, depth_scale)[fragments.covered, None]
    samples = lit.new_zeros((1, fine, fine, 4))
    samples[fragments.covered] = torch.nn.functional.pad(lit, (0, 1), value=1.0)
    pixels = torch.nn.functional.avg_pool2d(samples.permute(0, 3, 1, 2), supersampling)[0].permute(1, 2, 0)
    # The average of the samples is premultiplied: black where no sample hit the body.
    pixels = torch.cat([pixels[..., :3] / pixels[..., 3:].clamp_min(1e-6), pixels[..., 3:]], dim=-1)
    return np.asarray(pixels.cpu().numpy())


def composite(
    image: UInt8[np.ndarray, "height width 3"],
    layer: Float[np.ndarray, "size size 4"],
    opacity: float = 1.0,
) -> UInt8[np.ndarray, "size size 3"]:
    """A rendered layer over an image that is resampled to the layer's size.

    Args:
        image: RGB of any size; its borders are the layer's borders.
        layer: colour and opacity in [0, 1], not premultiplied.
        opacity: of the layer as a whole, 0 to 1.

    Returns:
        RGB of the layer's size.
    """
    height, width = layer.shape[:2]
    below = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS), np.float32)
    alpha = layer[..., 3:] * opacity
    return (layer[..., :3] * 255 * alpha + below * (1 - alpha)).round().clip(0, 255).astype(np.uint8)
