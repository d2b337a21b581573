"""The page of a comparison: its contents as plain data, script, style and plotly in one HTML file."""

import base64
import html
import io
import json
from collections.abc import Mapping
from importlib import resources
from itertools import combinations
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from matplotlib.colors import Colormap, to_hex
from numpy.typing import NDArray
from PIL import Image
from plotly.offline import get_plotlyjs

from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.joints import PARENTS, SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.comparison.insights import Insight, insights
from occlusion_toolkit.comparison.meshes import mesh_difference
from occlusion_toolkit.comparison.tables import explanation
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.plotting.colormaps import ROBUST_RANGE
from occlusion_toolkit.plotting.look import chosen_look
from occlusion_toolkit.plotting.metric_text import axis_label, metric_text
from occlusion_toolkit.sweep.occluders import describe

_COLOURS = 64
_CROP_PIXELS = 448
_INSIGHT_DPI = 160


def write_report(
    path: Path,
    comparison: Comparison,
    meshes: Mapping[str, SensitivityMesh],
    maps: Mapping[str, OcclusionMaps],
) -> None:
    """Writes the page; it needs no network, and nothing in a name can become part of it.

    Args:
        path: the .html file.
        comparison: the numbers.
        meshes: of the models by name; empty where they cannot be compared.
        maps: every model under every window of one image, by name; empty without an example.

    Raises:
        ResultError: the file cannot be written.
    """
    card = comparison.models[0].card
    contents = {
        "comparison": comparison.model_dump(mode="json"),
        "metric": metric_text(comparison.metric),
        "label": axis_label(comparison.metric),
        "occluder": describe(card.occluder),
        "explanation": explanation(comparison),
        "hashes": {model.name: model.card.hash for model in comparison.models},
        "colours": model_colours(len(comparison.models)),
        "sequential": _colour_table(chosen_look().sequential),
        "diverging": _colour_table(chosen_look().diverging),
        "example": _example(comparison, maps) if maps else None,
        "meshes": _meshes(comparison, meshes) if meshes else None,
        "insights": [_insight(found) for found in insights(comparison.surveys)],
    }
    page = Template(_part("page.html")).substitute(
        title=html.escape(" · ".join(model.name for model in comparison.models)),
        style=_part("page.css"),
        plotly=get_plotlyjs(),
        contents=_inert(json.dumps(contents, allow_nan=False, separators=(",", ":"))),
        script=_part("page.js"),
    )
    write_text(path, page)


def _example(comparison: Comparison, maps: Mapping[str, OcclusionMaps]) -> dict[str, Any]:
    first = next(iter(maps.values()))
    colour: Any = (first.card.occluder or {}).get("rgb")
    return {
        "image": comparison.example.title,
        "crop": _picture(first.dataset["crop"].values[0]),
        "resolution": first.grid.resolution,
        "windows": first.grid.windows().tolist(),
        "cells": first.grid.cells().tolist(),
        "rows": first.grid.rows,
        "cols": first.grid.cols,
        # The colour of an occluder that has one; blur, noise and pictures have none.
        "paint": f"#{bytes(colour).hex()}" if colour else None,
        "diverges": first.metric.endswith("increase"),
        "joints": [*first.joints, "mean"],
        "bones": [[child, parent] for child, parent in enumerate(PARENTS) if parent >= 0],
        "models": {name: _swept(shown) for name, shown in maps.items()},
    }


def _swept(maps: OcclusionMaps) -> dict[str, Any]:
    """Maps in millimetres, and where the skeleton is under each window."""
    values = maps.sel(joint=maps.joints).transpose("joint", "row", "col").values
    with_mean = np.concatenate((values, values.mean(axis=0, keepdims=True)))
    row, col = maps.worst()
    return {
        "maps": _packed(with_mean.reshape(len(with_mean), -1)),
        "skeletons": _packed(_skeletons(maps)),
        "worst": row * maps.grid.cols + col,
    }


def _skeletons(maps: OcclusionMaps) -> NDArray[np.float32]:
    """Kinematic joints in pixels of the crop, the clean prediction's first, (1 + W, 24, 2)."""

    def passes(name: str) -> torch.Tensor:
        """The clean estimate, then that under every window."""
        clean, windows = maps.dataset[f"clean_{name}"].values[0], maps.dataset[name].values[0]
        return torch.from_numpy(np.concatenate((clean[None], windows.reshape(-1, *clean.shape))))

    estimates = BodyParameters(passes("rotmats"), passes("betas"), passes("camera"))
    joints = maps.body.joints(estimates, SMPL24)
    pixels = project_to_crop(joints, estimates.camera, maps.grid.resolution)
    return pixels[..., :2].numpy().astype(np.float32)


def _meshes(comparison: Comparison, meshes: Mapping[str, SensitivityMesh]) -> dict[str, Any]:
    metric, first = comparison.metric, next(iter(meshes.values()))
    values = {name: mesh.sel(metric=metric).values for name, mesh in meshes.items()}
    differences = {}
    for one, other in combinations(meshes, 2):
        found = [mesh_difference(meshes[one], meshes[other], metric, joint) for joint in first.joints]
        means = np.stack([difference.mean_mm for difference in found])
        differences[f"{one} − {other}"] = {
            "values": _packed(means),
            "significant": _packed(np.stack([difference.significant for difference in found])),
            "limit": [float(np.nanquantile(np.abs(row), ROBUST_RANGE[1])) for row in means],
        }
    return {
        "vertices": _packed(first.surface.vertices_m),
        "faces": _packed(first.surface.faces, np.int32),
        "rows": [*first.joints],
        "models": {name: _packed(rows) for name, rows in values.items()},
        "limits": [
            np.nanquantile(np.stack([rows[row] for rows in values.values()]), ROBUST_RANGE).tolist()
            for row in range(len(first.joints))
        ],
        "differences": differences,
    }


def _insight(found: Insight) -> dict[str, Any]:
    """A section: its picture as a data address, its table as texts."""
    picture = None
    if found.figure is not None:
        file = io.BytesIO()
        found.figure.savefig(file, format="png", dpi=_INSIGHT_DPI)
        picture = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    rows = []
    if found.table is not None:
        rows.append(["", *map(str, found.table.columns)])
        for index, row in zip(found.table.index, found.table.itertuples(index=False), strict=True):
            name = ", ".join(map(str, index)) if isinstance(index, tuple) else str(index)
            rows.append([name, *("" if value != value else str(value) for value in row)])
    return {"title": found.title, "text": found.text, "picture": picture, "rows": rows}


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


def _colour_table(colormap: Colormap) -> list[str]:
    return [to_hex(colour) for colour in colormap(np.linspace(0, 1, _COLOURS))]


def _part(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _inert(text: str) -> str:
    """JSON that cannot end the script element it stands in, whatever its strings hold."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
