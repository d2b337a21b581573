"""PyTorch3D's rasteriser behind the interface of our own, for those who want to check one by the other."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from occlusion_toolkit.body.rasterize import Fragments
from occlusion_toolkit.errors import RenderingError

# PyTorch3D drops what lies behind z = 0; its camera looks along +z like ours.
_NEAREST = 1.0


def rasterize_pytorch3d(
    vertices_px: Float[Tensor, "batch vertices 3"],
    faces: Int64[Tensor, "faces 3"],
    height: int,
    width: int,
    *,
    cull_backfaces: bool = False,
) -> Fragments:
    """Owner, depth and barycentric weights of every pixel, as `rasterize` gives them, by PyTorch3D.

    Arithmetic is float32 and a pixel whose centre is exactly on an edge belongs to no face, so single pixels
    on edges and silhouettes differ from `rasterize`.

    Args:
        vertices_px: x and y in pixels and a depth in any unit, (B, V, 3), on any device.
        faces: corner indices, anticlockwise when seen from outside in a right-handed frame, (F, 3).
        height: rows of the image.
        width: columns of the image.
        cull_backfaces: skip faces that turn their inside towards the viewer.

    Returns:
        Fragments in the floating-point type of `vertices_px`.

    Raises:
        RenderingError: PyTorch3D is not installed or does not fit the installed PyTorch.
    """
    try:
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes
    except ImportError as error:
        raise RenderingError(
            f"PyTorch3D cannot be loaded ({error}); install 'occlusion-toolkit[pytorch3d]' into an "
            "environment of its own, with the CUDA build of PyTorch 2.12 that its wheel was made for"
        ) from error
    points = vertices_px.detach().float()
    nearest = points[..., 2].amin(dim=1)
    # x to the left and y up, from -1 to 1 over the shorter side.
    side = float(min(height, width))
    device_points = torch.stack(
        [
            (width - 2 * points[..., 0]) / side,
            (height - 2 * points[..., 1]) / side,
            points[..., 2] - nearest[:, None] + _NEAREST,
        ],
        dim=-1,
    )
    owner, depth, barycentric, _ = rasterize_meshes(
        Meshes(device_points, faces.expand(len(points), -1, -1)),
        image_size=(height, width),
        faces_per_pixel=1,
        bin_size=0,  # the faster, binned way loses faces where a bin overflows
        cull_backfaces=cull_backfaces,
    )
    owner, depth, barycentric = owner[..., 0], depth[..., 0], barycentric[..., 0, :]
    covered = owner >= 0
    first_face = len(faces) * torch.arange(len(points), device=owner.device)
    return Fragments(
        torch.where(covered, owner - first_face[:, None, None], -1),
        torch.where(covered, depth + (nearest - _NEAREST)[:, None, None], torch.inf).to(vertices_px.dtype),
        torch.where(covered[..., None], barycentric, 0.0).to(vertices_px.dtype),
    )
