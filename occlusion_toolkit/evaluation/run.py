"""An evaluation from the first person to the last, resumable at any moment."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch
import xarray as xr

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14, JointSet, joint_set
from occlusion_toolkit.data.crops import sample_crop
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.protocol import GenderRule, Protocol, PVEAlignment
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import RunError
from occlusion_toolkit.evaluation.evaluation import Evaluation, result_path
from occlusion_toolkit.evaluation.evaluator import Evaluator, Seen
from occlusion_toolkit.evaluation.log import ErrorLog, locked
from occlusion_toolkit.evaluation.protocol import differing_rules
from occlusion_toolkit.evaluation.published import known_errors, other_errors, published_table
from occlusion_toolkit.models.papers import chosen_protocol
from occlusion_toolkit.models.registry import AnyRegressor, load_regressor
from occlusion_toolkit.sweep.measure import METRICS, Metric
from occlusion_toolkit.sweep.memory import starting_batch_size
from occlusion_toolkit.sweep.network import chosen_device

logger = logging.getLogger(__name__)

_MOST_READERS = 16  # each holds one decoded image

Progress = Callable[[int, int], None]


def evaluate(
    models: AnyRegressor | Sequence[AnyRegressor],
    people: People | Callable[[Protocol], People],
    *,
    metrics: Mapping[str, Metric] = METRICS,
    joints: JointSet | str = LSP14,
    true_gender: GenderRule | None = None,
    pve_alignment: PVEAlignment = "none",
    device: torch.device | str = "auto",
    batch_size: int | None = None,
    bodies: Bodies | None = None,
    out: Path | str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measures how far models are from the ground truth of a data set, on clean images (PARE, Tables 1, 2).

    Every model is measured by the rules of its own paper unless an argument says otherwise. Everything is
    opened before the first network runs: what is missing is missed now, not after hours.

    Args:
        models: one or several: names of cards ("pare-open"), paths, cards or networks.
        people: the data set, or what chooses it by the rules of a model's paper.
        metrics: distances to measure, by name: functions (B, J, 3), (B, J, 3) -> (B, J) in metres.
        joints: the joint set to measure, or its name.
        true_gender: body of the ground truth, "gendered" or "neutral"; None for that of the model's paper.
        pve_alignment: what vertices are centred on before PVE, "none" or "pelvis".
        device: "auto" takes a GPU where there is one; "cpu", "cuda", "cuda:N".
        batch_size: people per batch; None for that of the run taken up, or one that suits the device.
        bodies: where body models come from; by default the open body, and SMPL from the toolkit's folder.
        out: folder that keeps the errors of every person, a file per model; a run that was stopped goes on
            from there. None keeps them in memory.
        progress: called with people done and people in all, over all models.

    Raises:
        ModelCardError: there is no such card.
        TopologyError: the ground truth belongs to another body than a prediction.
        RunError: another process works on the same result, the run taken up had another batch size, or a
            network gives NaN or does not fit into memory.
        ResultError: the folder cannot be written, or a result file in it is damaged.
        ImageError: an image is missing or damaged.
        GroundTruthError: a true body is not finite.

    Example:
        >>> import occlusion_toolkit as ot
        >>> table = ot.evaluate("hmr-open", ot.open_dataset("open", limit=2)).table()
        >>> list(table.columns)
        ['samples', 'MPJPE', 'PA-MPJPE', 'PVE']
    """
    chosen = list(models) if isinstance(models, Sequence) and not isinstance(models, str) else [models]
    bodies, place = bodies or Bodies(), chosen_device(device)
    measured = joint_set(joints) if isinstance(joints, str) else joints
    evaluators = []
    for regressor in [load_regressor(model, place, bodies.trusted) for model in chosen]:
        protocol = chosen_protocol(regressor.card, measured, true_gender, pve_alignment)
        them = people if isinstance(people, People) else people(protocol)
        evaluators.append(Evaluator(regressor, bodies, them, protocol, metrics))
    for line in differing_rules([each.card for each in evaluators]):
        logger.warning(line)
    results, before, total = [], 0, sum(len(each.people) for each in evaluators)

    def report(done: int) -> None:
        if progress is not None:
            progress(before + done, total)

    for each in evaluators:
        path = None if out is None else result_path(Path(out), each.card)
        results.append(run_evaluation(each, path, batch_size, report))
        before += len(each.people)
    return Evaluation(
        results,
        [known_errors(each.regressor.card, each.people, each.card) for each in evaluators],
        published_table(evaluators[0].people),
        [other_errors(each.regressor.card, each.people, each.card) for each in evaluators],
    )


def run_evaluation(
    evaluator: Evaluator,
    path: Path | None = None,
    batch_size: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> xr.Dataset:
    """Measures everybody whose errors are not yet in a file.

    Whatever was finished is kept when the run is interrupted or fails; the same call then goes on from
    there and ends with the same numbers, on a CPU bit for bit.

    Args:
        evaluator: regressor, people and protocol.
        path: the result file; None keeps the errors in memory.
        batch_size: people per batch; None stands for that of the run taken up, or one that suits the device.
        progress: called with people done.

    Returns:
        The errors of every person, in the container without windows (`sweep.maps`).

    Raises:
        OcclusionToolkitError: as `evaluate`.
    """
    people = evaluator.people
    with locked(path):
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
            for samples, crops in crop_batches(people, len(log), log.batch_size, evaluator.look):
                log.add(samples, evaluator(samples, crops))
                if progress is not None:
                    progress(len(log))
        finally:
            log.save()
        return log.result()


def crop_batches(
    people: People, first: int, size: int, look: Callable[[Sample], Seen] = sample_crop
) -> Iterator[tuple[list[Sample], list[Seen]]]:
    """People and their crops, read ahead while the network is busy; at most two batches are in memory.

    Args:
        people: the data set.
        first: position of the first person.
        size: people per batch; the last batch may have fewer.
        look: what is read of each person.

    Raises:
        ImageError: an image is missing or damaged.
        CropError: a box does not show anybody.
    """
    readers = ThreadPoolExecutor(min(_MOST_READERS, os.cpu_count() or 1))
    try:
        samples: list[Sample] = []
        crops: list[Future[Seen]] = []
        for start in range(first, len(people), size):
            coming = people[start : start + size]
            reading = [readers.submit(look, sample) for sample in coming]
            if samples:
                yield samples, [crop.result() for crop in crops]
            samples, crops = coming, reading
        if samples:
            yield samples, [crop.result() for crop in crops]
    finally:
        readers.shutdown(cancel_futures=True)
