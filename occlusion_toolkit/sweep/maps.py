"""The one container: labelled maps of one image or many, the same from the sweep to disk, plot and table.

An `xarray.Dataset` with dimensions `image`, `joint`, `row`, `col`:

    displacement       (image, joint, row, col)  mm   distance from the estimate of the clean crop
    error              (image, joint, row, col)  mm   distance from the ground truth, where there is one
    clean_error        (image, joint)            mm   the same for the clean crop
    pa_displacement, pa_error, clean_pa_error         the same after Procrustes alignment
    NAME_displacement, NAME_error, clean_NAME_error   the same by a metric of one's own
    clean_pve                (image,)            mm   mean distance of the vertices, of evaluations
    clean_rotmats, clean_betas, clean_camera          estimate of the clean crop, of sweeps
    confidence       (image, joint, row, col)         how sure a network says it is, 0 to 1; of several
    clean_confidence (image, joint)                   `confidence_NAME`; the latter for the clean crop
    seen               (image, row, col)              1 where a network with crops of its own can see the
                                                      window; elsewhere maps are exactly 0
    box_centre_px, box_size_px                        the square that was cut out of the image
    joints_m, clean_joints_m, true_joints_m           joints under the windows, of the clean crop, true
    parts, true_joints_px, sight                      what the crops of a data set truly show (`data.scene`)
    joints_px, clean_joints_px                        where a network of joints alone puts them in the crop
    rotmats, betas, camera, crop, true_...            what single images keep besides (`WINDOW_DETAILS`)

Coordinates name every cell: `image` is the position in the data set, with `sequence`, `frame`, `person` and
`file` beside it; `joint` is a name; `row` and `col` are where the square is centred, pixels of the crop. The
attribute `protocol` says what the numbers mean. `increase` (error minus clean error) is computed when it is
asked for.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool
from pydantic import ValidationError

from occlusion_toolkit.body.joint_output import JOINTS_ALONE
from occlusion_toolkit.body.joints import joint_set
from occlusion_toolkit.errors import GridError, GroundTruthError, ResultError, UsageError
from occlusion_toolkit.files.netcdf import load_dataset, open_dataset, save_dataset
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.measure import Measured
from occlusion_toolkit.sweep.protocol import ProtocolCard

KIND = "maps"
LAYOUT = 2

QUANTITIES = ("displacement", "error", "increase")
"""Distance from the clean estimate; from the truth; from the truth, less that of the clean estimate."""

_PREFIXES = {"mpjpe": "", "pa_mpjpe": "pa_"}

_MAPS = ("image", "joint", "row", "col")
_DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "clean_pve": ("image",),
    "clean_rotmats": ("image", "part", "axis", "parent_axis"),
    "clean_betas": ("image", "beta"),
    "clean_camera": ("image", "camera_value"),
    "true_rotmats": ("image", "part", "axis", "parent_axis"),
    "true_betas": ("image", "beta"),
    "true_camera": ("image", "camera_value"),
    "seen": ("image", "row", "col"),
    "box_centre_px": ("image", "xy"),
    "box_size_px": ("image",),
    "joints_m": ("image", "row", "col", "joint", "xyz"),
    "clean_joints_m": ("image", "joint", "xyz"),
    "true_joints_m": ("image", "joint", "xyz"),
    "rotmats": ("image", "row", "col", "part", "axis", "parent_axis"),
    "betas": ("image", "row", "col", "beta"),
    "camera": ("image", "row", "col", "camera_value"),
    "joints_px": ("image", "row", "col", "joint", "xy"),
    "clean_joints_px": ("image", "joint", "xy"),
    "crop": ("image", "y", "x", "rgb"),
    "parts": ("image", "y", "x"),
    "true_joints_px": ("image", "joint", "xy"),
    "sight": ("image", "joint"),
}
_BYTES = ("crop", "parts", "seen", "sight")
_LENGTHS = {
    "part": 24,
    "axis": 3,
    "parent_axis": 3,
    "beta": 10,
    "camera_value": 3,
    "xy": 2,
    "xyz": 3,
    "rgb": 3,
}
_UNITS = {"_px": "px", "_m": "m", "_pve": "mm"}

CONFIDENCE = "confidence"
"""How sure a network is; of several, their names begin with it."""

WINDOW_DETAILS = ("joints_px", "rotmats", "betas", "camera")
"""The estimates, window by window: kept for single images, too much for surveys."""


def metric_name(metric: str, quantity: str) -> str:
    """How a quantity of a metric is called: `pa_error` of `pa_mpjpe`, `mine_error` of one's own."""
    return _PREFIXES.get(metric, f"{metric}_") + quantity


def metric_names(card: ProtocolCard) -> tuple[str, ...]:
    """Everything that can be read of results with this card, computed ones included."""
    quantities = QUANTITIES if card.has_truth else QUANTITIES[:1]
    return tuple(metric_name(metric, quantity) for metric in card.metrics for quantity in quantities)


def metric_parts(name: str) -> tuple[str, str]:
    """The metric and the quantity of a name: ("pa_mpjpe", "error") of `pa_error`.

    Raises:
        UsageError: it ends in no quantity.
    """
    known = {short: metric for metric, short in _PREFIXES.items()}
    for quantity in QUANTITIES:
        prefix = name.removesuffix(quantity)
        if name != prefix and (prefix in known or (prefix.endswith("_") and prefix[:-1].isidentifier())):
            return known.get(prefix, prefix[:-1]), quantity
    raise UsageError(f"{name!r} is no metric; names end in one of: {', '.join(QUANTITIES)}")


def check_metrics(names: Iterable[str]) -> None:
    """Makes sure that metrics can be stored and read under their names.

    Raises:
        UsageError: there are none, a name is no word, or the quantities of another metric have it.
    """
    names = tuple(names)
    if not names:
        raise UsageError("there is no metric to measure; give one, such as mpjpe")
    for name in names:
        if not name.isidentifier() or name == "pa" or name.split("_")[0] == "clean":
            raise UsageError(
                f"a metric cannot be called {name!r}; use letters, digits and _, and neither pa nor clean_..."
            )


def confidence_names(maps: xr.Dataset) -> tuple[str, ...]:
    """The variables of the confidences of some maps, in the order of the alphabet; the first is the usual."""
    return tuple(sorted(name for name in map(str, maps.data_vars) if name.startswith(CONFIDENCE)))


def default_metric(card: ProtocolCard) -> str:
    """Error where there is a truth, displacement where there is none, of the first metric measured."""
    return metric_name(card.metrics[0], "error" if card.has_truth else "displacement")


def added_metric(card: ProtocolCard) -> str:
    """What squares add, of the first metric measured: the increase, or without a truth the displacement."""
    return metric_name(card.metrics[0], "increase" if card.has_truth else "displacement")


def image_maps(
    grid: Grid,
    joint_names: Sequence[str],
    measured: Measured,
    clean: Mapping[str, np.ndarray],
    windows: Mapping[str, np.ndarray],
    seen: Bool[np.ndarray, " windows"] | None = None,
) -> xr.Dataset:
    """The maps of one image, as a data set of one.

    Args:
        grid: its windows, W of them, row-major.
        joint_names: J of them.
        measured: the distances of all passes, the clean pass first.
        clean: `rotmats`, `betas` and `camera` of the clean crop, without a leading dimension; of networks
            that give joints alone `joints_px`; of those that say it, `confidence` or `confidence_NAME`.
        windows: the same under every window, (W, ...).
        seen: which windows touch what the network sees; None where it sees the whole crop.
    """
    shape = (grid.rows, grid.cols)

    def cells(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values[1:].T).reshape(-1, *shape)

    arrays = {metric_name(name, "displacement"): cells(v) for name, v in measured.from_clean_mm.items()}
    for name, values in measured.from_truth_mm.items():
        arrays[metric_name(name, "error")] = cells(values)
        arrays[f"clean_{metric_name(name, 'error')}"] = values[0]
    arrays |= {f"clean_{name}": values for name, values in clean.items()}
    for name, values in windows.items():
        by_window = values.reshape(*shape, *values.shape[1:])
        arrays[name] = np.moveaxis(by_window, -1, 0) if name.startswith(CONFIDENCE) else by_window
    arrays["joints_m"] = measured.joints_m[1:].reshape(*shape, -1, 3)
    arrays["clean_joints_m"] = measured.joints_m[0]
    if measured.true_joints_m is not None:
        arrays["true_joints_m"] = measured.true_joints_m
    if seen is not None:
        arrays["seen"] = seen.astype(np.uint8).reshape(shape)
    labels = {"joint": list(joint_names)} | cell_centres(grid)
    return labelled({name: values[None] for name, values in arrays.items()}, labels)


def labelled(arrays: Mapping[str, np.ndarray], coordinates: Mapping[str, Any]) -> xr.Dataset:
    """Arrays of the container's names with their dimensions and units."""

    def variable(name: str, values: np.ndarray) -> xr.Variable:
        if name in _DIMENSIONS:
            unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), None)
            return xr.Variable(_DIMENSIONS[name], values, {"units": unit} if unit else {})
        return xr.Variable(_MAPS[: values.ndim], values, {"units": "1" if CONFIDENCE in name else "mm"})

    return xr.Dataset({name: variable(name, values) for name, values in arrays.items()}, coordinates)


def cell_centres(grid: Grid) -> dict[str, xr.Variable]:
    """Where the windows of each row and column are centred, pixels of the crop."""
    centres = grid.centres()
    return {name: xr.Variable((name,), centres, {"units": "px"}) for name in ("row", "col")}


def stacked(images: Sequence[xr.Dataset]) -> xr.Dataset:
    """Several data sets of the same windows and joints as one, in order."""
    if len(images) == 1:  # nothing to copy
        return images[0]
    return xr.concat(
        images, "image", data_vars="minimal", coords="minimal", compat="override", join="override"
    )


def with_card(maps: xr.Dataset, card: ProtocolCard) -> xr.Dataset:
    """The same maps with their protocol card."""
    return maps.assign_attrs(protocol=card.canonical_json(), protocol_hash=card.hash)


def card_of(maps: xr.Dataset) -> ProtocolCard:
    """The protocol card of a data set.

    Raises:
        ResultError: there is none, it is malformed, or it was changed after it was written.
    """
    try:
        card = ProtocolCard.model_validate_json(str(maps.attrs.get("protocol", "")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "protocol"
        raise ResultError(f"its protocol card is malformed ({place}: {first['msg']})") from error
    except GridError as error:
        raise ResultError(f"its protocol card is malformed (grid: {error})") from error
    if card.hash != maps.attrs.get("protocol_hash"):
        raise ResultError("its protocol card was changed after it was written")
    return card


def values_of(maps: xr.Dataset, name: str) -> xr.DataArray:
    """A metric of every image, joint and window, (image, joint, row, col), millimetres.

    Args:
        maps: the container.
        name: one of `metric_names`; an increase is computed here.

    Raises:
        GroundTruthError: the metric needs a truth and the maps have none.
        UsageError: the maps do not hold the metric.
    """
    metric, quantity = metric_parts(name)
    name, error = metric_name(metric, quantity), metric_name(metric, "error")
    if name in maps and metric.split("_")[0] != "clean":
        return maps[name]
    if quantity == "increase" and error in maps:
        return (maps[error] - maps[f"clean_{error}"]).rename(name).assign_attrs(units="mm")
    if quantity != "displacement" and metric_name(metric, "displacement") in maps:
        raise GroundTruthError(
            f"{name} needs ground truth and these maps were made without; give it, or read the displacement"
        )
    raise UsageError(f"these maps hold no {name!r}; they hold: {', '.join(metric_names(card_of(maps)))}")


def clean_of(maps: xr.Dataset, name: str) -> xr.DataArray | None:
    """A metric on the clean crops, (image, joint), millimetres; None where it is measured from there."""
    metric, quantity = metric_parts(name)
    return maps.get(f"clean_{metric_name(metric, quantity)}") if quantity == "error" else None


def worst_window(values: xr.DataArray) -> tuple[int, int]:
    """Row and column of the window with the largest mean over joints, the first of equals.

    Args:
        values: a metric of one image, (joint, row, col).
    """
    mean = values.mean("joint").transpose("row", "col").values
    row, col = np.unravel_index(int(mean.argmax()), mean.shape)
    return int(row), int(col)


def save_maps(path: Path | str, maps: xr.Dataset) -> None:
    """Writes maps, whole or not at all; equal maps give equal bytes.

    Raises:
        ResultError: they have no card, or the file cannot be written.
    """
    card_of(maps)
    save_dataset(path, maps, KIND, LAYOUT)


def open_maps(path: Path | str, *, lazy: bool = False) -> xr.Dataset:
    """Reads maps, after making sure that they are what their card says.

    Args:
        path: the file.
        lazy: read arrays when they are first used; otherwise all at once, and the file is closed.

    Raises:
        ResultError: the file is missing, damaged, of another kind or layout, or incomplete.
    """
    maps = (open_dataset if lazy else load_dataset)(path, KIND, LAYOUT)
    try:
        _check(maps)
    except ResultError as error:
        maps.close()
        raise ResultError(f"{str(path)!r} cannot be used: {error}") from error
    return maps


def _check(maps: xr.Dataset) -> None:
    """Compares a file's arrays with its card.

    Raises:
        ResultError: an array is missing or of another shape or type, or the windows are not the card's.
    """
    card = card_of(maps)
    _check_labels(maps, card)
    sizes = {**_LENGTHS, "image": maps.sizes.get("image", 0), "joint": maps.sizes.get("joint", 0)}
    wanted = [name for name in metric_names(card) if not name.endswith("increase")]
    wanted += [f"clean_{name}" for name in wanted if name.endswith("error")]
    if card.grid is None:
        wanted = [name for name in wanted if name.startswith("clean_")]
        wanted += ["clean_pve"] if card.pve_alignment else []
    else:
        wanted += [] if card.body == JOINTS_ALONE else ["clean_rotmats", "clean_betas", "clean_camera"]
        sizes |= {"row": card.grid.rows, "col": card.grid.cols}
        sizes |= {"y": card.grid.resolution, "x": card.grid.resolution}
    for name in wanted:
        if name not in maps:
            raise ResultError(f"it has no {name}")
    for variable, values in maps.data_vars.items():
        dimensions = _DIMENSIONS.get(str(variable), _MAPS[: values.ndim])
        expected = tuple(sizes.get(dimension, -1) for dimension in dimensions)
        if values.dims != dimensions or values.shape != expected:
            raise ResultError(f"{variable} has shape {dict(values.sizes)}, which is not what its card says")
        if values.dtype.kind != ("u" if variable in _BYTES else "f"):
            raise ResultError(f"{variable} is stored as {values.dtype}, which it never is")


def _check_labels(maps: xr.Dataset, card: ProtocolCard) -> None:
    """Makes sure that images, joints and windows are those of the card.

    Raises:
        ResultError: labels are missing, repeated, of another type, or not the card's.
    """
    if not maps.sizes.get("image") or "image" not in maps.coords or maps["image"].dtype.kind != "i":
        raise ResultError("it does not number its images")
    for texts in ("sequence", "file", "joint"):
        if texts in maps.coords and maps[texts].dtype.kind != "U":
            raise ResultError(f"{texts} does not hold names")
    joints = list(maps["joint"].values) if "joint" in maps.coords else []
    try:
        known = joint_set(card.joint_set).joint_names
    except UsageError as error:
        raise ResultError(f"its protocol card is malformed ({error})") from error
    if not joints or len({*joints}) != len(joints) or not {*joints} <= {*known}:
        raise ResultError(f"its joints are not those of {card.joint_set}")
    for axis, centres in ({} if card.grid is None else cell_centres(card.grid)).items():
        if axis not in maps.coords or not np.array_equal(maps[axis].values, centres.values):
            raise ResultError(f"its windows are not those of its card along {axis}")


def json_attribute(maps: xr.Dataset, name: str) -> Any:
    """An attribute that holds JSON.

    Raises:
        ResultError: it is missing or malformed.
    """
    try:
        return json.loads(str(maps.attrs[name]))
    except (KeyError, ValueError) as error:
        raise ResultError(f"its attribute {name} is missing or malformed") from error
