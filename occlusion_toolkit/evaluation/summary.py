"""The rows of an evaluation reduced to means: over all samples, per sequence and per joint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from occlusion_toolkit.evaluation.result import EvaluationResult
from occlusion_toolkit.models.cards import ErrorFigure
from occlusion_toolkit.sweep.protocol import ProtocolCard


@dataclass(frozen=True)
class MeanErrors:
    """Means over samples, each counting once, in millimetres."""

    samples: int
    mpjpe_mm: float
    pa_mpjpe_mm: float
    pve_mm: float


@dataclass(frozen=True)
class JointErrors:
    """Means of one joint over samples, in millimetres."""

    mpjpe_mm: float
    pa_mpjpe_mm: float


@dataclass(frozen=True)
class Comparison:
    """A mean beside a figure that its model's card states.

    Attributes:
        stated_mm: the figure.
        difference_mm: the mean minus the figure.
        origin: "published" by someone, or "measured" with this toolkit.
        reference: where the figure is from.
    """

    stated_mm: float
    difference_mm: float
    origin: str
    reference: str


@dataclass(frozen=True)
class EvaluationSummary:
    """One regressor's evaluation as tables show it.

    Attributes:
        card: what the numbers mean.
        overall: over all samples.
        sequences: over the samples of each sequence.
        joints: over all samples, joint by joint; MPJPE is the mean of their errors.
        comparisons: by metric, "MPJPE", "PA-MPJPE" and "PVE"; those the model's card has a figure for.
    """

    card: ProtocolCard
    overall: MeanErrors
    sequences: Mapping[str, MeanErrors]
    joints: Mapping[str, JointErrors]
    comparisons: Mapping[str, Comparison]

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        return {
            "model": self.card.model_card,
            "protocol_hash": self.card.hash,
            "protocol": self.card.model_dump(mode="json"),
            "overall": asdict(self.overall),
            "sequences": {name: asdict(means) for name, means in self.sequences.items()},
            "joints": {name: asdict(means) for name, means in self.joints.items()},
            "comparisons": {metric: asdict(item) for metric, item in self.comparisons.items()},
        }


def summarise(result: EvaluationResult, known: Mapping[str, ErrorFigure]) -> EvaluationSummary:
    """Reads the means off a result.

    Args:
        result: rows of at least one sample.
        known: figures to compare with, by metric (`known_errors`).
    """
    overall = _means(result, np.ones(len(result), bool))
    joints = zip(
        result.joint_names,
        result.error_mm.mean(axis=0, dtype=np.float64).tolist(),
        result.pa_error_mm.mean(axis=0, dtype=np.float64).tolist(),
        strict=True,
    )
    values = {"MPJPE": overall.mpjpe_mm, "PA-MPJPE": overall.pa_mpjpe_mm, "PVE": overall.pve_mm}
    return EvaluationSummary(
        card=result.card,
        overall=overall,
        sequences={
            name: _means(result, result.sequence == index) for index, name in enumerate(result.sequences)
        },
        joints={name: JointErrors(error, pa_error) for name, error, pa_error in joints},
        comparisons={
            metric: Comparison(
                figure.value_mm, values[metric] - figure.value_mm, figure.origin, figure.reference
            )
            for metric, figure in known.items()
        },
    )


def _means(result: EvaluationResult, rows: np.ndarray) -> MeanErrors:
    def mean(values: np.ndarray) -> float:
        return float(values[rows].mean(dtype=np.float64))

    return MeanErrors(
        samples=int(rows.sum()),
        mpjpe_mm=mean(result.error_mm),
        pa_mpjpe_mm=mean(result.pa_error_mm),
        pve_mm=mean(result.pve_mm),
    )
