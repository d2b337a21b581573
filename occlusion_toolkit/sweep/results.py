"""One heatmap result as a file: every number behind the pictures, and what it means.

The layout is documented in docs/results-format.md.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from jaxtyping import Float32, Int64, UInt8
from pydantic import BaseModel, ConfigDict, Field

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
from occlusion_toolkit.sweep.stored_card import read_card, read_model, write_card

KIND = "heatmap"
SCHEMA = 1

SWEEP_ARRAYS = (
    ArraySpec("crop", "uint8", ("resolution", "resolution", 3), "1"),
    ArraySpec("occluded_crop", "uint8", ("resolution", "resolution", 3), "1"),
    ArraySpec("windows", "int64", ("windows", 4), "px"),
    ArraySpec("cells", "int64", ("windows", 4), "px"),
    ArraySpec("camera", "float32", ("windows", 3), "1, m, m"),
)
"""Arrays at the root of the file."""

BODY_ARRAYS = (
    ArraySpec("rotmats", "float32", (24, 3, 3), "1"),
    ArraySpec("betas", "float32", (10,), "1"),
    ArraySpec("camera", "float32", (3,), "1, m, m"),
)
"""Arrays of the groups `clean`, `worst` and, with ground truth, `truth`."""

DISPLACEMENT_ARRAYS = (
    ArraySpec("joints_m", "float32", ("windows", "joints", 3), "m"),
    ArraySpec("clean_joints_m", "float32", ("joints", 3), "m"),
    ArraySpec("displacement_mm", "float32", ("joints", "rows", "cols"), "mm"),
    ArraySpec("pa_displacement_mm", "float32", ("joints", "rows", "cols"), "mm"),
)
"""Arrays of every group under `joints`."""

ERROR_ARRAYS = (
    ArraySpec("true_joints_m", "float32", ("joints", 3), "m"),
    ArraySpec("error_mm", "float32", ("joints", "rows", "cols"), "mm"),
    ArraySpec("increase_mm", "float32", ("joints", "rows", "cols"), "mm"),
    ArraySpec("clean_error_mm", "float32", ("joints",), "mm"),
    ArraySpec("pa_error_mm", "float32", ("joints", "rows", "cols"), "mm"),
    ArraySpec("pa_increase_mm", "float32", ("joints", "rows", "cols"), "mm"),
    ArraySpec("clean_pa_error_mm", "float32", ("joints",), "mm"),
)
"""Further arrays of every group under `joints` where there was ground truth."""

_MAX_JOINTS = 1024  # bounds what a hostile file can make the reader allocate


class Focus(BaseModel):
    """What a result was asked for: the numbers that its pictures show and its worst window is worst in.

    Attributes:
        read_out: "displacement"; with ground truth also "error" and "increase".
        joint_set: name of the set the joints are of.
        joints: names of the joints, in the order of the pictures, at least one.
        aligned: values after Procrustes alignment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    read_out: Literal["displacement", "error", "increase"]
    joint_set: str
    joints: tuple[str, ...] = Field(min_length=1)
    aligned: bool = False


@dataclass(frozen=True)
class StoredBody:
    """Parameters of one body.

    Attributes:
        rotmats: joint rotations, root in the camera frame, (24, 3, 3).
        betas: shape coefficients, (10,).
        camera: weak-perspective camera (s, tx, ty), (3,); NaN where it is unknown.
    """

    rotmats: Float32[np.ndarray, "24 3 3"]
    betas: Float32[np.ndarray, " 10"]
    camera: Float32[np.ndarray, " 3"]


@dataclass(frozen=True)
class JointMaps:
    """Joints and maps of one joint set; `pa_` marks values after Procrustes alignment.

    Attributes:
        joint_set: name of the set.
        joint_names: one name per joint, in order.
        joints_m: pelvis-centred joints under each window, (W, J, 3), metres.
        clean_joints_m: those of the clean crop, (J, 3), metres.
        displacement_mm: distance from the clean prediction, (J, rows, cols).
        pa_displacement_mm: the same, aligned, (J, rows, cols).
        true_joints_m: pelvis-centred ground truth, (J, 3), metres; this and all below None without it.
        error_mm: distance from the ground truth, (J, rows, cols).
        increase_mm: error minus clean error, (J, rows, cols).
        clean_error_mm: error on the clean crop, (J,).
        pa_error_mm: aligned error, (J, rows, cols).
        pa_increase_mm: aligned error minus aligned clean error, (J, rows, cols).
        clean_pa_error_mm: aligned error on the clean crop, (J,).
    """

    joint_set: str
    joint_names: tuple[str, ...]
    joints_m: Float32[np.ndarray, "windows joints 3"]
    clean_joints_m: Float32[np.ndarray, "joints 3"]
    displacement_mm: Float32[np.ndarray, "joints rows cols"]
    pa_displacement_mm: Float32[np.ndarray, "joints rows cols"]
    true_joints_m: Float32[np.ndarray, "joints 3"] | None = None
    error_mm: Float32[np.ndarray, "joints rows cols"] | None = None
    increase_mm: Float32[np.ndarray, "joints rows cols"] | None = None
    clean_error_mm: Float32[np.ndarray, " joints"] | None = None
    pa_error_mm: Float32[np.ndarray, "joints rows cols"] | None = None
    pa_increase_mm: Float32[np.ndarray, "joints rows cols"] | None = None
    clean_pa_error_mm: Float32[np.ndarray, " joints"] | None = None


@dataclass(frozen=True)
class HeatmapResult:
    """Everything `occlusion-toolkit heatmap` computed for one person in one image.

    Attributes:
        card: what the numbers mean; with "error" among its read-outs there is ground truth.
        image_name: file name of the image, without folders.
        image_sha256: checksum of the image file.
        box_centre_px: centre (x, y) of the crop in the image, pixels.
        box_size_px: side of the crop in the image, pixels.
        crop: what the network saw, RGB, (resolution, resolution, 3).
        occluded_crop: the same under the worst window, (resolution, resolution, 3).
        windows: occluded rectangles (y0, y1, x0, x1), pixels of the crop, row-major, (W, 4).
        cells: blocks of the crop that the cells of a map are drawn over, same form, (W, 4).
        camera: predicted camera (s, tx, ty) under each window, (W, 3).
        clean: prediction for the clean crop.
        worst: prediction under the worst window.
        worst_window: index of the window with the largest mean of what `focus` names.
        focus: what was asked for.
        maps: one entry per joint set.
        truth: ground-truth body, None without.
        deviation_mm: largest deviation of a fast arithmetic from plain float32; None for plain float32.
    """

    card: ProtocolCard
    image_name: str
    image_sha256: str
    box_centre_px: tuple[float, float]
    box_size_px: float
    crop: UInt8[np.ndarray, "resolution resolution 3"]
    occluded_crop: UInt8[np.ndarray, "resolution resolution 3"]
    windows: Int64[np.ndarray, "windows 4"]
    cells: Int64[np.ndarray, "windows 4"]
    camera: Float32[np.ndarray, "windows 3"]
    clean: StoredBody
    worst: StoredBody
    worst_window: int
    focus: Focus
    maps: tuple[JointMaps, ...]
    truth: StoredBody | None = None
    deviation_mm: float | None = None

    def of(self, joint_set: str) -> JointMaps:
        """The maps of one joint set, by name.

        Raises:
            ResultError: the result does not hold that set.
        """
        for maps in self.maps:
            if maps.joint_set == joint_set:
                return maps
        held = ", ".join(maps.joint_set for maps in self.maps)
        raise ResultError(f"the result has no joint set {joint_set!r}; it has: {held}")


def write_heatmap(path: Path | str, result: HeatmapResult) -> None:
    """Writes a result file (HDF5), whole or not at all.

    Raises:
        ResultError: an array does not have its declared shape or type, or the file cannot be written.
    """
    save(path, KIND, SCHEMA, lambda file: _fill(file, result))


def read_heatmap(path: Path | str) -> HeatmapResult:
    """Reads a result file.

    Raises:
        ResultError: the file is missing, damaged, of another kind or version, incomplete, or refers to
            anything outside itself.
    """
    with opened(path, KIND, SCHEMA) as file:
        return _read(file)


def _fill(file: h5py.File, result: HeatmapResult) -> None:
    rows, cols = result.maps[0].displacement_mm.shape[1:] if result.maps else (0, 0)
    sizes = {
        "resolution": result.card.windows.resolution,
        "windows": rows * cols,
        "rows": rows,
        "cols": cols,
    }
    if result.card.joint_sets != tuple(maps.joint_set for maps in result.maps):
        raise ResultError(f"the card names the joint sets {result.card.joint_sets}, but the maps differ")
    if not 0 <= result.worst_window < rows * cols:
        raise ResultError(f"worst window {result.worst_window} is not one of the {rows * cols} windows")
    write_card(file, result.card)
    file.attrs.update(
        image_name=result.image_name,
        image_sha256=result.image_sha256,
        box_centre_x_px=float(result.box_centre_px[0]),
        box_centre_y_px=float(result.box_centre_px[1]),
        box_size_px=float(result.box_size_px),
        rows=rows,
        cols=cols,
        worst_window=result.worst_window,
        focus=result.focus.model_dump_json(),
    )
    if result.deviation_mm is not None:
        file.attrs["deviation_mm"] = float(result.deviation_mm)
    write_arrays(file, SWEEP_ARRAYS, result, sizes)
    for name in _bodies(result.card):
        write_arrays(file.create_group(name), BODY_ARRAYS, getattr(result, name), sizes)
    joints = file.create_group("joints")
    for maps in result.maps:
        group = joints.create_group(maps.joint_set)
        group.attrs["joint_names"] = json.dumps(maps.joint_names)
        write_arrays(group, _map_arrays(result.card), maps, {**sizes, "joints": len(maps.joint_names)})


def _read(file: h5py.File) -> HeatmapResult:
    card = read_card(file)
    rows, cols = read_attribute(file, "rows", int), read_attribute(file, "cols", int)
    worst_window = read_attribute(file, "worst_window", int)
    resolution = card.windows.resolution
    if not (0 < rows <= 2 * resolution and 0 < cols <= 2 * resolution and 0 <= worst_window < rows * cols):
        raise ResultError(f"{rows} x {cols} windows, the worst being {worst_window}, do not fit its grid")
    sizes = {"resolution": resolution, "windows": rows * cols, "rows": rows, "cols": cols}
    bodies = {
        name: StoredBody(**read_arrays(child(file, name, h5py.Group), BODY_ARRAYS, sizes))
        for name in _bodies(card)
    }
    arrays = read_arrays(file, SWEEP_ARRAYS, sizes)
    joints = child(file, "joints", h5py.Group)
    return HeatmapResult(
        card=card,
        image_name=read_attribute(file, "image_name", str),
        image_sha256=read_attribute(file, "image_sha256", str),
        box_centre_px=(
            read_attribute(file, "box_centre_x_px", float),
            read_attribute(file, "box_centre_y_px", float),
        ),
        box_size_px=read_attribute(file, "box_size_px", float),
        crop=arrays["crop"],
        occluded_crop=arrays["occluded_crop"],
        windows=arrays["windows"],
        cells=arrays["cells"],
        camera=arrays["camera"],
        clean=bodies["clean"],
        worst=bodies["worst"],
        worst_window=worst_window,
        focus=read_model(file, "focus", Focus),
        maps=tuple(_read_maps(child(joints, name, h5py.Group), card, sizes) for name in card.joint_sets),
        truth=bodies.get("truth"),
        deviation_mm=read_attribute(file, "deviation_mm", float) if "deviation_mm" in file.attrs else None,
    )


def _read_maps(group: h5py.Group, card: ProtocolCard, sizes: dict[str, int]) -> JointMaps:
    names = json.loads(read_attribute(group, "joint_names", str))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ResultError(f"the joint names of {group.name} are malformed")
    if len(names) > _MAX_JOINTS:
        raise ResultError(f"{group.name} claims {len(names)} joints, more than {_MAX_JOINTS}")
    arrays = read_arrays(group, _map_arrays(card), {**sizes, "joints": len(names)})
    return JointMaps(joint_set=group.name.rsplit("/", 1)[-1], joint_names=tuple(names), **arrays)


def _has_truth(card: ProtocolCard) -> bool:
    return "error" in card.read_outs


def _bodies(card: ProtocolCard) -> tuple[str, ...]:
    return ("clean", "worst", "truth") if _has_truth(card) else ("clean", "worst")


def _map_arrays(card: ProtocolCard) -> tuple[ArraySpec, ...]:
    return DISPLACEMENT_ARRAYS + ERROR_ARRAYS if _has_truth(card) else DISPLACEMENT_ARRAYS
