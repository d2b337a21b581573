"""What a comparison gives back: numbers, differences and their certainty, in tables, figures and files.

The layout of the file is documented in docs/comparing.md.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
from pydantic import Field, PrivateAttr, ValidationError

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison.entries import ComparedModel, Entry, ExampleImage, Pair
from occlusion_toolkit.comparison.image_values import OVERALL, Quantity
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.files.atomic import make_folder, write_text
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.meshes.sensitivity_mesh import MEAN_OF_JOINTS, SensitivityMesh
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf
from occlusion_toolkit.plotting.style import save_picture
from occlusion_toolkit.surveys.manifest import MANIFEST_NAME
from occlusion_toolkit.surveys.survey import Survey

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

    from occlusion_toolkit.data.people import People
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep

NAME = "comparison.json"

_MAX_BYTES = 64 * 1024**2


class Comparison(Entry):
    """Two or more models on the same people under the same windows; sequences are the units of statistics.

    Attributes:
        kind: always "comparison".
        version: of the layout of the file.
        metric: what was compared, such as "error" or "pa_displacement".
        columns: the joints, then "mean": the mean over them.
        quantities: what is told of the metric.
        failure_mm: error above which a window is a failure.
        seen_only: whether windows that not every model can see were left out; otherwise they count as they
            are, as zero for who cannot see them.
        thresholds_mm: of the failure curves.
        sizes_px: sides of the occluders of the size curves; empty without.
        sequences: number of sequences.
        frames: number of samples.
        example: the image to look at.
        models: in the order they were given.
        pairs: every two of them.
        exceptions: differences between the protocols that were allowed.
    """

    kind: Literal["comparison"] = "comparison"
    version: Literal[2] = 2
    metric: str
    columns: tuple[str, ...] = Field(min_length=2)
    quantities: tuple[Quantity, ...] = Field(min_length=1)
    failure_mm: float
    seen_only: bool = False
    thresholds_mm: tuple[float, ...]
    sizes_px: tuple[int, ...] = ()
    sequences: int = Field(ge=1)
    frames: int = Field(ge=1)
    example: ExampleImage
    models: tuple[ComparedModel, ...] = Field(min_length=2)
    pairs: tuple[Pair, ...] = Field(min_length=1)
    exceptions: tuple[str, ...] = ()

    _folder: Path | None = PrivateAttr(default=None)
    _bodies: Bodies = PrivateAttr(default_factory=Bodies)
    _surveys: dict[str, Survey] = PrivateAttr(default_factory=dict)
    _maps: dict[str, OcclusionMaps] = PrivateAttr(default_factory=dict)
    _meshes: dict[str, SensitivityMesh] = PrivateAttr(default_factory=dict)
    _surveys_of_sizes: dict[str, list[Survey]] = PrivateAttr(default_factory=dict)

    @classmethod
    def open(cls, path: Path | str, bodies: Bodies | None = None) -> Comparison:
        """Reads a comparison; what it was made of is opened when it is asked for.

        Args:
            path: a comparison.json, or the folder it is in.
            bodies: where body models come from; needed for pictures only.

        Raises:
            ResultError: the file is missing, too large, or is not a comparison of this version.
        """
        path = Path(path) / NAME if Path(path).is_dir() else Path(path)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ResultError(f"{str(path)!r} is larger than any comparison; give a {NAME}")
            comparison = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ResultError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise ResultError(
                f"{str(path)!r} is not a comparison of this version ({place}: {first['msg']})"
            ) from error
        models = tuple(
            model.model_copy(update={"result": str(path.parent / model.result)})
            for model in comparison.models
        )
        comparison = comparison.model_copy(update={"models": models}).with_results(bodies=bodies)
        comparison._folder = path.parent
        return comparison

    def with_results(
        self,
        *,
        surveys: dict[str, Survey] | None = None,
        maps: dict[str, OcclusionMaps] | None = None,
        meshes: dict[str, SensitivityMesh] | None = None,
        surveys_of_sizes: dict[str, list[Survey]] | None = None,
        bodies: Bodies | None = None,
    ) -> Comparison:
        """The same comparison with what its pictures are drawn from, by the models' names."""
        other = self.model_copy()
        other._surveys, other._maps, other._meshes = surveys or {}, maps or {}, meshes or {}
        other._surveys_of_sizes = surveys_of_sizes or {}
        other._bodies = bodies or Bodies()
        return other

    @property
    def surveys(self) -> dict[str, Survey]:
        """The surveys by the models' names; nothing where heatmaps of one image were compared.

        Raises:
            ResultError: a manifest is malformed.
        """
        for model in self.models:
            if model.name not in self._surveys and (Path(model.result) / MANIFEST_NAME).is_file():
                self._surveys[model.name] = Survey.open(model.result, self._bodies)
        return dict(self._surveys)

    @property
    def surveys_of_sizes(self) -> dict[str, list[Survey]]:
        """The surveys under squares of every size by the models' names, where several sizes were compared.

        They are not stored: nothing for a comparison that was read from a file.
        """
        return dict(self._surveys_of_sizes)

    @property
    def maps(self) -> dict[str, OcclusionMaps]:
        """Every model under every window of one image, where that is at hand (`sweep_example`).

        Raises:
            ResultError: a file is damaged.
        """
        from occlusion_toolkit.comparison.example import example_file

        if self._folder is not None and not self._maps:
            for model in self.models:
                for file in (Path(model.result), example_file(self._folder, model.name)):
                    if file.is_file():
                        opened = OcclusionMaps.open(file, self._bodies)
                        self._maps[model.name] = opened.focused(self.metric)
        return dict(self._maps)

    def meshes(self, progress: Callable[[int, int], None] | None = None) -> dict[str, SensitivityMesh]:
        """The sensitivity meshes of the models; those in the folders of their surveys are not pooled again.

        Args:
            progress: called with images done and images in all.

        Returns:
            By the models' names; nothing for heatmaps, and where the models are of different bodies.

        Raises:
            ResultError: a survey or a mesh is damaged.
            BodyModelError: the body of a survey is not at hand.
        """
        from occlusion_toolkit.comparison.meshes import mesh_of

        surveys = self.surveys
        if len({survey.card.shown_on for survey in surveys.values()}) == 1:
            for name, survey in surveys.items():
                if name not in self._meshes:
                    self._meshes[name] = mesh_of(survey, self.metric, progress=progress)
        return {model.name: self._meshes[model.name] for model in self.models if model.name in self._meshes}

    def sweep_example(
        self,
        people: People | None = None,
        *,
        sweeps: Sequence[OcclusionSweep] | None = None,
        device: torch.device | str = "auto",
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, OcclusionMaps]:
        """Sweeps the example with every model as its survey did, keeping what every window does to the body.

        Args:
            people: the data set of the surveys; None opens it by its name.
            sweeps: of the models, in their order; None makes them again from the cards of the surveys.
            device: where the networks run.
            progress: called with passes done and passes in all, for each model.

        Returns:
            The maps by the models' names.

        Raises:
            DatasetError: the data set is not that of the surveys.
            ModelCardError: a model is not at hand.
            OccluderError: the occluder is not at hand.
        """
        from occlusion_toolkit.comparison.example import swept_example

        if not self.maps:
            self._maps = swept_example(
                self.surveys, self.example, self.metric, people, sweeps, device, self._bodies, progress
            )
        return self.maps

    def table(self, joint: str = OVERALL) -> pd.DataFrame:
        """Means with intervals, a row per quantity and a column per model.

        Args:
            joint: a joint, or "mean" for the mean over them.

        Returns:
            Texts: "•" marks the smallest, "*" what is significantly larger.
        """
        from occlusion_toolkit.comparison.tables import quantities_table

        return quantities_table(self, joint)

    def differences(self) -> pd.DataFrame:
        """Every difference between two models: one row per pair, quantity and joint."""
        from occlusion_toolkit.comparison.tables import differences_frame

        return differences_frame(self)

    def plot(self, path: Path | str | None = None, quantity: str = "occluded") -> Figure:
        """Bars per joint and model with 95 % intervals (PARE, Figure 6).

        Args:
            path: where to write it, by suffix (.png, .pdf, .svg, .jpg); None to get the figure only.
            quantity: name of the quantity.

        Raises:
            UsageError: there is no such quantity.
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.comparison.figures import bars_figure

        return save_picture(bars_figure(self, quantity), path)

    def plot_curves(self, path: Path | str | None = None) -> Figure:
        """Failures over the threshold and, where there are sizes, errors over the occluder's size."""
        from occlusion_toolkit.comparison.figures import curves_figure

        return save_picture(curves_figure(self), path)

    def plot_meshes(
        self, path: Path | str | None = None, *, joint: str = MEAN_OF_JOINTS, metric: str | None = None
    ) -> Figure:
        """The sensitivity meshes of the models, and where they differ (PARE, Figure 5)."""
        from occlusion_toolkit.comparison.meshes import meshes_by_model_figure

        return save_picture(meshes_by_model_figure(self.meshes(), metric or self.metric, joint), path)

    def plot_heatmaps(self, path: Path | str | None = None) -> Figure:
        """The heatmaps of the example for all models on one scale; sweeps it where that was not done."""
        from occlusion_toolkit.comparison.example_figures import heatmaps_by_model_figure

        return save_picture(heatmaps_by_model_figure(self.sweep_example()), path)

    def plot_predictions(self, path: Path | str | None = None) -> Figure:
        """What the worst window of the example does to each model (PARE, Figure 8); see `plot_heatmaps`."""
        from occlusion_toolkit.comparison.example_figures import predictions_by_model_figure

        return save_picture(predictions_by_model_figure(self.sweep_example()), path)

    def report(self, path: Path | str) -> None:
        """Writes an interactive page (.html) with everything at hand; it needs no network.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.report.results import write_comparison_page

        write_comparison_page(Path(path), self, self.meshes(), self.maps)

    def save(self, path: Path | str) -> list[Path]:
        """Writes every number.

        Args:
            path: a .json file for everything, a .csv for the models, a .tex for the table of the models; any
                other path is a folder that gets comparison.json, all tables and the maps of the example.

        Returns:
            The files.

        Raises:
            ResultError: a file cannot be written.
        """
        from occlusion_toolkit.comparison.example import example_file
        from occlusion_toolkit.comparison.tables import tables

        path = Path(path)
        if path.suffix in (".json", ".csv", ".tex"):
            make_folder(path.parent)
        if path.suffix == ".json":
            write_text(path, self._as_seen_from(path.parent).model_dump_json(indent=1) + "\n")
            return [path]
        if path.suffix in (".csv", ".tex"):
            write_text(path, tables(self)[f"models{path.suffix}"])
            return [path]
        files = self.save(make_folder(path) / NAME)
        for name, text in tables(self).items():
            write_text(path / name, text)
            files.append(path / name)
        for model in self.models:
            if model.name in self.maps and not Path(model.result).is_file():
                files.append(example_file(path, model.name))
                make_folder(files[-1].parent)
                self.maps[model.name].save(files[-1])
        return files

    def draw(self, folder: Path | str, progress: Callable[[int, int], None] | None = None) -> list[Path]:
        """Draws everything that is at hand, each figure as .png and .pdf, into a folder.

        Args:
            folder: made where it does not exist.
            progress: called with figures drawn and figures in all.

        Returns:
            The files.

        Raises:
            ResultError: a file cannot be written.
        """
        figures = {"bars": self.plot, "curves": self.plot_curves}
        if len(self._meshes) == len(self.models):
            figures["meshes"] = self.plot_meshes
        if self.maps:
            figures |= {"heatmaps": self.plot_heatmaps, "predictions": self.plot_predictions}
        files: list[Path] = []
        for done, (name, draw) in enumerate(figures.items(), start=1):
            files += save_png_and_pdf(draw(), Path(folder), name)
            if progress is not None:
                progress(done, len(figures))
        return files

    def is_like(self, other: Comparison) -> bool:
        """Whether the same models were compared in the same metric on the same people."""

        def shown(one: Comparison) -> list[object]:
            return [one.metric, one.frames, one.sequences, [model.name for model in one.models]]

        cards = zip(self.models, other.models, strict=False)
        return shown(self) == shown(other) and not any(
            mine.card.differences(theirs.card) or mine.card.weights_sha256 != theirs.card.weights_sha256
            for mine, theirs in cards
        )

    def quantity(self, name: str) -> Quantity:
        """A quantity by its name.

        Raises:
            UsageError: it was not compared.
        """
        for quantity in self.quantities:
            if quantity.name == name:
                return quantity
        held = ", ".join(quantity.name for quantity in self.quantities)
        raise UsageError(f"the comparison has no quantity {name!r}; it has: {held}")

    def __repr__(self) -> str:
        names = ", ".join(model.name for model in self.models)
        return f"Comparison({names}: {self.metric} of {self.frames} samples of {self.sequences} sequences)"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from occlusion_toolkit.comparison.tables import explanation

        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=110)
        encoded = base64.b64encode(picture.getvalue()).decode()
        return (
            f'<img alt="bars per joint" src="data:image/png;base64,{encoded}">{self.table().to_html()}'
            f"<p>{explanation(self)}</p>"
        )

    def _as_seen_from(self, folder: Path) -> Comparison:
        """The comparison with paths of results relative to a folder, with forward slashes."""

        def pointer(model: ComparedModel) -> ComparedModel:
            relative = Path(os.path.relpath(model.result, folder)).as_posix() if model.result else ""
            return model.model_copy(update={"result": relative})

        return self.model_copy(update={"models": tuple(map(pointer, self.models))})
