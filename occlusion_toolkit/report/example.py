"""One image under every window as plain data: maps, skeletons, and what the occluder looks like."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from torch import Tensor

from occlusion_toolkit.body.camera import fitted_camera
from occlusion_toolkit.body.joints import PARENTS, SMPL24, joint_set
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import BodyModelError
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.pictures import occluder_swatch
from occlusion_toolkit.heatmaps.table import estimate
from occlusion_toolkit.plotting.arrangement import reading_order
from occlusion_toolkit.plotting.metric_text import is_signed
from occlusion_toolkit.plotting.overlay import BODY_COLOUR
from occlusion_toolkit.plotting.painting import DARKER, LIGHTER, detail_of
from occlusion_toolkit.plotting.posed import LEFT_COLOUR, OCCLUDED_COLOUR, RIGHT_COLOUR, TRUE_COLOUR, side_of
from occlusion_toolkit.plotting.sticks import bones_of, stick_side
from occlusion_toolkit.report.page import packed, picture
from occlusion_toolkit.sweep.grid import Grid

_CROP_PIXELS = 448
_FIXED = ("grey", "black", "white", "noise", "mean", "blur")
"""Occluders that a whole painted crop shows under every window; pictures move with the window."""


_BODY_BONES = [
    [child, parent, side_of(SMPL24.joint_names[child])] for child, parent in enumerate(PARENTS) if parent >= 0
]


def example_part(title: str, maps: Mapping[str, OcclusionMaps]) -> dict[str, Any]:
    """What the page shows of one image.

    Args:
        title: name of the image.
        maps: every model under every window, by name.
    """
    first = next(iter(maps.values()))
    crop = first.detail("crop")
    return {
        "image": title,
        "crop": picture(crop, side=_CROP_PIXELS),
        "detail": _detail(crop),
        "shades": round(100 * max(LIGHTER, DARKER)),
        "resolution": first.grid.resolution,
        "windows": first.grid.windows().tolist(),
        "cells": first.grid.cells().tolist(),
        "rows": first.grid.rows,
        "cols": first.grid.cols,
        "paint": _paint(first, first.grid),
        "diverges": is_signed(first.metric),
        "from_zero": first.metric.endswith("displacement"),
        "joints": [*first.joints, "mean"],
        "order": [*reading_order(first.joints), len(first.joints)],
        "true_bones": _BODY_BONES,
        "limbs": {"left": to_hex(LEFT_COLOUR), "right": to_hex(RIGHT_COLOUR)},
        "trunks": {
            "clean": to_hex(BODY_COLOUR),
            "occluded": to_hex(OCCLUDED_COLOUR),
            "truth": to_hex(TRUE_COLOUR),
        },
        "models": {name: _swept(shown) for name, shown in maps.items()},
    }


def _detail(crop: NDArray[np.uint8]) -> str:
    """The photograph as white and black of little opacity, to be laid over opaque colours."""
    detail = detail_of(crop, _CROP_PIXELS)
    layer = np.stack([np.where(detail > 0, 255, 0), 255 * np.abs(detail)], axis=-1)
    return picture(layer.round().astype(np.uint8), "PNG")


def _paint(maps: OcclusionMaps, grid: Grid) -> dict[str, Any]:
    """What is seen inside a window."""
    if (maps.card.occluder or {}).get("name") in _FIXED:
        side = grid.resolution
        return {"moves": False, "picture": picture(maps.painted((0, side, 0, side)), "PNG")}
    swatch = occluder_swatch(maps)
    if swatch is None:
        swatch = np.full((grid.size, grid.size, 3), 128, np.uint8)
    return {"moves": True, "picture": picture(swatch, "PNG"), "size": grid.size}


def _swept(maps: OcclusionMaps) -> dict[str, Any]:
    """Maps in millimetres, and where the skeleton is under each window."""
    values = maps.sel(joint=maps.joints, image=0).transpose("joint", "row", "col").values
    with_mean = np.concatenate((values, values.mean(axis=0, keepdims=True)))
    truth = _true_skeleton(maps)
    joints = joint_set(maps.card.joint_set)
    sticks = [[one, other, stick_side(joints, (one, other))] for one, other in bones_of(joints)]
    return {
        "bones": sticks if maps.joints_alone else _BODY_BONES,
        "maps": packed(with_mean.reshape(len(with_mean), -1)),
        "skeletons": packed(_skeletons(maps)),
        "truth": None if truth is None else packed(truth),
    }


def _skeletons(maps: OcclusionMaps) -> NDArray[np.float32]:
    """Kinematic joints, the clean prediction's first, (1 + W, 24, 3); see `_in_crop`.

    Of a network that gives joints alone, these.
    """

    def passes(name: str) -> Tensor:
        """The clean estimate, then that under every window."""
        clean, windows = maps.detail(f"clean_{name}"), maps.detail(name)
        return torch.from_numpy(np.concatenate((clean[None], windows.reshape(-1, *clean.shape))))

    if maps.joints_alone:
        joints, places = passes("joints_m").numpy(), passes("joints_px").numpy()
        half = maps.grid.resolution / 2
        scale = fitted_camera(joints[0, :, :2], places[0] / half - 1)[0]
        return np.concatenate([places, scale * joints[..., 2:] * half], axis=-1).astype(np.float32)
    estimates = BodyParameters(passes("rotmats"), passes("betas"), passes("camera"))
    return _in_crop(maps.body.joints(estimates, SMPL24), estimates.camera, maps.grid.resolution)


def _true_skeleton(maps: OcclusionMaps) -> NDArray[np.float32] | None:
    """The joints of the ground truth, (1, 24, 3), its pelvis on the clean one where no camera is known."""
    if "true_rotmats" not in maps.dataset:
        return None
    truth = estimate(maps, "true")
    try:
        joints = maps.true_body().joints(truth, SMPL24)
    except BodyModelError:
        return None
    camera = truth.camera
    if not torch.isfinite(camera).all() and maps.joints_alone:
        return None
    if not torch.isfinite(camera).all():
        clean = estimate(maps, "clean")
        camera = clean.camera
        joints = joints - joints[:, :1] + maps.body.joints(clean, SMPL24)[:, :1]
    return _in_crop(joints, camera, maps.grid.resolution)


def _in_crop(
    joints: Float[Tensor, "bodies 24 3"], camera: Float[Tensor, "bodies 3"], resolution: int
) -> NDArray[np.float32]:
    """Joints as pixels (x, y) of the crop, and how far behind the pelvis they are on the same scale."""
    scale = camera[:, None, :1]
    flat = (scale * (joints[..., :2] + camera[:, None, 1:]) + 1) / 2 * resolution
    depth = scale * (joints[..., 2:] - joints[:, :1, 2:]) / 2 * resolution
    return torch.cat([flat, depth], dim=-1).numpy().astype(np.float32)
