"""The errors of one regressor on a data set as a file: one row per sample, before any averaging."""

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32, Int64

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.hdf5 import ArraySpec, opened, read_arrays, read_attribute, save, write_arrays
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.stored_card import read_card, write_card

KIND = "evaluation"
SCHEMA = 1

ARRAYS = (
    ArraySpec("sequence_names", "S255", ("sequences",), "1"),
    ArraySpec("sequence", "int64", ("samples",), "1"),
    ArraySpec("frame", "int64", ("samples",), "1"),
    ArraySpec("person", "int64", ("samples",), "1"),
    ArraySpec("error_mm", "float32", ("samples", "joints"), "mm"),
    ArraySpec("pa_error_mm", "float32", ("samples", "joints"), "mm"),
    ArraySpec("pve_mm", "float32", ("samples",), "mm"),
)

_MAX_JOINTS, _MAX_SAMPLES = 1024, 10**8  # bounds what a hostile file can make the reader allocate


@dataclass(frozen=True)
class EvaluationResult:
    """Errors of the first N samples of a data set, in its order.

    Attributes:
        card: what the numbers mean.
        joint_names: one name per joint, in order, (J,).
        planned: samples of the whole evaluation; N is less while it is not finished.
        batch_size: samples that went through the network together.
        sequence_names: UTF-8 names of the sequences so far, in order of appearance, (S,).
        sequence: index of each row's sequence, (N,).
        frame: number of the image, (N,).
        person: index of the person in the sequence, (N,).
        error_mm: distance of each pelvis-centred joint from the truth, (N, J); its mean is MPJPE.
        pa_error_mm: the same after Procrustes alignment, (N, J); its mean is PA-MPJPE.
        pve_mm: mean distance of the vertices, (N,); its mean is PVE.
    """

    card: ProtocolCard
    joint_names: tuple[str, ...]
    planned: int
    batch_size: int
    sequence_names: np.ndarray
    sequence: Int64[np.ndarray, " samples"]
    frame: Int64[np.ndarray, " samples"]
    person: Int64[np.ndarray, " samples"]
    error_mm: Float32[np.ndarray, "samples joints"]
    pa_error_mm: Float32[np.ndarray, "samples joints"]
    pve_mm: Float32[np.ndarray, " samples"]

    def __len__(self) -> int:
        return len(self.pve_mm)

    @property
    def complete(self) -> bool:
        """Whether every sample was evaluated."""
        return len(self) == self.planned

    @property
    def sequences(self) -> tuple[str, ...]:
        """Names of the sequences so far."""
        return tuple(name.decode() for name in self.sequence_names.tolist())


def write_evaluation(path: Path | str, result: EvaluationResult) -> None:
    """Writes a result file (HDF5), whole or not at all; at least one sample must be in it.

    Raises:
        ResultError: an array does not have its declared shape or type, or the file cannot be written.
    """

    def fill(file: h5py.File) -> None:
        write_card(file, result.card)
        sizes = {
            "sequences": len(result.sequence_names),
            "samples": len(result),
            "joints": len(result.joint_names),
        }
        file.attrs.update(
            **sizes,
            joint_names=json.dumps(result.joint_names),
            planned=result.planned,
            batch_size=result.batch_size,
        )
        write_arrays(file, ARRAYS, result, sizes)

    save(path, KIND, SCHEMA, fill)


def read_evaluation(path: Path | str) -> EvaluationResult:
    """Reads a result file.

    Raises:
        ResultError: the file is missing, damaged, of another kind or version, or contradicts itself.
    """
    with opened(path, KIND, SCHEMA) as file:
        card, names = read_card(file), json.loads(read_attribute(file, "joint_names", str))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ResultError("its joint names are malformed")
        sizes = {name: read_attribute(file, name, int) for name in ("sequences", "samples", "joints")}
        planned = read_attribute(file, "planned", int)
        if sizes["joints"] != len(names) or len(names) > _MAX_JOINTS:
            raise ResultError(f"it has {len(names)} names for {sizes['joints']} joints")
        if not 0 < sizes["sequences"] <= sizes["samples"] <= planned <= _MAX_SAMPLES:
            raise ResultError(f"{sizes['samples']} samples of {planned} planned are not possible")
        arrays = read_arrays(file, ARRAYS, sizes)
        if arrays["sequence"].min() < 0 or arrays["sequence"].max() >= sizes["sequences"]:
            raise ResultError("a sample belongs to no sequence")
        return EvaluationResult(
            card=card,
            joint_names=tuple(names),
            planned=planned,
            batch_size=read_attribute(file, "batch_size", int),
            **arrays,
        )
