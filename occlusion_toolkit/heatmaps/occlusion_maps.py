"""What a sweep of one image or several gives back: labelled maps that can be read, drawn and stored."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, UInt8

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joint_output import JOINTS_ALONE
from occlusion_toolkit.data.crops import denormalise, normalise
from occlusion_toolkit.errors import BodyModelError, OcclusionToolkitError, ResultError, UsageError
from occlusion_toolkit.files.atomic import make_folder, write_text
from occlusion_toolkit.plotting.style import save_picture
from occlusion_toolkit.sweep import maps as container
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import (
    card_of,
    clean_of,
    default_metric,
    json_attribute,
    metric_names,
    save_maps,
    values_of,
    worst_window,
)
from occlusion_toolkit.sweep.occluders import Occluder, occluder_of
from occlusion_toolkit.sweep.protocol import ProtocolCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from occlusion_toolkit.heatmaps.table import HeatmapTable


class OcclusionMaps:
    """Occlusion sensitivity maps: one per image, joint and metric, millimetres.

    Args:
        dataset: the labelled arrays (`occlusion_toolkit.sweep.maps`), an `xarray.Dataset` like any other.
        bodies: where the body that the maps were measured on comes from; needed for pictures only.
        occluder: what was pasted, for pictures; None makes it again from the card.

    Example:
        >>> import occlusion_toolkit as ot
        >>> maps = ot.OcclusionSweep(stride=56)(ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707)))
        >>> maps.metrics
        ('displacement', 'pa_displacement')
        >>> maps.sel(joint="left_wrist").dims
        ('row', 'col')
    """

    def __init__(
        self, dataset: xr.Dataset, bodies: Bodies | None = None, occluder: Occluder | None = None
    ) -> None:
        self.dataset = dataset
        self._bodies = bodies or Bodies()
        self._occluder = occluder

    @classmethod
    def open(
        cls, path: Path | str, bodies: Bodies | None = None, occluder: Occluder | None = None
    ) -> OcclusionMaps:
        """Reads a stored result.

        Args:
            path: the file.
            bodies: where the body comes from, for pictures.
            occluder: what was pasted, for pictures; needed for an occluder that no installed package has.

        Raises:
            ResultError: the file is missing, damaged, or holds something else.
        """
        maps = cls(container.open_maps(path), bodies, occluder)
        try:
            _ = maps._focus, maps.deviation_mm, maps.deviation_mean_mm
        except ResultError as error:
            raise ResultError(f"{str(path)!r} cannot be used: {error}") from error
        return maps

    @cached_property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""
        return card_of(self.dataset)

    @property
    def grid(self) -> Grid:
        """The windows."""
        return self.card.windows

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joints, in order."""
        return tuple(str(name) for name in self.dataset["joint"].values)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What can be read, such as `displacement` and, with ground truth, `error` and `increase`."""
        return metric_names(self.card)

    @property
    def metric(self) -> str:
        """What is read unless another metric is asked for: the error, or the displacement without a truth."""
        return str(self._focus["metric"]) if self._focus else default_metric(self.card)

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints that are drawn unless others are asked for."""
        return tuple(map(str, self._focus["joints"])) if self._focus else self.joint_names

    @property
    def deviation_mm(self) -> float | None:
        """Largest deviation of a faster arithmetic from plain float32; None where plain float32 was used.

        Raises:
            ResultError: what is stored is no number.
        """
        return self._number("deviation_mm")

    @property
    def deviation_mean_mm(self) -> float | None:
        """Mean deviation of a faster arithmetic from plain float32; None where plain float32 was used.

        Raises:
            ResultError: what is stored is no number.
        """
        return self._number("deviation_mean_mm")

    def _number(self, name: str) -> float | None:
        stored = self.dataset.attrs.get(name)
        try:
            return None if stored is None else float(stored)
        except (TypeError, ValueError) as error:
            raise ResultError(f"its {name} is {stored!r}, which is no number") from error

    @property
    def joints_alone(self) -> bool:
        """Whether the network gives joints and no body."""
        return self.card.body == JOINTS_ALONE

    @property
    def body(self) -> BodyModel:
        """The body that the maps were measured on.

        Raises:
            BodyModelError: its files are missing, or the network gives joints and has none.
        """
        if self.joints_alone:
            raise BodyModelError(f"{self.card.model_card} gives joints alone; there is no body to show")
        return self._bodies.load(self.card.body)

    def true_body(self, image: int = 0) -> BodyModel:
        """The body that an image's ground truth is parameters of; the neutral one where no gender is stored.

        Raises:
            BodyModelError: its files are missing.
        """
        stated = str(self.detail("true_gender", image)) if "true_gender" in self.dataset else None
        gender: Gender = next((each for each in GENDERS if each == stated), "neutral")
        topology = self.card.ground_truth_body if self.joints_alone else self.card.body
        return self._bodies.load(topology or self.card.body, gender)

    def focused(self, metric: str | None = None, joints: Sequence[str] | None = None) -> OcclusionMaps:
        """The same maps with another metric and other joints to read and draw by default; both are stored.

        Raises:
            UsageError: the maps do not hold them.
        """
        joints = tuple(joints or self.joints)
        metric = str(values_of(self.dataset, metric or self.metric).name)
        self._require(joints)
        focus = json.dumps({"metric": metric, "joints": joints})
        return OcclusionMaps(self.dataset.assign_attrs(focus=focus), self._bodies, self._occluder)

    def __getitem__(self, metric: str) -> xr.DataArray:
        """A metric of everything, (image, joint, row, col), mm."""
        return values_of(self.dataset, metric)

    def sel(
        self, *, metric: str | None = None, joint: str | Sequence[str] | None = None, image: int | None = None
    ) -> xr.DataArray:
        """A metric by the names of joints, mm.

        Args:
            metric: one of `metrics`.
            joint: one joint, which leaves (row, col); several, or None for all, which leave
                (joint, row, col).
            image: position of the image; where it is left out and there are several, `image` stays the
                first dimension.

        Returns:
            The values with their coordinates; `row` and `col` are where the square is centred, pixels of the
            crop.

        Raises:
            GroundTruthError: the metric needs a truth and there was none.
            UsageError: there is no such metric, joint or image.
        """
        values = values_of(self.dataset, metric or self.metric)
        count = values.sizes["image"]
        if image is not None and not -count <= image < count:
            raise UsageError(f"there is no image {image}; there are {count}, counted from 0")
        if image is not None or count == 1:
            values = values.isel(image=image or 0)
        if joint is None:
            return values
        self._require([joint] if isinstance(joint, str) else joint)
        return values.sel(joint=joint if isinstance(joint, str) else list(joint))

    def clean(self, metric: str | None = None) -> xr.DataArray | None:
        """A metric on the clean crops, (image, joint), mm; None for those that are measured from there."""
        return clean_of(self.dataset, metric or self.metric)

    def seen(self, image: int = 0) -> Bool[np.ndarray, "rows cols"] | None:
        """Which windows the network can see: maps are exactly 0 elsewhere. None where it sees every window.

        Networks with crops of their own may not see all of the reference square.
        """
        if "seen" not in self.dataset:
            return None
        return np.asarray(self.dataset["seen"].values[image], dtype=bool)

    def worst(self, image: int = 0) -> tuple[int, int]:
        """Row and column of the window with the largest mean of `metric` over `joints`."""
        return worst_window(self.sel(joint=self.joints, image=image))

    def detail(self, name: str, image: int = 0) -> np.ndarray:
        """What is stored of one image besides its maps, such as "crop", "clean_rotmats" or "file".

        Raises:
            ResultError: these maps do not hold it.
        """
        if name not in self.dataset:
            raise ResultError(f"these maps hold no {name}, as surveys do not; sweep the image by itself")
        return np.asarray(self.dataset[name].values[image])

    def window(self, cell: tuple[int, int]) -> tuple[int, int, int, int]:
        """The rectangle (y0, y1, x0, x1) of a cell, pixels of the crop; ends are exclusive."""
        y0, y1, x0, x1 = self.grid.windows()[cell[0] * self.grid.cols + cell[1]]
        return int(y0), int(y1), int(x0), int(x1)

    def occluded_crop(
        self, cell: tuple[int, int], image: int = 0
    ) -> UInt8[np.ndarray, "resolution resolution 3"]:
        """The crop under one window, RGB, painted again.

        Raises:
            OccluderError: the occluder is not at hand, such as a picture that was moved.
        """
        return self.painted(self.window(cell), image)

    def painted(
        self, window: tuple[int, int, int, int], image: int = 0
    ) -> UInt8[np.ndarray, "resolution resolution 3"]:
        """The crop with any rectangle (y0, y1, x0, x1) occluded; see `occluded_crop`."""
        occluder = self._occluder or occluder_of(self.card.occluder or {}, self.grid.size)
        crop = normalise(self.detail("crop", image))[None]
        painted = denormalise(occluder.apply(crop, torch.tensor([window])))
        return np.asarray(painted[0])

    def table(self, image: int = 0, *, seen_only: bool = False) -> HeatmapTable:
        """Clean value, mean and worst window of every joint.

        Args:
            image: which image, where there are several.
            seen_only: leave windows that the network cannot see out of the means.
        """
        from occlusion_toolkit.heatmaps.table import summarise

        return summarise(self, image, seen_only=seen_only)

    def plot(
        self,
        path: Path | str | None = None,
        *,
        image: int = 0,
        shared_limits: bool = True,
        smooth: bool = False,
    ) -> Figure:
        """One heatmap per joint over the crop (PARE, Figure 2).

        Args:
            path: where to write it, by suffix (.png, .pdf, .svg, .jpg); None to get the figure only.
            image: which image, where there are several.
            shared_limits: one colour scale for all joints.
            smooth: interpolate the picture between cells; never the numbers.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.heatmaps.pictures import panels_figure

        return save_picture(panels_figure(self, image, shared_limits=shared_limits, smooth=smooth), path)

    def summary(self, path: Path | str | None = None, *, image: int = 0) -> Figure:
        """The worst window before and after, and the mean map (PARE, Figure 1); see `plot`."""
        from occlusion_toolkit.heatmaps.pictures import worst_case_figure

        return save_picture(worst_case_figure(self, image), path)

    def report(self, path: Path | str) -> None:
        """Writes an interactive page (.html) of the first image with every window; it needs no network.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.report.results import write_heatmap_page

        write_heatmap_page(Path(path), self)

    def save(self, path: Path | str) -> None:
        """Writes everything to an HDF5 file that any NetCDF reader opens, or the maps to a .csv file.

        The CSV has a line for every image, joint and window: where the window is centred (row, col, pixels of
        the crop) and every metric in mm.

        Raises:
            ResultError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".csv":
            save_maps(path, self.dataset)
            return
        lines = xr.Dataset({name: self[name] for name in self.metrics}).to_dataframe().reset_index()
        write_text(make_folder(path.parent) / path.name, lines.to_csv(index=False, float_format="%.3f"))

    def __repr__(self) -> str:
        images = self.dataset.sizes["image"]
        return (
            f"OcclusionMaps({self.card.model_card}, {images} image{'s' if images > 1 else ''}, "
            f"{len(self.joint_names)} joints, {self.grid.rows}x{self.grid.cols} windows, {self.metric})"
        )

    def _repr_html_(self) -> str:
        title = html.escape(repr(self))  # it holds what a stranger's file says
        picture = io.BytesIO()
        try:
            self.plot().savefig(picture, format="png", dpi=110)
            table = self.table().to_html()
        except OcclusionToolkitError as error:  # such as a body that is not on this machine
            return f"<p>{title}: no picture, {html.escape(str(error))}</p>"
        encoded = base64.b64encode(picture.getvalue()).decode()
        return f'<img alt="{title}" src="data:image/png;base64,{encoded}">{table}'

    @cached_property
    def _focus(self) -> dict[str, Any] | None:
        focus = json_attribute(self.dataset, "focus") if "focus" in self.dataset.attrs else None
        if focus is None:
            return None
        if (
            not isinstance(focus, dict)
            or focus.get("metric") not in metric_names(self.card)
            or not isinstance(focus.get("joints"), list)
            or not focus["joints"]
            or any(joint not in self.joint_names for joint in focus["joints"])
        ):
            raise ResultError("its focus names a metric or joints that it does not hold")
        return focus

    def _require(self, joints: Sequence[str]) -> None:
        unknown = [joint for joint in joints if joint not in self.joint_names]
        if unknown:
            raise UsageError(
                f"there is no joint {', '.join(unknown)!r}; there are: {', '.join(self.joint_names)}"
            )


def open_maps(
    path: Path | str, bodies: Bodies | None = None, occluder: Occluder | None = None
) -> OcclusionMaps:
    """Reads maps that were saved.

    Args:
        path: what `OcclusionMaps.save` or `occlusion-toolkit heatmap` wrote.
        bodies: where the body that they were measured on comes from; needed for pictures only.
        occluder: what was pasted; needed for pictures only, where no installed package has it.

    Raises:
        ResultError: the file is missing, damaged, or holds something else.

    Example:
        >>> import tempfile
        >>> import occlusion_toolkit as ot
        >>> crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
        >>> file = tempfile.mkdtemp() + "/result.h5"
        >>> ot.OcclusionSweep("hmr-open", stride=112)(crop).save(file)
        >>> open_maps(file).card.model_card
        'hmr-open'
    """
    return OcclusionMaps.open(path, bodies, occluder)
