"""Which face of a triangle mesh owns each pixel: a vectorised z-buffer without any graphics driver.

Coordinates are continuous pixels: the image spans [0, width] x [0, height], the centre of the pixel in
row i and column j is (x, y) = (j + 0.5, i + 0.5), x to the right and y down. Depth is along the viewing
direction, smaller is nearer.

A face covers a pixel when the pixel's centre is inside it or on its border. x and y are first rounded to
1/4096 of a pixel; edge functions of such numbers are exact in float64 for images up to 4096 px, so
neighbouring faces never leave a crack between them. The owner of a pixel is the covering face of least
depth (compared in float32), and among equals the face of least index: the result does not depend on the
order of evaluation, on any device. PyTorch3D's rasteriser can be chosen in its place (`rasterizer`).
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from occlusion_toolkit.errors import RenderingError, UsageError

RasterizerChoice = Literal["builtin", "pytorch3d", "auto"]
"""What `rasterizer` takes."""

_SUBPIXELS = 4096.0

# Bounds the working memory: about 150 bytes for each pair of a triangle and a pixel of its bounding box.
_PAIRS_PER_PASS = 100_000

_UNOWNED = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Fragments:
    """What a batch of meshes looks like, pixel by pixel.

    Attributes:
        face: index of the owning face, -1 where there is none, (B, H, W).
        depth: depth of the surface at the pixel's centre, +inf where there is none, (B, H, W).
        barycentric: weights of the owning face's three corners, each in [0, 1] with sum 1; zeros where
            there is none, (B, H, W, 3). Linear in the image, hence exact for orthographic and
            weak-perspective cameras.
    """

    face: Int64[Tensor, "batch height width"]
    depth: Float[Tensor, "batch height width"]
    barycentric: Float[Tensor, "batch height width 3"]

    @property
    def covered(self) -> Bool[Tensor, "batch height width"]:
        """True where some face owns the pixel."""
        return self.face >= 0


@dataclass(frozen=True)
class Rasterizer:
    """A way to find the face that owns each pixel.

    Attributes:
        name: "builtin" or "pytorch3d", as results record it.
        draw: the function; takes the arguments of `rasterize`.
    """

    name: str
    draw: Callable[..., Fragments]

    def __call__(
        self,
        vertices_px: Float[Tensor, "batch vertices 3"],
        faces: Int64[Tensor, "faces 3"],
        height: int,
        width: int,
        *,
        cull_backfaces: bool = False,
    ) -> Fragments:
        """Owner, depth and barycentric weights of every pixel, as `rasterize` gives them."""
        return self.draw(vertices_px, faces, height, width, cull_backfaces=cull_backfaces)


def rasterize(
    vertices_px: Float[Tensor, "batch vertices 3"],
    faces: Int64[Tensor, "faces 3"],
    height: int,
    width: int,
    *,
    cull_backfaces: bool = False,
) -> Fragments:
    """Owner, depth and barycentric weights of every pixel.

    Faces without area in the image and faces with a corner that is not finite are skipped.

    Args:
        vertices_px: x and y in pixels and a depth in any unit, (B, V, 3), on any device.
        faces: corner indices, anticlockwise when seen from outside in a right-handed frame, (F, 3).
        height: rows of the image.
        width: columns of the image.
        cull_backfaces: skip faces that turn their inside towards the viewer.

    Returns:
        Fragments in the floating-point type of `vertices_px`.
    """
    batch = vertices_px.shape[0]
    corners = _corners(vertices_px.detach(), faces)
    keys = torch.full((batch * height * width,), _UNOWNED, device=corners.device)
    triangles, boxes = _boxes(corners, height, width, cull_backfaces)
    for some in _passes(boxes[2] * boxes[3]):
        owner, column, row, depth = _covered_pixels(corners[:, :, triangles[some]], boxes[:, some])
        triangle = triangles[some][owner]
        image = torch.div(triangle, len(faces), rounding_mode="floor")
        pixel = (image * height + row) * width + column
        keys.scatter_reduce_(0, pixel, _sortable(depth) << 32 | triangle - image * len(faces), "amin")
    return _resolve(keys.view(batch, height, width), corners, len(faces), vertices_px.dtype)


BUILTIN = Rasterizer("builtin", rasterize)
"""The rasteriser of this toolkit, which needs nothing but PyTorch."""


def interpolate(
    fragments: Fragments,
    faces: Int64[Tensor, "faces 3"],
    values: Float[Tensor, "batch vertices channels"],
) -> Float[Tensor, "pixels channels"]:
    """Values at the vertices carried to the covered pixels.

    Args:
        fragments: what `rasterize` returned for these faces.
        faces: corner indices, (F, 3).
        values: one vector per vertex, (B, V, C).

    Returns:
        One vector per covered pixel, in the order of `torch.nonzero(fragments.covered)`, (N, C).
    """
    image = torch.nonzero(fragments.covered)[:, :1]
    corners = faces[fragments.face[fragments.covered]]
    weights = fragments.barycentric[fragments.covered].to(values.dtype)
    return sum(
        (weights[:, k : k + 1] * values[image[:, 0], corners[:, k]] for k in range(3)), values.new_zeros(())
    )


def _corners(vertices: Tensor, faces: Tensor) -> Tensor:
    """Corners of all triangles of the batch, (x y z, corner, B * F), x and y on the subpixel grid."""
    batch, count = vertices.shape[:2]
    flat = vertices.double().flatten(0, 1).T.contiguous()
    flat[:2] = (flat[:2] * _SUBPIXELS).round() / _SUBPIXELS
    index = faces.T[:, None] + count * torch.arange(batch, device=faces.device)[:, None]
    return flat.index_select(1, index.flatten()).view(3, 3, -1)


def _boxes(corners: Tensor, height: int, width: int, cull_backfaces: bool) -> tuple[Tensor, Tensor]:
    """Triangles that may cover a pixel, (T,), and the pixels to test: left, top, columns, rows, (4, T)."""
    x, y, _ = corners.unbind()
    area = _doubled_area(corners)
    drawn = area < 0 if cull_backfaces else area != 0
    drawn &= torch.isfinite(corners.sum((0, 1)))
    # Cut to the image while still in floating point: a corner far outside must not overflow the integers.
    left, right = _pixel_centres_between(x, width)
    top, bottom = _pixel_centres_between(y, height)
    columns, rows = right - left + 1, bottom - top + 1
    drawn &= (columns > 0) & (rows > 0)
    triangles = torch.nonzero(drawn).squeeze(1)
    return triangles, torch.stack([left, top, columns, rows]).index_select(1, triangles).long()


def _pixel_centres_between(x: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """First and last pixel whose centre is between the least and the greatest corner, as floats."""
    least = torch.minimum(torch.minimum(x[0], x[1]), x[2])
    greatest = torch.maximum(torch.maximum(x[0], x[1]), x[2])
    return (least - 0.5).ceil().clamp(0, size), (greatest - 0.5).floor().clamp(-1, size - 1)


def _passes(pairs: Tensor) -> Iterator[slice]:
    """Consecutive slices of at most `_PAIRS_PER_PASS` pairs each (or of one triangle)."""
    ends = pairs.cumsum(0).cpu()
    begin, done = 0, 0
    while begin < len(ends):
        end = int(torch.searchsorted(ends, done + _PAIRS_PER_PASS, right=True))
        end = max(end, begin + 1)
        yield slice(begin, end)
        begin, done = end, int(ends[end - 1])


def _covered_pixels(corners: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Triangle, column, row and depth of every pixel of the boxes that its triangle covers."""
    left, top, columns, rows = boxes.unbind()
    x, y, z = corners.unbind()
    # The weights of the box's first pixel and their change per step: small numbers, hence exact.
    start = _weights(corners, left + 0.5, top + 0.5)
    sign = _doubled_area(corners).sign()
    per_column = (y.roll(-1, 0) - y.roll(-2, 0)) * sign
    per_row = (x.roll(-2, 0) - x.roll(-1, 0)) * sign
    pairs = columns * rows
    owner = torch.repeat_interleave(pairs)
    nth = torch.arange(len(owner), device=owner.device) - (pairs.cumsum(0) - pairs).index_select(0, owner)
    wide = columns.index_select(0, owner)
    down = torch.div(nth, wide, rounding_mode="floor")
    right = nth - down * wide
    weights = start.index_select(1, owner)
    weights += per_column.index_select(1, owner) * right
    weights += per_row.index_select(1, owner) * down
    hit = torch.nonzero((weights[0] >= 0) & (weights[1] >= 0) & (weights[2] >= 0)).squeeze(1)
    owner = owner[hit]
    weights = weights.index_select(1, hit)
    depth = (weights * z.index_select(1, owner)).sum(0) / weights.sum(0)
    return owner, right[hit] + left[owner], down[hit] + top[owner], depth


def _weights(corners: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Barycentric weights of one point per triangle, times twice its area, (3, T): all >= 0 inside."""
    next_x, next_y, _ = corners.roll(-1, 1).unbind()
    last_x, last_y, _ = corners.roll(-2, 1).unbind()
    weights = (last_x - next_x) * (y - next_y) - (x - next_x) * (last_y - next_y)
    return weights * _doubled_area(corners).sign()


def _doubled_area(corners: Tensor) -> Tensor:
    """Twice the signed area in the image, (T,); negative for front faces, as y points down."""
    x, y, _ = corners.unbind()
    return (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])


def _sortable(depth: Tensor) -> Tensor:
    """Integers in the order of the depths as float32, (N,) int64 of 32 bits."""
    # Adding zero turns -0.0 into 0.0; flipping the lower bits of negative numbers puts them in order.
    bits = (depth.float() + 0.0).view(torch.int32)
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long()


def _resolve(keys: Tensor, corners: Tensor, faces_per_image: int, dtype: torch.dtype) -> Fragments:
    """Depth and weights at the pixels of the winning faces."""
    _, height, width = keys.shape
    face = torch.where(keys == _UNOWNED, -1, keys & 0xFFFFFFFF)
    depth = torch.full(face.shape, torch.inf, dtype=dtype, device=face.device)
    barycentric = torch.zeros((*face.shape, 3), dtype=dtype, device=face.device)
    pixel = torch.nonzero(face.view(-1) >= 0).squeeze(1)
    image_row = torch.div(pixel, width, rounding_mode="floor")
    image = torch.div(image_row, height, rounding_mode="floor")
    owner = corners.index_select(2, image * faces_per_image + face.view(-1)[pixel])
    weights = _weights(owner, pixel - image_row * width + 0.5, image_row - image * height + 0.5)
    weights /= weights.sum(0)
    depth.view(-1)[pixel] = (weights * owner[2]).sum(0).to(dtype)
    barycentric.view(-1, 3)[pixel] = weights.T.to(dtype)
    return Fragments(face, depth, barycentric)


# PyTorch3D drops what lies behind z = 0; its camera looks along +z like ours.
_NEAREST = 1.0


def rasterizer(name: str = "auto", device: torch.device | str = "cpu") -> Rasterizer:
    """The rasteriser of a name.

    Args:
        name: "builtin"; "pytorch3d"; or "auto" for PyTorch3D where it is installed and `device` is a GPU, and
            the built-in one otherwise.
        device: where the meshes will be.

    Raises:
        UsageError: there is no rasteriser of that name.
        RenderingError: PyTorch3D is asked for, and is not installed or does not fit the installed PyTorch.
    """
    if name not in get_args(RasterizerChoice):
        raise UsageError(
            f"there is no rasterizer {name!r}; give one of {', '.join(get_args(RasterizerChoice))}"
        )
    if name == "builtin" or (name == "auto" and not _suits_pytorch3d(torch.device(device))):
        return BUILTIN
    _load_pytorch3d()
    return Rasterizer("pytorch3d", rasterize_pytorch3d)


def _suits_pytorch3d(device: torch.device) -> bool:
    return device.type == "cuda" and importlib.util.find_spec("pytorch3d") is not None


def _load_pytorch3d() -> tuple[Any, Any]:
    """PyTorch3D's function and its class of meshes; imported here, because few have it."""
    try:
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes
    except ImportError as error:
        raise RenderingError(
            f"PyTorch3D cannot be loaded ({error}); install 'occlusion-toolkit[pytorch3d]' into an "
            "environment of its own, with the CUDA build of PyTorch 2.12 that its wheel was made for, or "
            "choose the rasterizer builtin"
        ) from error
    return rasterize_meshes, Meshes


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
    rasterize_meshes, meshes = _load_pytorch3d()
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
        meshes(device_points, faces.expand(len(points), -1, -1)),
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
