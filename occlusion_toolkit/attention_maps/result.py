"""Part attention of one person in one image as a file: clean, and where asked under an occluder.

The layout is documented in docs/attention.md.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32, Int64, UInt8

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.hdf5 import (
    ArraySpec,
    child,
    opened,
    read_arrays,
    read_attribute,
    save,
    write_arrays,
)
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.stored_card import read_card, write_card

KIND = "attention"
SCHEMA = 1

PICTURE_ARRAYS = (
    ArraySpec("crop", "uint8", ("resolution", "resolution", 3), "1"),
    ArraySpec("part_labels", "int64", ("resolution", "resolution"), "1"),
    ArraySpec("attention", "float32", (24, "rows", "cols"), "1"),
)
"""Arrays at the root of the file."""

OCCLUDED_ARRAYS = (
    ArraySpec("window", "int64", (4,), "px"),
    ArraySpec("crop", "uint8", ("resolution", "resolution", 3), "1"),
    ArraySpec("attention", "float32", (24, "rows", "cols"), "1"),
)
"""Arrays of the group `occluded`, which is there where something was occluded."""

_MAX_RESOLUTION = 4096  # bounds what a hostile file can make the reader allocate


@dataclass(frozen=True)
class OccludedAttention:
    """Attention under an occluder.

    Attributes:
        window: what is occluded (y0, y1, x0, x1), pixels of the crop, (4,).
        crop: what the network saw, RGB, (R, R, 3).
        attention: weights that sum to one over the map of each part, (24, h, w).
    """

    window: Int64[np.ndarray, "4"]
    crop: UInt8[np.ndarray, "resolution resolution 3"]
    attention: Float32[np.ndarray, "24 rows cols"]


@dataclass(frozen=True)
class AttentionResult:
    """Everything `occlusion-toolkit attention` computed for one person in one image.

    Attributes:
        card: what the numbers mean.
        image_name: file name of the image, without folders.
        image_sha256: checksum of the image file.
        box_centre_px: centre (x, y) of the crop in the image, pixels.
        box_size_px: side of the crop in the image, pixels.
        crop: what the network saw, RGB, (R, R, 3).
        part_labels: what the clean prediction shows in each pixel: 0 background, k + 1 part k, (R, R).
        attention: weights that sum to one over the map of each part, (24, h, w).
        occluded: the same under an occluder; None where nothing was occluded.
    """

    card: ProtocolCard
    image_name: str
    image_sha256: str
    box_centre_px: tuple[float, float]
    box_size_px: float
    crop: UInt8[np.ndarray, "resolution resolution 3"]
    part_labels: Int64[np.ndarray, "resolution resolution"]
    attention: Float32[np.ndarray, "24 rows cols"]
    occluded: OccludedAttention | None = None


def write_attention(path: Path | str, result: AttentionResult) -> None:
    """Writes a result file (HDF5), whole or not at all.

    Raises:
        ResultError: an array does not have its declared shape or type, or the file cannot be written.
    """
    save(path, KIND, SCHEMA, lambda file: _fill(file, result))


def read_attention(path: Path | str) -> AttentionResult:
    """Reads a result file.

    Raises:
        ResultError: the file is missing, damaged, of another kind or version, incomplete, or refers to
            anything outside itself.
    """
    with opened(path, KIND, SCHEMA) as file:
        sizes = {name: read_attribute(file, name, int) for name in ("resolution", "rows", "cols")}
        if not all(0 < size <= _MAX_RESOLUTION for size in sizes.values()):
            raise ResultError(f"its sizes are {sizes}; each must be between 1 and {_MAX_RESOLUTION}")
        arrays = read_arrays(file, PICTURE_ARRAYS, sizes)
        if not 0 <= arrays["part_labels"].min() <= arrays["part_labels"].max() <= 24:
            raise ResultError("part_labels has numbers outside 0..24")
        occluded = None
        if "occluded" in file:
            occluded = OccludedAttention(
                **read_arrays(child(file, "occluded", h5py.Group), OCCLUDED_ARRAYS, sizes)
            )
        return AttentionResult(
            card=read_card(file),
            image_name=read_attribute(file, "image_name", str),
            image_sha256=read_attribute(file, "image_sha256", str),
            box_centre_px=(
                read_attribute(file, "box_centre_x_px", float),
                read_attribute(file, "box_centre_y_px", float),
            ),
            box_size_px=read_attribute(file, "box_size_px", float),
            occluded=occluded,
            **arrays,
        )


def _fill(file: h5py.File, result: AttentionResult) -> None:
    _, rows, cols = result.attention.shape
    sizes = {"resolution": len(result.crop), "rows": rows, "cols": cols}
    write_card(file, result.card)
    file.attrs.update(
        image_name=result.image_name,
        image_sha256=result.image_sha256,
        box_centre_x_px=float(result.box_centre_px[0]),
        box_centre_y_px=float(result.box_centre_px[1]),
        box_size_px=float(result.box_size_px),
        **sizes,
    )
    write_arrays(file, PICTURE_ARRAYS, result, sizes)
    if result.occluded is not None:
        write_arrays(file.create_group("occluded"), OCCLUDED_ARRAYS, result.occluded, sizes)
