"""The errors of an evaluation as they come in, kept on disk so that a stopped run goes on where it was."""

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import xarray as xr

from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import DamagedError, ResultError, RunError
from occlusion_toolkit.evaluation.evaluator import Errors
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.locks import held
from occlusion_toolkit.sweep.maps import card_of, labelled, open_maps, save_maps, stacked, with_card
from occlusion_toolkit.sweep.protocol import ProtocolCard

logger = logging.getLogger(__name__)

SAVE_EVERY_S = 10.0
"""Seconds between saves: what a killed process or a power cut can cost at most."""

_MOST_SAMPLES = 10**8


class ErrorLog:
    """Rows of an evaluation that grow in the order of the data set.

    The file is replaced as a whole whenever it is saved (`files.atomic`), so it can be read at any moment.

    Attributes:
        path: the file; None keeps the rows in memory alone.
        batch_size: people per batch; that of the file where there is one, since other batches round
            differently.
    """

    def __init__(
        self,
        path: Path | None,
        card: ProtocolCard,
        joint_names: tuple[str, ...],
        planned: int,
        batch_size: int,
    ) -> None:
        """Starts a log, or takes up the one on disk.

        Args:
            path: the file; need not exist.
            card: what the numbers mean.
            joint_names: one name per joint.
            planned: people in all.
            batch_size: people per batch of a new log.

        A damaged file is set aside.

        Raises:
            RunError: the file belongs to another evaluation.
            ResultError: the file is of another kind or version.
        """
        self.path, self.batch_size = path, batch_size
        self._card, self._joint_names, self._planned = card, joint_names, planned
        self._batches: list[xr.Dataset] = []
        self._saved, self._saved_at = 0, time.monotonic()
        stored = None if path is None else _taken_up(path)
        if stored is not None:
            found = (card_of(stored), tuple(stored["joint"].values), int(stored.attrs["planned"]))
            if found != (card, joint_names, planned):
                raise RunError(f"{str(path)!r} is of another evaluation; choose another output folder")
            self.batch_size = int(stored.attrs["batch_size"])
            self._batches, self._saved = [stored], stored.sizes["image"]

    def __len__(self) -> int:
        return sum(batch.sizes["image"] for batch in self._batches)

    def add(self, samples: Sequence[Sample], errors: Errors) -> None:
        """Takes the errors of the next people; saves now and then.

        Raises:
            ResultError: the file cannot be written.
        """
        first = len(self)
        coordinates = {
            "joint": list(self._joint_names),
            "image": np.arange(first, first + len(samples)),
            "sequence": ("image", [sample.sequence for sample in samples]),
            "frame": ("image", [sample.frame for sample in samples]),
            "person": ("image", [sample.person for sample in samples]),
        }
        values = {name: found.to("cpu").numpy().astype(np.float32) for name, found in errors.items()}
        # One step, so that an interruption leaves a log of whole batches.
        self._batches.append(labelled(values, coordinates))
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Writes what is new, atomically.

        Raises:
            ResultError: the file cannot be written.
        """
        if self.path is not None and len(self) > self._saved:
            save_maps(self.path, self.result())
            self._saved = len(self)
        self._saved_at = time.monotonic()

    def result(self) -> xr.Dataset:
        """Everything so far."""
        self._batches = [stacked(self._batches)]
        facts = {"planned": self._planned, "batch_size": self.batch_size}
        return with_card(self._batches[0], self._card).assign_attrs(facts)


def _taken_up(path: Path) -> xr.Dataset | None:
    """What a file holds; None where there is none, or none that is whole."""
    if not path.exists():
        return None
    try:
        return open_errors(path)
    except DamagedError as error:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        logger.warning("%s; it is set aside as %s and made again", error, aside.name)
        return None


def open_errors(path: Path) -> xr.Dataset:
    """Reads the errors of one model, of all people or of the first of them.

    Returns:
        The container without windows (`sweep.maps`); its attribute `planned` says how many people there are
        in all, `batch_size` how many went through the network together.

    Raises:
        ResultError: the file is missing, damaged, of another kind, or contradicts itself.
    """
    errors = open_maps(path)
    numbers = [errors.attrs.get(name) for name in ("planned", "batch_size")]
    if card_of(errors).grid is not None or not all(isinstance(n, int | np.integer) for n in numbers):
        raise ResultError(f"{str(path)!r} holds maps and no evaluation; give a file of `evaluate`")
    if missing := {"sequence", "frame", "person"} - set(errors.coords):
        raise ResultError(f"{str(path)!r} does not say the {' and '.join(sorted(missing))} of its rows")
    if not 0 < errors.sizes["image"] <= int(errors.attrs["planned"]) <= _MOST_SAMPLES:
        raise ResultError(
            f"{str(path)!r} holds {errors.sizes['image']} of {errors.attrs['planned']} people, "
            "which is not possible"
        )
    return errors


def locked(path: Path | None) -> AbstractContextManager[None]:
    """Keeps a second process away from a result file; None is nothing to keep away from.

    Raises:
        RunError: another process holds it.
        ResultError: the folder cannot be written.
    """
    if path is None:
        return nullcontext()
    lock = make_folder(path.parent) / f".{path.stem}.lock"
    return held(lock, f"{str(path)!r} is being written by another process; wait for it to end")
