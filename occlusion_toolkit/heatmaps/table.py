"""One heatmap result in a few numbers: per joint the clean value, the mean and the worst window."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.joints import joint_set
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import GroundTruthError
from occlusion_toolkit.sweep.results import HeatmapResult, StoredBody


@dataclass(frozen=True)
class JointSummary:
    """How one joint fares under the occluder.

    Attributes:
        joint: its name, or "mean" for the mean over the joints.
        clean_mm: error on the clean crop; None for displacement and increase, which are measured from there.
        mean_mm: mean over all windows.
        worst_mm: value under the joint's worst window.
        worst_window: that window (y0, y1, x0, x1), pixels of the crop.
        hides: joints that the clean prediction puts under that window.
    """

    joint: str
    clean_mm: float | None
    mean_mm: float
    worst_mm: float
    worst_window: tuple[int, int, int, int]
    hides: tuple[str, ...]


@dataclass(frozen=True)
class HeatmapSummary:
    """A result as a table of what it was asked for.

    Attributes:
        model: id of the regressor's card.
        image: file name.
        quantity: "error", "increase" or "displacement".
        aligned: after Procrustes alignment.
        windows: how many windows were measured.
        protocol: hash of the protocol card.
        deviation_mm: largest deviation of a fast arithmetic from plain float32; None for plain float32.
        overall: the mean over the joints, as a joint of its own.
        joints: every joint, in the order asked for.
    """

    model: str
    image: str
    quantity: str
    aligned: bool
    windows: int
    protocol: str
    deviation_mm: float | None
    overall: JointSummary
    joints: tuple[JointSummary, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        return asdict(self)


def summarise(result: HeatmapResult, body: BodyModel) -> HeatmapSummary:
    """Reads the table of the joints in focus off a result.

    Args:
        result: fresh or stored.
        body: the body that its card names; says where the joints are in the crop.
    """
    values = focused_maps(result).reshape(len(result.focus.joints), -1)
    clean = focused_clean_error(result)
    x, y = joints_in_crop(result, body, result.of(result.focus.joint_set).joint_names).T

    def line(name: str, windows_mm: Float32[np.ndarray, " windows"], clean_mm: float | None) -> JointSummary:
        worst = int(windows_mm.argmax())
        y0, y1, x0, x1 = (int(edge) for edge in result.windows[worst])
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        names = joint_set(result.focus.joint_set).joint_names
        return JointSummary(
            joint=name,
            clean_mm=clean_mm,
            mean_mm=float(windows_mm.mean()),
            worst_mm=float(windows_mm[worst]),
            worst_window=(y0, y1, x0, x1),
            hides=tuple(names[k] for k in np.flatnonzero(inside)),
        )

    return HeatmapSummary(
        model=result.card.model_card,
        image=result.image_name,
        quantity=result.focus.read_out,
        aligned=result.focus.aligned,
        windows=len(result.windows),
        protocol=result.card.hash,
        deviation_mm=result.deviation_mm,
        overall=line("mean", values.mean(axis=0), None if clean is None else float(clean.mean())),
        joints=tuple(
            line(name, values[row], None if clean is None else float(clean[row]))
            for row, name in enumerate(result.focus.joints)
        ),
    )


def focused_maps(result: HeatmapResult) -> Float32[np.ndarray, "joints rows cols"]:
    """The maps that were asked for, one per joint in focus, (J, rows, cols), millimetres.

    Raises:
        GroundTruthError: the result was made without ground truth and its focus needs it.
    """
    focus, stored = result.focus, result.of(result.focus.joint_set)
    values: Float32[np.ndarray, "joints rows cols"] | None = getattr(
        stored, f"{'pa_' if focus.aligned else ''}{focus.read_out}_mm"
    )
    if values is None:
        raise GroundTruthError(f"the result holds no {focus.read_out}: it was made without ground truth")
    return values[[stored.joint_names.index(name) for name in focus.joints]]


def focused_clean_error(result: HeatmapResult) -> Float32[np.ndarray, " joints"] | None:
    """Error of the joints in focus on the clean crop, (J,), mm; None where the focus is another read-out."""
    focus, stored = result.focus, result.of(result.focus.joint_set)
    clean = stored.clean_pa_error_mm if focus.aligned else stored.clean_error_mm
    if focus.read_out != "error" or clean is None:
        return None
    return clean[[stored.joint_names.index(name) for name in focus.joints]]


def joints_in_crop(
    result: HeatmapResult, body: BodyModel, joints: tuple[str, ...]
) -> Float[np.ndarray, "joints 2"]:
    """Where the clean prediction puts joints of the set in focus, pixels (x, y) of the crop, (J, 2)."""
    clean, names = parameters_of(result.clean), joint_set(result.focus.joint_set)
    projected = project_to_crop(body.joints(clean, names), clean.camera, result.card.windows.resolution)
    return projected[0, [names.index(name) for name in joints], :2].numpy()


def parameters_of(stored: StoredBody) -> BodyParameters:
    """A stored body as a batch of one."""
    return BodyParameters(*(torch.from_numpy(a)[None] for a in (stored.rotmats, stored.betas, stored.camera)))
