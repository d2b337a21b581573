"""One heatmap result in a few numbers: per joint the clean value, the mean and the worst window."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import GroundTruthError
from occlusion_toolkit.io.results import HeatmapResult, JointMaps, StoredBody
from occlusion_toolkit.rendering.camera import project_to_crop


@dataclass(frozen=True)
class JointSummary:
    """How one joint fares under the occluder.

    Attributes:
        joint: its name, or "mean" for the mean over the joints.
        clean_mm: error on the clean crop; None for displacement, which is measured from there.
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
    """A result as a table.

    Attributes:
        model: id of the regressor's card.
        image: file name.
        quantity: "error", "increase" or "displacement".
        aligned: after Procrustes alignment.
        windows: how many windows were measured.
        protocol: hash of the protocol card.
        overall: the mean over the joints, as a joint of its own.
        joints: every joint, in the order asked for.
    """

    model: str
    image: str
    quantity: str
    aligned: bool
    windows: int
    protocol: str
    overall: JointSummary
    joints: tuple[JointSummary, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        return asdict(self)


def summarise(
    result: HeatmapResult,
    body: BodyModel,
    joint_set: JointSet,
    joints: tuple[str, ...],
    quantity: str,
    aligned: bool,
) -> HeatmapSummary:
    """Reads a table off a result.

    Args:
        result: fresh or stored.
        body: the body that its card names; says where the joints are in the crop.
        joint_set: the set that `joints` are of.
        joints: names, in the order of the table.
        quantity: the read-out.
        aligned: values after Procrustes alignment.

    Raises:
        GroundTruthError: the read-out was not measured.
    """
    stored = result.of(joint_set.name)
    values = read_out(stored, quantity, aligned).reshape(len(joint_set), -1)
    clean = stored.clean_pa_error_mm if aligned else stored.clean_error_mm
    joints_px = joints_in_crop(result, body, joint_set)
    rows = [joint_set.index(name) for name in joints]

    def line(name: str, windows_mm: np.ndarray, clean_mm: float | None) -> JointSummary:
        worst = int(windows_mm.argmax())
        y0, y1, x0, x1 = (int(edge) for edge in result.windows[worst])
        x, y = joints_px.T
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        return JointSummary(
            joint=name,
            clean_mm=clean_mm if quantity == "error" else None,
            mean_mm=float(windows_mm.mean()),
            worst_mm=float(windows_mm[worst]),
            worst_window=(y0, y1, x0, x1),
            hides=tuple(joint_set.joint_names[k] for k in np.flatnonzero(inside)),
        )

    return HeatmapSummary(
        model=result.card.model_card,
        image=result.image_name,
        quantity=quantity,
        aligned=aligned,
        windows=len(result.windows),
        protocol=result.card.hash,
        overall=line("mean", values[rows].mean(axis=0), None if clean is None else float(clean[rows].mean())),
        joints=tuple(
            line(name, values[row], None if clean is None else float(clean[row]))
            for name, row in zip(joints, rows, strict=True)
        ),
    )


def read_out(stored: JointMaps, quantity: str, aligned: bool) -> Float[np.ndarray, "joints rows cols"]:
    """One read-out of a joint set, (J, rows, cols), millimetres.

    Raises:
        GroundTruthError: it was not measured.
    """
    values: Float[np.ndarray, "joints rows cols"] | None = getattr(
        stored, f"{'pa_' if aligned else ''}{quantity}_mm"
    )
    if values is None:
        raise GroundTruthError(f"the result holds no {quantity}: it was made without ground truth")
    return values


def joints_in_crop(
    result: HeatmapResult, body: BodyModel, joint_set: JointSet
) -> Float[np.ndarray, "joints 2"]:
    """Where the clean prediction puts the joints, pixels (x, y) of the crop, (J, 2)."""
    clean = parameters_of(result.clean)
    projected = project_to_crop(body.joints(clean, joint_set), clean.camera, result.card.grid.resolution)
    return projected[0, :, :2].numpy()


def parameters_of(stored: StoredBody) -> BodyParameters:
    """A stored body as a batch of one."""
    return BodyParameters(*(torch.from_numpy(a)[None] for a in (stored.rotmats, stored.betas, stored.camera)))
