"""The pictures of one heatmap result, drawn from what is stored and nothing else."""

from dataclasses import dataclass
from pathlib import Path

from occlusion_toolkit.analyses.heatmap_summary import joints_in_crop, parameters_of, read_out
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14, JointSet
from occlusion_toolkit.errors import TopologyError
from occlusion_toolkit.io.results import HeatmapResult, StoredBody
from occlusion_toolkit.viz.heatmap import JointMaps, heatmap_figure
from occlusion_toolkit.viz.quantity import Quantity
from occlusion_toolkit.viz.style import save_figure
from occlusion_toolkit.viz.summary import PosedBody, WorstCase, summary_figure


@dataclass(frozen=True)
class View:
    """Which of the stored numbers to draw, and how.

    Attributes:
        quantity: the read-out.
        joint_set: the set the joints are of.
        joints: names of joints, in the order of the panels; all of the set when empty.
        aligned: values after Procrustes alignment.
        shared_limits: one colour scale for all joints.
        smooth: interpolate between cell centres for display.
    """

    quantity: Quantity
    joint_set: JointSet = LSP14
    joints: tuple[str, ...] = ()
    aligned: bool = False
    shared_limits: bool = True
    smooth: bool = False

    @property
    def rows(self) -> list[int]:
        """Rows of the joint set that are shown."""
        return [self.joint_set.index(name) for name in self.joints or self.joint_set.joint_names]


def draw_heatmap(result: HeatmapResult, body: BodyModel, folder: Path, view: View) -> list[Path]:
    """Writes heatmaps.png, heatmaps.pdf and summary.png into a folder.

    Args:
        result: a stored or fresh result.
        body: the body that its card names.
        folder: an existing folder.
        view: what to draw.

    Returns:
        The files, in that order.

    Raises:
        TopologyError: the body is another one than the result's.
        GroundTruthError: the read-out needs ground truth that the result does not have.
        ResultError: a file cannot be written.
    """
    if body.topology != result.card.body:
        raise TopologyError(f"the result is of body {result.card.body!r}, the one given is {body.topology!r}")
    maps = joint_maps(result, body, view)
    panels = heatmap_figure(
        maps, shared_limits=view.shared_limits, smoothing="linear" if view.smooth else "none"
    )
    summary = summary_figure(worst_case(result, body, maps, view))
    drawn = {"heatmaps.png": panels, "heatmaps.pdf": panels, "summary.png": summary}
    for name, figure in drawn.items():
        save_figure(figure, folder / name)
    return [folder / name for name in drawn]


def joint_maps(result: HeatmapResult, body: BodyModel, view: View) -> JointMaps:
    """The stored maps that a view asks for, with the clean prediction's joints in the crop."""
    stored = result.of(view.joint_set.name)
    return JointMaps(
        crop=result.crop,
        maps_mm=read_out(stored, view.quantity, view.aligned)[view.rows],
        joint_names=tuple(view.joint_set.joint_names[row] for row in view.rows),
        cells=result.cells,
        quantity=view.quantity,
        occluder_px=result.card.grid.size,
        aligned=view.aligned,
        joints_px=joints_in_crop(result, body, view.joint_set)[view.rows],
        resolution=result.card.grid.resolution,
        caption=f"{result.card.model_card} · occluder {result.card.occluder} · protocol {result.card.hash}",
    )


def worst_case(result: HeatmapResult, body: BodyModel, maps: JointMaps, view: View) -> WorstCase:
    """The clean and the worst prediction as meshes, with the mean of what the maps show for each."""
    stored = result.of(view.joint_set.name)
    clean = stored.clean_pa_error_mm if view.aligned else stored.clean_error_mm
    clean_mm = None
    if clean is not None and view.quantity is Quantity.ERROR:
        clean_mm = float(clean[view.rows].mean())
    worst_mm = maps.maps_mm.reshape(len(maps.maps_mm), -1)[:, result.worst_window].mean()
    return WorstCase(
        maps=maps,
        worst=result.worst_window,
        windows=result.windows,
        occluded_crop=result.occluded_crop,
        faces=body.faces.cpu().numpy(),
        clean=_posed(result.clean, body, clean_mm),
        occluded=_posed(result.worst, body, float(worst_mm)),
        model_name="",  # the caption of the maps names it
    )


def _posed(stored: StoredBody, body: BodyModel, mean_mm: float | None) -> PosedBody:
    vertices = body(parameters_of(stored)).vertices[0].numpy()
    return PosedBody(vertices=vertices, camera=stored.camera, mean_mm=mean_mm)
