"""One image's maps in a few numbers: per joint the clean value, the mean and the worst window."""

from __future__ import annotations

import csv
import html
import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.joints import joint_set
from occlusion_toolkit.body.parameters import BodyParameters

if TYPE_CHECKING:
    from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps


@dataclass(frozen=True)
class JointRow:
    """How one joint fares under the occluder.

    Attributes:
        joint: its name, or "mean" for the mean over the joints.
        clean_mm: error on the clean crop; None for displacement and increase, which are measured from there.
        mean_mm: mean over all windows.
        worst_mm: value under the joint's worst window.
        worst_window: that window (y0, y1, x0, x1), pixels of the crop, ends exclusive.
        hides: joints that the clean prediction puts under that window.
    """

    joint: str
    clean_mm: float | None
    mean_mm: float
    worst_mm: float
    worst_window: tuple[int, int, int, int]
    hides: tuple[str, ...]


@dataclass(frozen=True)
class HeatmapTable:
    """The maps of one image as a table.

    Attributes:
        model: id of the regressor's card.
        image: file name.
        metric: what was measured, such as "pa_error".
        windows: how many windows the means are over.
        unseen: how many windows the network cannot see; they count as zero, or are not among `windows`.
        protocol: hash of the protocol card.
        deviation_mm: largest deviation of a fast arithmetic from plain float32; None for plain float32.
        deviation_mean_mm: its mean; None for plain float32.
        overall: the mean over the joints, as a joint of its own.
        joints: every joint, in the order asked for.
    """

    model: str
    image: str
    metric: str
    windows: int
    unseen: int
    protocol: str
    deviation_mm: float | None
    deviation_mean_mm: float | None
    overall: JointRow
    joints: tuple[JointRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        return asdict(self)

    def to_csv(self) -> str:
        """The table as CSV: millimetres, and windows in pixels of the crop (the last ends are exclusive)."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["joint", "clean_mm", "mean_mm", "worst_mm", "y0", "y1", "x0", "x1", "hides"])
        for row in (*self.joints, self.overall):
            numbers = [row.clean_mm, row.mean_mm, row.worst_mm]
            shown = ["" if value is None else f"{value:.3f}" for value in numbers]
            lines.writerow([row.joint, *shown, *row.worst_window, " ".join(row.hides)])
        return text.getvalue()

    def to_html(self) -> str:
        """The table for a notebook."""
        columns = ("joint", "clean", "mean", "worst", "worst window hides")
        rows = [
            (
                row.joint.replace("_", " "),
                "" if row.clean_mm is None else f"{row.clean_mm:.0f}",
                f"{row.mean_mm:.0f}",
                f"{row.worst_mm:.0f}",
                ", ".join(row.hides).replace("_", " "),
            )
            for row in (*self.joints, self.overall)
        ]
        head = "".join(f"<th>{name}</th>" for name in columns)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        caption = html.escape(f"{self.model} on {self.image}: {self.metric}, mm")
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def summarise(maps: OcclusionMaps, image: int = 0, *, seen_only: bool = False) -> HeatmapTable:
    """Reads the table of the joints and the metric in focus.

    Args:
        maps: fresh or stored.
        image: which image.
        seen_only: leave windows that the network cannot see out of the means.
    """
    names, seen = maps.joints, maps.seen(image)
    values = (
        maps.sel(joint=names, image=image).transpose("joint", "row", "col").values.reshape(len(names), -1)
    )
    counted = np.ones(values.shape[1], dtype=bool) if seen is None or not seen_only else seen.ravel()
    clean = maps.clean()
    clean_mm = None if clean is None else clean.isel(image=image).sel(joint=list(names)).values
    everyone = joint_set(maps.card.joint_set).joint_names
    x, y = joints_in_crop(maps, everyone, image).T

    def row(name: str, windows_mm: Float32[np.ndarray, " windows"], clean_value: float | None) -> JointRow:
        worst = int(windows_mm.argmax())
        window = maps.window(divmod(worst, maps.grid.cols))
        y0, y1, x0, x1 = window
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        return JointRow(
            joint=name,
            clean_mm=clean_value,
            mean_mm=float(windows_mm[counted].mean()),
            worst_mm=float(windows_mm[worst]),
            worst_window=window,
            hides=tuple(everyone[k] for k in np.flatnonzero(inside)),
        )

    return HeatmapTable(
        model=maps.card.model_card,
        image=str(maps.detail("file", image)),
        metric=maps.metric,
        windows=int(counted.sum()),
        unseen=0 if seen is None else int((~seen).sum()),
        protocol=maps.card.hash,
        deviation_mm=maps.deviation_mm,
        deviation_mean_mm=maps.deviation_mean_mm,
        overall=row("mean", values.mean(axis=0), None if clean_mm is None else float(clean_mm.mean())),
        joints=tuple(
            row(name, values[k], None if clean_mm is None else float(clean_mm[k]))
            for k, name in enumerate(names)
        ),
    )


def joints_in_crop(
    maps: OcclusionMaps, joints: tuple[str, ...], image: int = 0
) -> Float[np.ndarray, "joints 2"]:
    """Where the clean prediction puts joints, pixels (x, y) of the crop, (J, 2); NaN if it does not say."""
    names = joint_set(maps.card.joint_set)
    if maps.joints_alone and "clean_joints_px" not in maps.dataset:
        return np.full((len(joints), 2), np.nan)
    if maps.joints_alone:
        return stored(maps, "joints_px", "clean", image)[[names.index(name) for name in joints]]
    clean = estimate(maps, "clean", image)
    projected = project_to_crop(maps.body.joints(clean, names), clean.camera, maps.grid.resolution)
    return projected[0, [names.index(name) for name in joints], :2].numpy()


def stored(
    maps: OcclusionMaps, name: str, which: str | tuple[int, int], image: int = 0
) -> Float[np.ndarray, ...]:
    """An array of one estimate.

    Args:
        maps: with every estimate.
        name: such as "joints_m", or "joints_px" of a network that gives joints alone.
        which: "clean", "true", or the row and column of a window.
        image: which image.

    Raises:
        ResultError: it is not stored.
    """
    prefix, at = (f"{which}_", ()) if isinstance(which, str) else ("", which)
    return np.asarray(maps.detail(prefix + name, image)[at])


def estimate(maps: OcclusionMaps, which: str | tuple[int, int], image: int = 0) -> BodyParameters:
    """A stored body as a batch of one.

    Args:
        maps: with every estimate.
        which: "clean", "true", or the row and column of a window.
        image: which image.
    """
    arrays = (stored(maps, name, which, image) for name in ("rotmats", "betas", "camera"))
    return BodyParameters(*(torch.from_numpy(np.array(values))[None] for values in arrays))
