"""A picture as the occluder, with its transparency: `image:PATH`."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from occlusion_toolkit.data.crops import normalise_colour
from occlusion_toolkit.errors import ImageError, OccluderError
from occlusion_toolkit.files.images import FORMATS, read_image
from occlusion_toolkit.sweep.occluders.base import Occluder, window_mask


class PictureOccluder(Occluder):
    """A picture that moves with the window, stretched to the window's full size.

    Windows clipped by the border show the part of the picture that is inside the crop. Pixels are mixed by
    the picture's alpha: 0 leaves the crop's exact value, 1 gives the picture's.

    Args:
        rgba: the picture at the size of the window, (size, size, 4), 8-bit RGB and straight alpha.
        file: where it was read from.
        sha256: checksum of that file.
    """

    def __init__(self, rgba: UInt8[np.ndarray, "size size 4"], file: Path, sha256: str) -> None:
        values = torch.from_numpy(rgba.copy()).permute(2, 0, 1).to(torch.float64) / 255
        self._rgba = torch.cat([normalise_colour(values[:3]), values[3:]])
        self._size = rgba.shape[0]
        self.spec = {"name": "image", "file": str(file), "sha256": sha256}

    @classmethod
    def from_file(cls, path: Path, size: int) -> "PictureOccluder":
        """Reads a picture and scales it to the window; see `io.images.read_image` for what can be read.

        Args:
            path: an image file, with or without transparency.
            size: side of the window, pixels of the crop.

        Raises:
            OccluderError: the file is missing, not an image, damaged, too small or too large.
        """
        try:
            rgba = _read_rgba(path)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except (ImageError, OSError) as error:
            raise OccluderError(f"occluder picture: {error}") from error
        picture = Image.fromarray(rgba)
        scaled = picture.resize((size, size), Image.Resampling.BICUBIC)  # Pillow premultiplies alpha here
        return cls(np.asarray(scaled), path, sha256)

    def fill(self, crops: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images 4 size size"]:
        """The normalised picture and its alpha for every crop, (M, 4, size, size)."""
        return self._rgba.to(crops).expand(len(crops), -1, -1, -1)

    def paste(
        self,
        crops: Float[Tensor, "batch 3 height width"],
        fills: Float[Tensor, "batch 4 size size"],
        windows: Int64[Tensor, "batch 4"],
    ) -> Float[Tensor, "batch 3 height width"]:
        """Copies of the crops with the picture mixed into one window each; see `Occluder.paste`."""
        height, width = crops.shape[-2:]
        y0, y1, x0, x1 = windows.unbind(1)
        rows = self._picture_index(y0, y1, height)
        cols = self._picture_index(x0, x1, width)
        batch = torch.arange(len(crops), device=crops.device)[:, None, None]
        placed = fills[batch, :, rows[:, :, None], cols[:, None, :]].movedim(-1, 1)
        alpha = placed[:, 3:] * window_mask(windows, height, width)
        return torch.lerp(crops, placed[:, :3], alpha.expand_as(crops))

    def _picture_index(
        self, first: Int64[Tensor, " batch"], last: Int64[Tensor, " batch"], length: int
    ) -> Int64[Tensor, "batch length"]:
        """For every pixel of an axis the picture's row or column over it, (N, length)."""
        # A window that starts at the border may have lost its beginning: its end then fixes the picture.
        origin = torch.where(first > 0, first, last - self._size)
        pixels = torch.arange(length, device=first.device)
        return (pixels[None] - origin[:, None]).clamp(0, self._size - 1)


def _read_rgba(path: Path) -> UInt8[np.ndarray, "height width 4"]:
    """The picture upright, with straight alpha; opaque where the file has no transparency."""
    opaque = read_image(path).pixels  # after this the file is known to be sound and of bearable size
    with Image.open(path, formats=FORMATS) as image:
        if image.has_transparency_data:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
    return np.dstack([opaque, np.full(opaque.shape[:2], 255, np.uint8)])
