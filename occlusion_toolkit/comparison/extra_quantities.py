"""Quantities of surveys that know more: what windows and the world hide, joints under windows, confidence.

Each is one number per image and joint, NaN where an image has none, and stands in the tables of `compare`
beside those that every survey has. The analyses with the same rules are `influence`, `reversals`,
`natural` and `confidence`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float64

from occlusion_toolkit.confidences.rule import surest_half
from occlusion_toolkit.data.scene import NO_MASK, SIGHTS
from occlusion_toolkit.flips.rule import KINDS, reversed_windows
from occlusion_toolkit.influences.rule import COVERED, covers
from occlusion_toolkit.natural_occlusion.rule import HIDDEN
from occlusion_toolkit.sweep.maps import clean_of, confidence_names, metric_parts, values_of
from occlusion_toolkit.sweep.protocol import ProtocolCard

Values = Float64[np.ndarray, "images columns"]


def extra_values(maps: xr.Dataset, card: ProtocolCard, metric: str) -> dict[str, Values]:
    """The numbers of some images by name, (N, J + 1); the last column is of all joints together.

    Args:
        maps: of some images.
        card: what they mean.
        metric: `error`, `displacement`, ...
    """
    values = values_of(maps, metric).transpose("image", "joint", "row", "col").values.astype(np.float64)
    values = values.reshape(*values.shape[:2], -1)
    names = tuple(map(str, maps["joint"].values))
    clean = clean_of(maps, metric)
    found: dict[str, Values] = {}
    if "parts" in maps and not (maps["parts"].values == NO_MASK).any():
        added = values if clean is None else values - clean.values[..., None]
        windows = card.windows.windows()
        kinds = np.stack([covers(parts, windows, names) for parts in maps["parts"].values])
        found["remote"] = _means(added, kinds == COVERED.index("remote"))
    if "joints_m" in maps and {"left_hip", "right_hip"} <= set(names):
        joints = maps["joints_m"].transpose("image", "row", "col", "joint", "xyz").values
        turned = np.stack(
            [
                reversed_windows(under.reshape(-1, *under.shape[2:]), estimate, names)[KINDS.index("either")]
                for under, estimate in zip(joints, maps["clean_joints_m"].values, strict=True)
            ]
        )
        rate = 100 * turned.mean(axis=1, keepdims=True)
        found["reversed"] = np.repeat(rate, len(names) + 1, axis=1)
        found["unreversed"] = _means(values, np.broadcast_to(~turned[:, None], values.shape))
    if "sight" in maps and metric_parts(metric)[1] == "error" and clean is not None:
        hidden = np.isin(maps["sight"].values, [SIGHTS.index(state) for state in HIDDEN])
        if (maps["sight"].values != SIGHTS.index("unknown")).any():
            found["world"] = _means(clean.values[..., None].astype(np.float64), hidden[..., None])
    if sure_of := confidence_names(maps)[:1]:
        sure = maps[sure_of[0]].transpose("image", "joint", "row", "col").values.astype(np.float64)
        sure = _with_mean(sure.reshape(values.shape))
        everything = _with_mean(values)
        found["surer"] = surest_half(everything, sure) - everything.mean(axis=2)
    return found


def _with_mean(values: Float64[np.ndarray, "images joints windows"]) -> np.ndarray:
    return np.concatenate((values, values.mean(axis=1, keepdims=True)), axis=1)


def _means(values: Float64[np.ndarray, "images joints windows"], chosen: np.ndarray) -> Values:
    """Means of chosen windows of every joint, then of all joints together; NaN where none is chosen."""
    sums, counts = np.where(chosen, values, 0.0).sum(axis=2), chosen.sum(axis=2)
    sums = np.concatenate((sums, sums.sum(axis=1, keepdims=True)), axis=1)
    counts = np.concatenate((counts, counts.sum(axis=1, keepdims=True)), axis=1)
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))
