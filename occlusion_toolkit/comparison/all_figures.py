"""All pictures of a comparison, from what is stored and nothing else."""

from collections.abc import Mapping
from pathlib import Path

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.comparison.figures import bars_figure, curves_figure
from occlusion_toolkit.comparison.heatmaps_by_model import heatmaps_by_model_figure
from occlusion_toolkit.comparison.mesh_figure import meshes_by_model_figure
from occlusion_toolkit.comparison.predictions_by_model import predictions_by_model_figure
from occlusion_toolkit.comparison.stored import StoredComparison
from occlusion_toolkit.heatmaps.figures import heatmap_panels, worst_case
from occlusion_toolkit.meshes.mesh_result import MeshResult
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf
from occlusion_toolkit.sweep.results import HeatmapResult


def draw_comparison(comparison: StoredComparison, folder: Path) -> list[Path]:
    """Writes bars and curves.

    Args:
        comparison: the numbers.
        folder: an existing folder.

    Returns:
        bars.png, bars.pdf, curves.png and curves.pdf.

    Raises:
        ResultError: a file cannot be written.
    """
    return [
        *save_png_and_pdf(bars_figure(comparison), folder, "bars"),
        *save_png_and_pdf(curves_figure(comparison), folder, "curves"),
    ]


def draw_meshes(
    comparison: StoredComparison, meshes: Mapping[str, MeshResult], surface: BodySurface, folder: Path
) -> list[Path]:
    """Writes the mean meshes of all models side by side, and their differences.

    Returns:
        meshes.png and meshes.pdf.

    Raises:
        TopologyError: the surface or a mesh is of another body.
        ResultError: the meshes are of different data sets, or a file cannot be written.
    """
    figure = meshes_by_model_figure(meshes, surface, comparison.read_out)
    return save_png_and_pdf(figure, folder, "meshes")


def draw_example(results: Mapping[str, HeatmapResult], bodies: Bodies, folder: Path) -> list[Path]:
    """Writes the heatmaps of one image for all models, and what its worst window does to each.

    Args:
        results: of the same image, by the models' names.
        bodies: where the models' bodies come from.
        folder: an existing folder.

    Returns:
        heatmaps.png, heatmaps.pdf, predictions.png and predictions.pdf.

    Raises:
        UsageError: the results show different images or joints.
        ResultError: a file cannot be written.
    """
    panels, cases = {}, {}
    for name, result in results.items():
        body = bodies.load(result.card.body)
        panels[name] = heatmap_panels(result, body)
        cases[name] = worst_case(result, body, panels[name])
    return [
        *save_png_and_pdf(heatmaps_by_model_figure(panels), folder, "heatmaps"),
        *save_png_and_pdf(predictions_by_model_figure(cases), folder, "predictions"),
    ]
