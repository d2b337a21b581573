"""The errors of an evaluation as they come in, kept on disk so that a stopped run goes on where it was."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import RunError
from occlusion_toolkit.evaluation.measure import Errors
from occlusion_toolkit.evaluation.result import EvaluationResult, read_evaluation, write_evaluation
from occlusion_toolkit.sweep.protocol import ProtocolCard

SAVE_EVERY_S = 10.0
"""Seconds between saves: what a killed process or a power cut can cost at most."""


class ErrorLog:
    """Rows of an `EvaluationResult` that grow in the order of the data set.

    The file is replaced as a whole whenever it is saved (`io.atomic`), so it can be read at any moment.

    Attributes:
        path: the file.
        batch_size: people per batch; that of the file where there is one, since other batches round
            differently.
    """

    def __init__(
        self, path: Path, card: ProtocolCard, joint_names: tuple[str, ...], planned: int, batch_size: int
    ) -> None:
        """Starts a log, or takes up the one on disk.

        Args:
            path: the file; need not exist.
            card: what the numbers mean.
            joint_names: one name per joint.
            planned: people in all.
            batch_size: people per batch of a new log.

        Raises:
            RunError: the file belongs to another evaluation.
            ResultError: the file is damaged.
        """
        self.path, self.batch_size = path, batch_size
        self._card, self._joint_names = card, joint_names
        self._sequence_names: dict[str, int] = {}
        self._ids = np.zeros((planned, 3), np.int64)
        self._errors = np.zeros((2, planned, len(joint_names)), np.float32)
        self._pve = np.zeros(planned, np.float32)
        self._done = self._saved = 0
        self._saved_at = time.monotonic()
        if path.exists():
            self._take_up(read_evaluation(path))

    def __len__(self) -> int:
        return self._done

    def add(self, frames: Sequence[Sample], errors: Errors) -> None:
        """Takes the errors of the next people; saves now and then.

        Raises:
            ResultError: the file cannot be written.
        """
        rows = slice(self._done, self._done + len(frames))
        for frame in frames:
            self._sequence_names.setdefault(frame.sequence, len(self._sequence_names))
        self._ids[rows] = [
            (self._sequence_names[frame.sequence], frame.frame, frame.person) for frame in frames
        ]
        self._errors[0, rows] = _on_host(errors.error_mm)
        self._errors[1, rows] = _on_host(errors.pa_error_mm)
        self._pve[rows] = _on_host(errors.pve_mm)
        self._done = rows.stop  # last, so that an interruption above leaves a log of whole batches
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Writes what is new, atomically.

        Raises:
            ResultError: the file cannot be written.
        """
        if self._done > self._saved:
            write_evaluation(self.path, self.result())
            self._saved = self._done
        self._saved_at = time.monotonic()

    def result(self) -> EvaluationResult:
        """Everything so far."""
        sequence, frame, person = self._ids[: self._done].T.copy()
        names = list(self._sequence_names)[: int(sequence.max(initial=-1)) + 1]
        return EvaluationResult(
            card=self._card,
            joint_names=self._joint_names,
            planned=len(self._ids),
            batch_size=self.batch_size,
            sequence_names=np.array([name.encode() for name in names], "S255"),
            sequence=sequence,
            frame=frame,
            person=person,
            error_mm=self._errors[0, : self._done],
            pa_error_mm=self._errors[1, : self._done],
            pve_mm=self._pve[: self._done],
        )

    def _take_up(self, stored: EvaluationResult) -> None:
        expected = (self._card, self._joint_names, len(self._ids))
        if (stored.card, stored.joint_names, stored.planned) != expected:
            raise RunError(f"{str(self.path)!r} is of another evaluation; choose another output folder")
        self.batch_size = stored.batch_size
        self._done = self._saved = len(stored)
        self._sequence_names = {name: index for index, name in enumerate(stored.sequences)}
        self._ids[: self._done] = np.stack([stored.sequence, stored.frame, stored.person], axis=1)
        self._errors[:, : self._done] = stored.error_mm, stored.pa_error_mm
        self._pve[: self._done] = stored.pve_mm


def _on_host(values: Tensor) -> np.ndarray:
    return values.to("cpu").numpy()
