"""Writes the page of a comparison: contents, script, style and plotly in one HTML file."""

import html
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.comparison.report.contents import page_contents
from occlusion_toolkit.comparison.stored import StoredComparison
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.meshes.mesh_result import MeshResult
from occlusion_toolkit.sweep.results import HeatmapResult


def write_report(
    path: Path,
    comparison: StoredComparison,
    meshes: Mapping[str, MeshResult],
    surface: BodySurface | None,
    examples: Mapping[str, HeatmapResult],
    bodies: Bodies,
) -> None:
    """Writes the page; it needs no network, and nothing in a name can become part of it.

    Args:
        path: the .html file.
        comparison: the numbers.
        meshes: of the models by name; empty where they cannot be compared.
        surface: the body they are shown on; None without meshes.
        examples: every model under every window of one image, by name; empty without an example.
        bodies: where the models' bodies come from.

    Raises:
        ResultError: the file cannot be written.
    """
    contents = page_contents(comparison, meshes, surface, examples, bodies)
    title = " · ".join(model.name for model in comparison.models)
    page = Template(_part("page.html")).substitute(
        title=html.escape(title),
        style=_part("page.css"),
        plotly=get_plotlyjs(),
        contents=_inert(json.dumps(contents, allow_nan=False, separators=(",", ":"))),
        script=_part("page.js"),
    )
    write_text(path, page)


def _part(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _inert(text: str) -> str:
    """JSON that cannot end the script element it stands in, whatever its strings hold."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
