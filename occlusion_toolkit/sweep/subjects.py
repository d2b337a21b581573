"""The people of a sweep: what comes in, and the estimates that gather while their windows are under way."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from occlusion_toolkit.body.joint_output import Estimates
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import CropError, SweepError
from occlusion_toolkit.models.views import View
from occlusion_toolkit.sweep.batching import Span
from occlusion_toolkit.sweep.engines.dense import WindowEstimates
from occlusion_toolkit.sweep.measure import JointBody, check_ground_truth, clean_where_unchanged


@dataclass(frozen=True)
class Subject:
    """One person to sweep.

    Attributes:
        crop: normalised crop, (3, R, R) with the grid's resolution R, on any device: the reference square.
        view: the crop that the network sees, where that is another.
        ground_truth: the true body, a batch of one; None where nothing is known.
        truth_body: the body that the truth is parameters of, on the device of the sweep, where it is not
            the regressor's (3DPW's truth is gendered, predictions are neutral).
    """

    crop: Float[Tensor, "3 resolution resolution"]
    ground_truth: BodyParameters | None = None
    truth_body: JointBody | None = None
    view: View | None = None


def check_subject(subject: Subject, number: int, resolution: int, *, own_crops: bool) -> None:
    """Refuse a person who cannot be swept.

    Args:
        subject: the person.
        number: position in the stream, for messages.
        resolution: of the grid.
        own_crops: whether the network sees other crops than the grid's.

    Raises:
        CropError: the crop is not of the grid's resolution or not normalised, or its view is missing.
        GroundTruthError: the truth is not one finite body.
    """
    expected = (3, resolution, resolution)
    shape, kind = tuple(subject.crop.shape), subject.crop.dtype
    if shape != expected or not kind.is_floating_point:
        raise CropError(
            f"crop {number} is {shape} {kind}, the grid is for {expected}; "
            "give normalised floating-point crops of the grid's resolution"
        )
    if own_crops and subject.view is None:
        raise CropError(
            f"crop {number} has no view: this network has crops of its own, which are cut out of the "
            "photograph (models.views); give Subject(crop, view=...)"
        )
    if not subject.crop.isfinite().all():
        raise CropError(f"crop {number} has NaN or infinite values; normalise it from 8-bit RGB")
    if subject.ground_truth is not None:
        check_ground_truth(subject.ground_truth, 1, first=number)


class OpenSubject:
    """A subject whose passes are under way, with the estimates so far, on the device of the sweep.

    Args:
        subject: the person.
        number: position in the stream, for messages.
        passes: estimates to wait for; the first is of the clean crop.
        device: where estimates are kept.
    """

    def __init__(self, subject: Subject, number: int, passes: int, device: torch.device) -> None:
        self.subject = subject
        self._number = number
        self._missing = passes
        self._passes = passes
        self._estimates: Estimates | None = None  # of the network's kind, once it has answered
        self.unchanged: Bool[Tensor, " passes"] = torch.zeros(passes, dtype=torch.bool, device=device)

    def keep(self, span: Span, estimates: WindowEstimates, row: int) -> bool:
        """Takes the estimates of one span out of a batch.

        Args:
            span: passes of this subject.
            estimates: of the whole batch.
            row: first row of the span in the batch.

        Returns:
            Whether these were the last.
        """
        kept, rows = slice(span.first, span.last), slice(row, row + len(span))
        answer = estimates.parameters.tensors
        if self._estimates is None:
            room = {name: value.new_empty((self._passes, *value.shape[1:])) for name, value in answer.items()}
            self._estimates = estimates.parameters.with_tensors(room)
        for name, value in self._estimates.tensors.items():
            value[kept] = answer[name][rows]
        self.unchanged[kept] = estimates.unchanged[rows]
        self._missing -= len(span)
        return self._missing == 0

    def estimates(self) -> Estimates:
        """The estimates of all passes, the clean one first; every pass was kept.

        Passes that showed the network the clean crop have the clean estimate itself, not what rounding in
        another batch made of it. Cameras are those of the reference square.

        Raises:
            SweepError: an estimate has NaN or infinite values.
        """
        if self._estimates is None:
            raise SweepError(f"nothing is known of crop {self._number} yet; keep its passes first")
        for name, values in self._estimates.tensors.items():
            broken = ~values.isfinite().flatten(1).all(dim=1)
            if broken.any():
                at = int(broken.nonzero()[0])
                where = "clean" if at == 0 else f"under window {at - 1}"
                raise SweepError(
                    f"the network gave NaN or infinite {name} for crop {self._number} ({where}); "
                    "check its weights, and its precision if that is not fp32"
                )
        view = self.subject.view
        placed = self._estimates if view is None else view.in_reference(self._estimates)
        return placed.with_tensors(
            {name: clean_where_unchanged(values, self.unchanged) for name, values in placed.tensors.items()}
        )
