"""From a regressor and people to their worst pairs of squares, one person after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from occlusion_toolkit.breaking_sizes.asked import MEAN, check_joint, check_metric
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import People
from occlusion_toolkit.errors import DatasetError, UsageError
from occlusion_toolkit.find.crop import Crop
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.registry import AnyRegressor
from occlusion_toolkit.surveys.partial import Progress, made_once
from occlusion_toolkit.surveys.shards import ShardMaker, survey_card
from occlusion_toolkit.sweep.maps import added_metric, with_card
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.subjects import Subject
from occlusion_toolkit.worst_pairs.rule import BEAM, pair_size
from occlusion_toolkit.worst_pairs.search import PairSearch
from occlusion_toolkit.worst_pairs.worst_pair import KIND, LAYOUT, WorstPair

STRIDE = 28
"""Step between the places, pixels of the crop, unless a sweep says another."""


def worst_pair(
    sweep: OcclusionSweep | AnyRegressor,
    who: Crop | People | str,
    *,
    beam: int = BEAM,
    metric: str | None = None,
    joint: str = MEAN,
    keep: Path | str | None = None,
    progress: Progress | None = None,
) -> WorstPair:
    """Finds the two squares that together do most harm, and one of the same area (docs/worst-pair.md).

    Args:
        sweep: the single square and the places; the two of a pair are the largest that together cover no
            more (28 px for 40). A regressor stands for a sweep of 40 px every 28 px.
        who: one person (`read_crop`), a data set, or its name.
        beam: with how many first squares every second one is tried, the worst first; as many as there are
            places try all pairs.
        metric: what is made large: `increase` over the clean error (where there is a truth, unless another
            is asked for), `error`, `displacement` from the clean estimate (where there is none), ...
        joint: of one joint, or "mean" over joints.
        keep: folder for what was found of each person, so that a run that was stopped goes on; None keeps
            nothing.
        progress: called with images done and images in all.

    Raises:
        UsageError: there is no such joint or metric, the beam is below one, or the square is too small to be
            halved.
        GroundTruthError: the metric needs a truth.
        DatasetError: there is nobody in the data set.

    Example:
        >>> import occlusion_toolkit as ot
        >>> crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
        >>> found = ot.worst_pair(ot.OcclusionSweep("pare-open", size=57, stride=56), crop, beam=2)
        >>> found.pair_size, found.dataset["pair_windows"].shape
        (40, (1, 2, 4))
    """
    sweep = sweep if isinstance(sweep, OcclusionSweep) else OcclusionSweep(sweep, stride=STRIDE)
    if beam < 1:
        raise UsageError(f"a beam of {beam} tries nothing; give 1 or more")
    if pair_size(sweep.grid.size) < 1:
        raise UsageError(f"a square of {sweep.grid.size} px cannot be halved; give 2 px or more")
    check_joint(joint, sweep.joint_set.joint_names)
    check_metric(metric, sweep, who)
    beam = min(beam, len(sweep.grid))
    if isinstance(who, str):
        papers = sweep.protocol.frame_filter if who == "3dpw" else None
        who = open_dataset(who, frame_filter=papers)
    card = sweep.card_of([who]) if isinstance(who, Crop) else survey_card(sweep, who)
    card = card.model_copy(update={"engine": None})  # people may have had several, which all say the same
    chosen = metric or added_metric(card)
    search = PairSearch(sweep, chosen, joint, beam)
    count = 1 if isinstance(who, Crop) else len(who)
    if not count:
        raise DatasetError("there is nobody in this data set; choose another split")
    settings = f"{card.canonical_json()} {chosen} {joint} {beam}"
    images = []
    for number, (made_of, subject) in enumerate(_subjects(sweep, who, card)):
        path = None if keep is None else Path(keep) / f"{KIND}-{number:05d}.h5"
        images.append(
            made_once(
                lambda subject=subject: search(subject(), count),  # type: ignore[misc]
                path,
                f"{KIND}-image",
                LAYOUT,
                made_of=f"{settings} {number} {made_of}",
            )
        )
        if progress is not None:
            progress(number + 1, count)
    found = xr.concat(
        [image.drop_vars("crop") for image in images], "image", coords="minimal", compat="override"
    )
    shown = int((found["pair_mm"] - found["single_mm"]).values.argmax())
    found = found.assign(crop=images[shown]["crop"].isel(image=0)).assign_coords(_names(who))
    attributes = {"metric": chosen, "joint": joint, "beam": beam, "shown": shown}
    return WorstPair(with_card(found.assign_attrs(attributes), card.model_copy(update={"analysis": KIND})))


def _subjects(
    sweep: OcclusionSweep, who: Crop | People, card: ProtocolCard
) -> Iterator[tuple[str, Callable[[], Subject]]]:
    """Who each person is, in words, and how they are read: nobody is read who was searched before."""
    if isinstance(who, Crop):
        truth = "" if who.truth is None else who.truth.parameters.rotmats.cpu().numpy().tobytes().hex()
        crop = who
        yield f"{crop.sha256} {crop.box} {truth}", lambda: next(sweep.subjects([crop]))
        return
    maker = ShardMaker(sweep, card)
    for sample in who:
        yield "", lambda sample=sample: maker.subject(sample)  # type: ignore[misc]


def _names(who: Crop | People) -> dict[str, tuple[str, np.ndarray]]:
    """Names of the images."""
    if isinstance(who, Crop):
        return {name: ("image", np.array([who.file])) for name in ("sequence", "file")}
    samples = list(who)
    return {
        "sequence": ("image", np.array([sample.sequence for sample in samples])),
        "frame": ("image", np.array([sample.frame for sample in samples])),
        "person": ("image", np.array([sample.person for sample in samples])),
    }
