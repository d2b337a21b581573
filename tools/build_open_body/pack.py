"""Writes the two npz files: small integer and half-precision arrays, no pickles."""

from pathlib import Path

import numpy as np
from geometry import Array
from numpy.typing import NDArray
from skinning import MAX_INFLUENCES

Arrays = dict[str, NDArray[np.generic]]


def packed_weights(weights: Array) -> Arrays:
    """Skinning weights as joint indices (n, 5) and 16-bit shares (n, 5), unused slots zero."""
    index = np.zeros((len(weights), MAX_INFLUENCES), np.uint8)
    share = np.zeros((len(weights), MAX_INFLUENCES), np.uint16)
    for row, values in enumerate(weights):
        used = np.flatnonzero(values)
        if len(used) > MAX_INFLUENCES:
            raise RuntimeError(
                f"vertex {row} follows {len(used)} joints; at most {MAX_INFLUENCES} fit the file"
            )
        index[row, : len(used)] = used
        share[row, : len(used)] = np.round(values[used] * 65535)
    return {"weight_joint": index, "weight_share": share}


def packed_regressor(rows: Array) -> Arrays:
    """The non-zeros of a regressor (J, V): row, vertex and weight."""
    row, vertex = np.nonzero(rows)
    return {
        "row": row.astype(np.uint8),
        "vertex": vertex.astype(np.uint16),
        "weight": rows[row, vertex].astype(np.float32),
    }


def prefixed(prefix: str, arrays: Arrays) -> Arrays:
    """The same arrays under `prefix_` names."""
    return {f"{prefix}_{key}": value for key, value in arrays.items()}


def write(path: Path, arrays: Arrays, largest_kib: int) -> None:
    """Writes a compressed npz and refuses one above its budget."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    size_kib = path.stat().st_size / 1024
    print(f"{path}: {size_kib:.0f} KiB, {len(arrays)} arrays")
    if size_kib > largest_kib:
        raise RuntimeError(f"{path} has {size_kib:.0f} KiB; the budget is {largest_kib} KiB")
