"""An evaluation from the first person to the last, resumable at any moment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from occlusion_toolkit.errors import ResultError, RunError
from occlusion_toolkit.evaluation.crops import crop_batches
from occlusion_toolkit.evaluation.evaluator import Evaluator
from occlusion_toolkit.evaluation.log import ErrorLog
from occlusion_toolkit.evaluation.result import EvaluationResult
from occlusion_toolkit.sweep.memory import starting_batch_size
from occlusion_toolkit.sweep.protocol import ProtocolCard


def result_path(folder: Path, card: ProtocolCard) -> Path:
    """The file of an evaluation: its name holds the protocol's hash, so protocols never mix."""
    return folder / f"{card.model_card}-{card.hash}.h5"


def run_evaluation(
    evaluator: Evaluator,
    folder: Path,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> EvaluationResult:
    """Measures everybody whose errors are not yet in the folder.

    Whatever was finished is kept when the run is interrupted or fails; the same call then goes on from
    there and ends with the same numbers, on a CPU bit for bit.

    Args:
        evaluator: regressor, people and protocol.
        folder: where the result file is or will be.
        batch_size: people per batch; None stands for that of the run taken up, or one that suits the device.
        progress: called with people done and people in all.

    Raises:
        RunError: another process works on the same result; the run taken up had another batch size; or as
            `Evaluator`.
        ResultError: the folder cannot be written, or the result file is damaged.
        ImageError: an image is missing or damaged.
        CropError: a box does not show anybody.
        GroundTruthError: a true body is not finite.
    """
    people, path = evaluator.people, result_path(folder, evaluator.card)
    with _locked(path):
        log = ErrorLog(
            path,
            evaluator.card,
            evaluator.protocol.joint_set.joint_names,
            len(people),
            batch_size or starting_batch_size(evaluator.device),
        )
        if batch_size not in (None, log.batch_size):
            raise RunError(
                f"{str(path)!r} was begun with batches of {log.batch_size}; give --batch-size "
                f"{log.batch_size}, or another output folder"
            )
        try:
            for frames, crops in crop_batches(people, len(log), log.batch_size):
                log.add(frames, evaluator(frames, crops))
                if progress is not None:
                    progress(len(log), len(people))
        finally:
            log.save()
        return log.result()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps a second process away from a result file.

    Raises:
        RunError: another process holds it.
        ResultError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.stem}.lock"))
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(f"{str(path)!r} is being written by another process; wait for it to end") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ResultError(
            f"{str(path.parent)!r} could not be written: {reason}; choose another place"
        ) from error
    try:
        yield
    finally:
        lock.release()
