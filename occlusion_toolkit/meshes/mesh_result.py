"""Occlusion sensitivity meshes as arrays: how far each joint moves when a vertex of the body is occluded.

The layout of the file is documented in docs/results-format.md.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import h5py
import numpy as np
from jaxtyping import Float32, Float64, Int64

from occlusion_toolkit.body.body_surface import BodySurface
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

KIND = "mesh"
SCHEMA = 1

STATISTICS_ARRAYS = (
    ArraySpec("count", "int64", ("vertices",), "1"),
    ArraySpec("mean", "float64", ("rows", "vertices"), "mm"),
    ArraySpec("variance", "float64", ("rows", "vertices"), "mm^2"),
    ArraySpec("interval_low", "float64", ("rows", "vertices"), "mm"),
    ArraySpec("interval_high", "float64", ("rows", "vertices"), "mm"),
)
"""Arrays of the groups `frames` and `sequences`."""

SEQUENCE_COUNTS = ArraySpec("sequence_counts", "int64", ("sequences", "vertices"), "1")
SEQUENCE_MEANS = ArraySpec("sequence_means", "float32", ("sequences", "rows", "vertices"), "mm")

SURFACE_ARRAYS = (
    ArraySpec("vertices_m", "float32", ("vertices", 3), "m"),
    ArraySpec("faces", "int64", ("faces", 3), "1"),
    ArraySpec("vertex_parts", "int64", ("vertices",), "1"),
)
"""Arrays of the group `surface`."""

# Bounds on what a hostile file can make the reader allocate.
_MAX_NAMES, _MAX_VERTICES = 4096, 1_000_000

ReadOut = Literal["displacement", "error", "increase"]
"""What the maps hold: distance from the clean estimate; from the truth; the latter minus the clean error."""

Rule = Literal["cell", "hidden", "elsewhere"]
"""What a visible vertex takes from the maps of one image (docs/pooling.md).

`cell`: the value at the cell that contains its projection.
`hidden`: the mean over the windows that cover its projection.
`elsewhere`: the mean over the windows that do not.
"""

RULES: tuple[Rule, ...] = get_args(Rule)

MEAN_OF_JOINTS = "mean"
"""Name of the last row of every array over joints: the mean over the joints."""


@dataclass(frozen=True)
class VertexStatistics:
    """Statistics of one quantity over frames or over sequences, per joint and vertex.

    Rows are the joints in order and then their mean (row J). Values are NaN where they do not exist: the mean
    of a vertex that was never seen, variance and interval of one that was seen once.

    Attributes:
        count: frames (sequences) that have a value for the vertex, the same for all joints, (V,).
        mean: millimetres, (J + 1, V).
        variance: unbiased, square millimetres, (J + 1, V).
        interval_low: lower end of the 95 % confidence interval of the mean, millimetres, (J + 1, V).
        interval_high: upper end, (J + 1, V).
    """

    count: Int64[np.ndarray, " vertices"]
    mean: Float64[np.ndarray, "rows vertices"]
    variance: Float64[np.ndarray, "rows vertices"]
    interval_low: Float64[np.ndarray, "rows vertices"]
    interval_high: Float64[np.ndarray, "rows vertices"]


@dataclass(frozen=True)
class PooledMaps:
    """One read-out, carried to the vertices by one rule and pooled.

    Attributes:
        read_out: what the maps hold.
        rule: what a vertex takes from them.
        frames: over all frames, each counting once. Its interval treats frames as independent, which frames
            of one video are not.
        sequences: over the sequences' means, each sequence counting once: the interval to report.
        sequence_means: mean over the frames of each sequence, millimetres, NaN where unseen, (S, J + 1, V):
            what paired comparisons need. Kept for the rule "cell" only, None for the others.
    """

    read_out: ReadOut
    rule: Rule
    frames: VertexStatistics
    sequences: VertexStatistics
    sequence_means: Float32[np.ndarray, "sequences rows vertices"] | None = None


@dataclass(frozen=True)
class MeshResult:
    """The occlusion sensitivity meshes of one regressor on one data set.

    Attributes:
        card: what the numbers mean; `card.body` is the topology that the vertices belong to.
        joint_set: name of the joint set.
        joint_names: one name per joint, in order, (J,).
        aligned: values after Procrustes alignment.
        num_images: frames that were pooled, whether anything was visible in them or not.
        sequence_names: sequences that they are from, in data set order, (S,).
        sequence_counts: frames of each sequence that have a value for the vertex under "cell", (S, V).
        pooled: every read-out of the card under every rule, read-outs first.
    """

    card: ProtocolCard
    joint_set: str
    joint_names: tuple[str, ...]
    aligned: bool
    num_images: int
    sequence_names: tuple[str, ...]
    sequence_counts: Int64[np.ndarray, "sequences vertices"]
    pooled: tuple[PooledMaps, ...]

    @property
    def row_names(self) -> tuple[str, ...]:
        """Names of the rows of every array: the joints and then "mean", (J + 1,)."""
        return (*self.joint_names, MEAN_OF_JOINTS)

    @property
    def num_sequences(self) -> int:
        """Sequences that the frames are from."""
        return len(self.sequence_names)

    @property
    def num_vertices(self) -> int:
        """Vertices of the body."""
        return len(self.pooled[0].frames.count)

    def of(self, read_out: ReadOut, rule: Rule = "cell") -> PooledMaps:
        """One read-out under one rule.

        Raises:
            ResultError: it was not pooled.
        """
        for maps in self.pooled:
            if (maps.read_out, maps.rule) == (read_out, rule):
                return maps
        held = ", ".join(dict.fromkeys(maps.read_out for maps in self.pooled))
        raise ResultError(f"the mesh has no {read_out!r} under rule {rule!r}; its read-outs are: {held}")


def write_mesh(path: Path | str, result: MeshResult, surface: BodySurface) -> None:
    """Writes meshes and the body they are shown on as one file (HDF5), whole or not at all.

    Raises:
        ResultError: result and surface are of different bodies, an array does not have its declared shape or
            type, or the file cannot be written.
    """
    if surface.topology != result.card.body:
        raise ResultError(f"meshes of body {result.card.body!r} cannot be shown on {surface.topology!r}")
    save(path, KIND, SCHEMA, lambda file: _fill(file, result, surface))


def read_mesh(path: Path | str) -> MeshResult:
    """Reads the meshes of a file.

    Raises:
        ResultError: the file is missing, damaged, of another kind or version, incomplete, or refers to
            anything outside itself.
    """
    with opened(path, KIND, SCHEMA) as file:
        card, sizes = read_card(file), _sizes(file)
        return MeshResult(
            card=card,
            joint_set=read_attribute(file, "joint_set", str),
            joint_names=_names(file, "joint_names"),
            aligned=read_attribute(file, "aligned", bool),
            num_images=read_attribute(file, "num_images", int),
            sequence_names=_names(file, "sequence_names"),
            sequence_counts=read_arrays(file, (SEQUENCE_COUNTS,), sizes)["sequence_counts"],
            pooled=tuple(
                _read_pooled(file, read_out, rule, sizes) for read_out in card.read_outs for rule in RULES
            ),
        )


def read_surface(path: Path | str) -> BodySurface:
    """Reads the body that the meshes of a file are shown on.

    Raises:
        ResultError: as `read_mesh`.
    """
    with opened(path, KIND, SCHEMA) as file:
        group = child(file, "surface", h5py.Group)
        sizes = {**_sizes(file), "faces": read_attribute(group, "face_count", int)}
        names = _names(group, "part_names")
        arrays = read_arrays(group, SURFACE_ARRAYS, sizes)
        for name, limit in (("faces", sizes["vertices"]), ("vertex_parts", len(names))):
            if arrays[name].size and not 0 <= arrays[name].min() <= arrays[name].max() < limit:
                raise ResultError(f"{group.name}/{name} has numbers outside 0..{limit - 1}")
        if not np.isfinite(arrays["vertices_m"]).all():
            raise ResultError(f"{group.name}/vertices_m has values that are not finite")
        return BodySurface(read_card(file).body, part_names=names, **arrays)


def _fill(file: h5py.File, result: MeshResult, surface: BodySurface) -> None:
    write_card(file, result.card)
    file.attrs.update(
        joint_set=result.joint_set,
        joint_names=json.dumps(result.joint_names),
        aligned=result.aligned,
        num_images=result.num_images,
        sequence_names=json.dumps(result.sequence_names),
        vertex_count=result.num_vertices,
    )
    sizes = {**_sizes(file), "faces": len(surface.faces)}
    write_arrays(file, (SEQUENCE_COUNTS,), result, sizes)
    for read_out in result.card.read_outs:
        for rule in RULES:
            maps = result.of(read_out, rule)
            group = file.create_group(f"pooled/{read_out}/{rule}")
            write_arrays(group.create_group("frames"), STATISTICS_ARRAYS, maps.frames, sizes)
            write_arrays(group.create_group("sequences"), STATISTICS_ARRAYS, maps.sequences, sizes)
            if rule == "cell":
                write_arrays(group, (SEQUENCE_MEANS,), maps, sizes)
    group = file.create_group("surface")
    group.attrs.update(face_count=len(surface.faces), part_names=json.dumps(surface.part_names))
    write_arrays(group, SURFACE_ARRAYS, surface, sizes)


def _sizes(file: h5py.File) -> dict[str, int]:
    vertices = read_attribute(file, "vertex_count", int)
    if not 0 < vertices <= _MAX_VERTICES:
        raise ResultError(f"it claims {vertices} vertices; a body has 1 to {_MAX_VERTICES}")
    rows = len(_names(file, "joint_names")) + 1
    return {"vertices": vertices, "rows": rows, "sequences": len(_names(file, "sequence_names"))}


def _names(group: h5py.Group, attribute: str) -> tuple[str, ...]:
    names = json.loads(read_attribute(group, attribute, str))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ResultError(f"attribute {attribute!r} of {group.name} is not a list of names")
    if len(names) > _MAX_NAMES:
        raise ResultError(f"{attribute!r} of {group.name} has {len(names)} names, more than {_MAX_NAMES}")
    return tuple(names)


def _read_pooled(file: h5py.File, read_out: ReadOut, rule: Rule, sizes: dict[str, int]) -> PooledMaps:
    group = file
    for name in ("pooled", read_out, rule):
        group = child(group, name, h5py.Group)
    frames, sequences = (
        VertexStatistics(**read_arrays(child(group, name, h5py.Group), STATISTICS_ARRAYS, sizes))
        for name in ("frames", "sequences")
    )
    means = read_arrays(group, (SEQUENCE_MEANS,), sizes)["sequence_means"] if rule == "cell" else None
    return PooledMaps(read_out, rule, frames, sequences, means)
