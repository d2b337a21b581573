"""The page of a comparison, of one image's heatmaps, or of one sensitivity mesh."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.colors import to_hex, to_rgb

from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.comparison.insights import Insight, insights
from occlusion_toolkit.comparison.tables import explanation
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.plotting.arrangement import reading_order
from occlusion_toolkit.plotting.metric_text import joint_title, metric_text, window_text
from occlusion_toolkit.report.bodies import meshes_part
from occlusion_toolkit.report.example import example_part
from occlusion_toolkit.report.page import write_page
from occlusion_toolkit.sweep.occluders import describe
from occlusion_toolkit.sweep.protocol import ProtocolCard

_INSIGHT_DPI = 160


def write_comparison_page(
    path: Path,
    comparison: Comparison,
    meshes: Mapping[str, SensitivityMesh],
    maps: Mapping[str, OcclusionMaps],
) -> None:
    """Writes the page of a comparison.

    Args:
        path: the .html file.
        comparison: the numbers.
        meshes: of the models by name; empty where they cannot be compared.
        maps: every model under every window of one image, by name; empty without an example.

    Raises:
        ResultError: the file cannot be written.
    """
    colours = model_colours(len(comparison.models))
    sequences = f"{comparison.frames} samples of {comparison.sequences} sequences"
    write_page(
        path,
        title=" · ".join(model.name for model in comparison.models),
        subtitle=_subtitle(comparison.metric, comparison.models[0].card, sequences),
        metric=comparison.metric,
        cards={model.name: model.card for model in comparison.models},
        comparison=comparison.model_dump(mode="json"),
        example=example_part(comparison.example.title, maps) if maps else None,
        meshes=meshes_part(comparison.metric, meshes) if meshes else None,
        more={
            "explanation": explanation(comparison),
            "order": [*reading_order(comparison.columns[:-1]), len(comparison.columns) - 1],
            "colours": colours,
            "colours_dark": [_lighter(colour) for colour in colours],
            "exceptions": list(comparison.exceptions),
            "insights": [
                _insight(found) for found in insights(comparison.surveys, comparison.surveys_of_sizes)
            ],
        },
    )


def write_heatmap_page(path: Path, maps: OcclusionMaps) -> None:
    """Writes the page of one image under one model.

    Raises:
        ResultError: the file cannot be written, or the maps hold no estimates, as surveys do not.
    """
    table = maps.table()
    rows = [
        [
            joint_title(row.joint),
            *([] if row.clean_mm is None else [f"{row.clean_mm:.0f}"]),
            f"{row.mean_mm:.0f}",
            f"{row.worst_mm:.0f}",
            window_text(row.worst_window, words=False),
            ", ".join(map(joint_title, row.hides)) or "no joint",
        ]
        for row in (*(table.joints[at] for at in reading_order(maps.joints)), table.overall)
    ]
    clean = [] if table.overall.clean_mm is None else ["clean"]
    columns = ["joint", *clean, "mean", "worst", "worst window, rows and columns", "which hides"]
    title = f"{metric_text(table.metric)} in mm, over {table.windows} windows"
    write_page(
        path,
        title=f"{table.model} on {table.image}",
        subtitle=_subtitle(maps.metric, maps.card, table.image),
        metric=maps.metric,
        cards={table.model: maps.card},
        example=example_part(table.image, {table.model: maps}),
        tables=[{"title": title, "columns": columns, "rows": rows}],
    )


def write_mesh_page(path: Path, mesh: SensitivityMesh) -> None:
    """Writes the page of one sensitivity mesh.

    Raises:
        ResultError: the file cannot be written, or no image shows any vertex.
    """
    table = mesh.table()

    def shown(value: float | None) -> str:
        return "" if value is None else f"{value:.0f}"

    rows = [
        [
            joint_title(row.joint),
            *map(shown, (row.mean_mm, row.own_mm, row.neighbours_mm, row.elsewhere_mm)),
            f"{joint_title(row.worst_part)} {row.worst_part_mm:.0f}",
        ]
        for row in (*(table.joints[at] for at in reading_order(mesh.joints[:-1])), table.overall)
    ]
    columns = ["joint", "whole body", "own part", "its neighbours", "elsewhere", "worst part"]
    title = f"{metric_text(table.metric)} in mm by occluded part"
    images = f"{mesh.num_images} images of {len(mesh.sequences)} sequences"
    write_page(
        path,
        title=f"{table.model} on {table.dataset}",
        subtitle=_subtitle(mesh.metric, mesh.card, images),
        metric=mesh.metric,
        cards={table.model: mesh.card},
        meshes=meshes_part(mesh.metric, {table.model: mesh}),
        tables=[{"title": title, "columns": columns, "rows": rows}],
    )


def write_insight_page(path: Path, insight: Insight, metric: str, cards: Mapping[str, ProtocolCard]) -> None:
    """Writes the page of one analysis that swept by itself.

    Args:
        path: the .html file.
        insight: its section.
        metric: of its numbers.
        cards: protocol cards by the models' names.

    Raises:
        ResultError: the file cannot be written.
    """
    first = next(iter(cards.values()))
    write_page(
        path,
        title=" · ".join(cards),
        subtitle=_subtitle(metric, first, insight.title),
        metric=metric,
        cards=cards,
        more={"insights": [_insight(insight)]},
    )


def _lighter(colour: str) -> str:
    """Half-way to white, so that dark colours are seen on a dark page."""
    red, green, blue = to_rgb(colour)
    return to_hex((0.5 + red / 2, 0.5 + green / 2, 0.5 + blue / 2))


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


def _subtitle(metric: str, card: ProtocolCard, people: str) -> str:
    dataset = card.dataset_and_split
    parts = [
        f"{metric_text(metric)} on {dataset}: {people}" if dataset else f"{metric_text(metric)}: {people}",
        f"occluder of {card.windows.size} px every {card.windows.stride} px, {describe(card.occluder)}",
    ]
    return ", ".join(parts)
