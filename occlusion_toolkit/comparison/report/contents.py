"""What the page of a comparison shows, as plain data: numbers, maps, skeletons, meshes."""

import base64
import io
import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import torch
from matplotlib.colors import Colormap, to_hex
from numpy.typing import NDArray
from PIL import Image

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.joints import PARENTS, SMPL24
from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.comparison.meshes import mesh_difference
from occlusion_toolkit.comparison.stored import StoredComparison
from occlusion_toolkit.comparison.tables import explanation
from occlusion_toolkit.heatmaps.table import parameters_of
from occlusion_toolkit.meshes.mesh_result import MeshResult
from occlusion_toolkit.plotting.colormaps import DIVERGING, ROBUST_RANGE, SEQUENTIAL
from occlusion_toolkit.sweep.results import HeatmapResult

_COLOURS = 64
_CROP_PIXELS = 448


def page_contents(
    comparison: StoredComparison,
    meshes: Mapping[str, MeshResult],
    surface: BodySurface | None,
    examples: Mapping[str, HeatmapResult],
    bodies: Bodies,
) -> dict[str, Any]:
    """Gathers everything, ready to become JSON.

    Args:
        comparison: the numbers.
        meshes: of the models by name; empty where they cannot be compared.
        surface: the body they are shown on; None without meshes.
        examples: every model under every window of one image, by name; empty without an example.
        bodies: where the models' bodies come from.
    """
    return {
        "comparison": comparison.model_dump(mode="json"),
        "explanation": explanation(comparison),
        "hashes": {model.name: model.card.hash for model in comparison.models},
        "colours": model_colours(len(comparison.models)),
        "sequential": _colour_table(SEQUENTIAL),
        "diverging": _colour_table(DIVERGING),
        "example": _example(examples, bodies) if examples else None,
        "meshes": _meshes(comparison, meshes, surface) if surface is not None else None,
    }


def _example(examples: Mapping[str, HeatmapResult], bodies: Bodies) -> dict[str, Any]:
    first = next(iter(examples.values()))
    maps = next(maps for maps in first.maps if maps.joint_set == first.focus.joint_set)
    return {
        "image": first.image_name,
        "crop": _picture(first.crop),
        "resolution": first.card.windows.resolution,
        "windows": first.windows.tolist(),
        "cells": first.cells.tolist(),
        "rows": maps.displacement_mm.shape[1],
        "cols": maps.displacement_mm.shape[2],
        "paint": _flat_colour(first.card.occluder or ""),
        "readOut": first.focus.read_out,
        "joints": [*first.focus.joints, "mean"],
        "bones": [[child, parent] for child, parent in enumerate(PARENTS) if parent >= 0],
        "models": {name: _swept(result, bodies) for name, result in examples.items()},
    }


def _swept(result: HeatmapResult, bodies: Bodies) -> dict[str, Any]:
    """Maps in millimetres, and where the skeleton is under each window."""
    maps = next(maps for maps in result.maps if maps.joint_set == result.focus.joint_set)
    prefix = "pa_" if result.focus.aligned else ""
    values: NDArray[np.float32] = getattr(maps, f"{prefix}{result.focus.read_out}_mm")
    values = values[[maps.joint_names.index(name) for name in result.focus.joints]]
    with_mean = np.concatenate((values, values.mean(axis=0, keepdims=True)))
    return {
        "maps": _packed(with_mean.reshape(len(with_mean), -1)),
        "skeletons": _packed(_skeletons(result, bodies)),
        "worst": result.worst_window,
    }


def _skeletons(result: HeatmapResult, bodies: Bodies) -> NDArray[np.float32]:
    """Kinematic joints in pixels of the crop, the clean prediction's first, (1 + W, 24, 2).

    Joints are stored centred on the pelvis; it is put back where the clean prediction's shape has it, which
    differs from that of a window's own shape by less than a pixel.
    """
    joints = next(maps for maps in result.maps if maps.joint_set == SMPL24.name)
    body = bodies.load(result.card.body)
    pelvis = body.pelvis(parameters_of(result.clean), SMPL24)
    centred = np.concatenate((joints.clean_joints_m[None], joints.joints_m))
    cameras = np.concatenate((result.clean.camera[None], result.camera))
    placed = torch.from_numpy(centred) + pelvis
    pixels = project_to_crop(placed, torch.from_numpy(cameras), result.card.windows.resolution)
    return pixels[..., :2].numpy().astype(np.float32)


def _meshes(
    comparison: StoredComparison, meshes: Mapping[str, MeshResult], surface: BodySurface
) -> dict[str, Any]:
    read_out = comparison.read_out
    first = next(iter(meshes.values()))
    values = {name: mesh.of(read_out).frames.mean for name, mesh in meshes.items()}
    differences = {}
    for (one, mesh), (other, second) in combinations(meshes.items(), 2):
        found = [mesh_difference(mesh, second, read_out, row) for row in first.row_names]
        means = np.stack([difference.mean_mm for difference in found])
        differences[f"{one} − {other}"] = {
            "values": _packed(means),
            "significant": _packed(np.stack([difference.significant for difference in found])),
            "limit": [float(np.nanquantile(np.abs(row), ROBUST_RANGE[1])) for row in means],
        }
    return {
        "vertices": _packed(surface.vertices_m),
        "faces": _packed(surface.faces, np.int32),
        "rows": [*first.row_names],
        "models": {name: _packed(rows) for name, rows in values.items()},
        "limits": [
            np.nanquantile(np.stack([rows[row] for rows in values.values()]), ROBUST_RANGE).tolist()
            for row in range(len(first.row_names))
        ],
        "differences": differences,
    }


def _packed(values: NDArray[Any], kind: type[np.generic] = np.float32) -> dict[str, Any]:
    """An array as base64 of little-endian numbers, with its shape."""
    data = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()
    return {"shape": list(values.shape), "data": base64.b64encode(data).decode("ascii")}


def _picture(crop: NDArray[np.uint8]) -> str:
    """A crop as a data address, enlarged so that browsers do not blur its pixels."""
    enlarged = Image.fromarray(crop).resize((_CROP_PIXELS, _CROP_PIXELS), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    enlarged.save(file, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _flat_colour(occluder: str) -> str | None:
    """The colour of an occluder that has one, as `#rrggbb`; None for blur, noise and pictures."""
    found = re.search(r"RGB (\d+),(\d+),(\d+)", occluder)
    return None if found is None else f"#{bytes(int(value) for value in found.groups()).hex()}"


def _colour_table(colormap: Colormap) -> list[str]:
    return [to_hex(colour) for colour in colormap(np.linspace(0, 1, _COLOURS))]
