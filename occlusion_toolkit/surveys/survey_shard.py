"""One shard of a survey: the maps of some consecutive samples, as an HDF5 file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from jaxtyping import Float32, Float64
from pydantic import TypeAdapter, ValidationError

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.hdf5 import ArraySpec, opened, read_arrays, read_attribute, save, write_arrays
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.stored_card import read_card, write_card

KIND = "survey shard"
SCHEMA = 1

MAX_SHARD_IMAGES = 4096
"""More images than this are never in one shard."""

IMAGE_ARRAYS = (
    ArraySpec("box_centre_px", "float64", ("images", 2), "px"),
    ArraySpec("box_size_px", "float64", ("images",), "px"),
    ArraySpec("clean_rotmats", "float32", ("images", 24, 3, 3), "1"),
    ArraySpec("clean_betas", "float32", ("images", 10), "1"),
    ArraySpec("clean_camera", "float32", ("images", 3), "1, m, m"),
    ArraySpec("displacement_mm", "float32", ("images", "joints", "rows", "cols"), "mm"),
    ArraySpec("pa_displacement_mm", "float32", ("images", "joints", "rows", "cols"), "mm"),
)
"""Arrays of every shard."""

ERROR_ARRAYS = (
    ArraySpec("error_mm", "float32", ("images", "joints", "rows", "cols"), "mm"),
    ArraySpec("pa_error_mm", "float32", ("images", "joints", "rows", "cols"), "mm"),
    ArraySpec("clean_error_mm", "float32", ("images", "joints"), "mm"),
    ArraySpec("clean_pa_error_mm", "float32", ("images", "joints"), "mm"),
)
"""Further arrays where the data set has ground truth."""

# The lengths that a shard states, and the most a file may claim: bounds the memory that reading takes.
_SIZES = {
    "images": MAX_SHARD_IMAGES,
    "joints": 1024,
    "rows": 8192,
    "cols": 8192,
    "key_bytes": 4096 * MAX_SHARD_IMAGES,
}

_KEY_ARRAYS = (ArraySpec("keys_json", "uint8", ("key_bytes",), "1"),)
_KEYS = TypeAdapter(tuple[tuple[str, int, int, str], ...])
_NAMES = TypeAdapter(tuple[str, ...])

ReadOut = Literal["error", "increase", "displacement"]
"""`error`: distance from the truth. `increase`: error minus the error of the clean crop, may be negative.
`displacement`: distance from the estimate of the clean crop; needs no truth."""


@dataclass(frozen=True)
class ImageKey:
    """Which person of which image a row of a shard is.

    Attributes:
        sequence: name of the sequence: sequences are the independent units of statistics.
        frame: number of the image in it.
        person: index of the person in it.
        image: path of the image file, relative to the root of the data set, with forward slashes.
    """

    sequence: str
    frame: int
    person: int
    image: str


@dataclass(frozen=True)
class SurveyShard:
    """The sweeps of N consecutive samples; `pa_` marks values after Procrustes alignment.

    Attributes:
        card: what the numbers mean; with "error" among its read-outs there is ground truth.
        first: position of the first image in the data set.
        images: one key per image, in the order of the data set.
        joint_set: name of the joint set.
        joint_names: its joints, in order.
        box_centre_px: centre (x, y) of each crop in its image, pixels, (N, 2).
        box_size_px: side of each crop in its image, pixels, (N,).
        clean_rotmats: estimates of the clean crops, (N, 24, 3, 3).
        clean_betas: estimates of the clean crops, (N, 10).
        clean_camera: estimated weak-perspective cameras (s, tx, ty) of the clean crops, (N, 3).
        displacement_mm: distance from the clean estimate, (N, J, rows, cols).
        pa_displacement_mm: the same, aligned, (N, J, rows, cols).
        error_mm: distance from the ground truth, (N, J, rows, cols); this and all below None without it.
        pa_error_mm: the same, aligned, (N, J, rows, cols).
        clean_error_mm: error on the clean crops, (N, J).
        clean_pa_error_mm: aligned error on the clean crops, (N, J).
    """

    card: ProtocolCard
    first: int
    images: tuple[ImageKey, ...]
    joint_set: str
    joint_names: tuple[str, ...]
    box_centre_px: Float64[np.ndarray, "images 2"]
    box_size_px: Float64[np.ndarray, " images"]
    clean_rotmats: Float32[np.ndarray, "images 24 3 3"]
    clean_betas: Float32[np.ndarray, "images 10"]
    clean_camera: Float32[np.ndarray, "images 3"]
    displacement_mm: Float32[np.ndarray, "images joints rows cols"]
    pa_displacement_mm: Float32[np.ndarray, "images joints rows cols"]
    error_mm: Float32[np.ndarray, "images joints rows cols"] | None = None
    pa_error_mm: Float32[np.ndarray, "images joints rows cols"] | None = None
    clean_error_mm: Float32[np.ndarray, "images joints"] | None = None
    clean_pa_error_mm: Float32[np.ndarray, "images joints"] | None = None

    def values(
        self, read_out: ReadOut, aligned: bool = False
    ) -> Float32[np.ndarray, "images joints rows cols"]:
        """The maps of a read-out, (N, J, rows, cols), millimetres.

        Args:
            read_out: what to read.
            aligned: after Procrustes alignment (PA) instead of after centring on the pelvis.

        Raises:
            ResultError: error or increase are asked of a survey without ground truth.
        """
        if read_out == "displacement":
            return self.pa_displacement_mm if aligned else self.displacement_mm
        error = self.pa_error_mm if aligned else self.error_mm
        clean_error = self.clean_pa_error_mm if aligned else self.clean_error_mm
        if error is None or clean_error is None:
            raise ResultError(f"the survey holds no {read_out}: it was made without ground truth")
        return error if read_out == "error" else error - clean_error[:, :, None, None]


def write_shard(path: Path | str, shard: SurveyShard) -> None:
    """Writes a shard (HDF5), whole or not at all; equal shards give equal bytes.

    Raises:
        ResultError: an array does not have its declared shape or type, or the file cannot be written.
    """
    save(path, KIND, SCHEMA, lambda file: _fill(file, shard))


def read_shard(path: Path | str) -> SurveyShard:
    """Reads a shard.

    Raises:
        ResultError: the file is missing, damaged, of another kind or version, or incomplete.
    """
    with opened(path, KIND, SCHEMA) as file:
        return _read(file)


def _fill(file: h5py.File, shard: SurveyShard) -> None:
    names = [[key.sequence, key.frame, key.person, key.image] for key in shard.images]
    keys = np.frombuffer(json.dumps(names, separators=(",", ":")).encode(), dtype=np.uint8)
    lengths = (len(shard.images), len(shard.joint_names), *shard.displacement_mm.shape[2:], len(keys))
    sizes = dict(zip(_SIZES, lengths, strict=True))
    write_card(file, shard.card)
    file.attrs.update(
        first=shard.first,
        joint_set=shard.joint_set,
        joint_names=json.dumps(shard.joint_names),
        **sizes,
    )
    dataset = file.create_dataset("keys_json", data=keys, compression="gzip", shuffle=True, fletcher32=True)
    dataset.attrs["unit"] = "1"
    write_arrays(file, _arrays(shard.card), shard, sizes)


def _read(file: h5py.File) -> SurveyShard:
    sizes = {name: read_attribute(file, name, int) for name in _SIZES}
    if not all(0 < sizes[name] <= limit for name, limit in _SIZES.items()):
        raise ResultError(f"its sizes {sizes} are not those of a shard")
    card = read_card(file)
    try:
        names = _NAMES.validate_json(read_attribute(file, "joint_names", str))
        keys = _KEYS.validate_json(read_arrays(file, _KEY_ARRAYS, sizes)["keys_json"].tobytes())
    except ValidationError as error:
        raise ResultError("its joint names or image names are malformed") from error
    if len(keys) != sizes["images"] or len(names) != sizes["joints"]:
        raise ResultError("it names more or fewer images or joints than it holds")
    return SurveyShard(
        card=card,
        first=read_attribute(file, "first", int),
        images=tuple(ImageKey(*key) for key in keys),
        joint_set=read_attribute(file, "joint_set", str),
        joint_names=names,
        **read_arrays(file, _arrays(card), sizes),
    )


def _arrays(card: ProtocolCard) -> tuple[ArraySpec, ...]:
    return IMAGE_ARRAYS + ERROR_ARRAYS if "error" in card.read_outs else IMAGE_ARRAYS
