"""One image to look at: which one, and what every model makes of it under every window."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import joint_set
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.comparison.given import Swept
from occlusion_toolkit.comparison.numbers import CLEAN, WORST, image_numbers
from occlusion_toolkit.data.ground_truth import GroundTruth
from occlusion_toolkit.data.people import People
from occlusion_toolkit.errors import DatasetError, UsageError
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.heatmaps.run import Photograph, run_heatmap
from occlusion_toolkit.surveys.source import CardSource, EngineSource
from occlusion_toolkit.surveys.stored import ReadOut, Survey
from occlusion_toolkit.sweep.engine import Engine
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.results import Focus, HeatmapResult, write_heatmap

ExampleRule = Literal["hardest", "typical"]
"""`hardest`: the image whose worst window adds most to its clean error, on average over models. `typical`:
the image whose mean over windows is the median one, on average over models."""

_UNKNOWN_CAMERA = (1.0, 0.0, 0.0)


def choose_example(surveys: Sequence[Swept], rule: ExampleRule, read_out: ReadOut) -> int:
    """Position in the data set of the image to look at; the first of equals.

    Args:
        surveys: complete ones, of the same images.
        rule: what makes an image the example.
        read_out: "error" or "displacement".

    Raises:
        ResultError: a survey is not complete or not intact.
    """
    found = [image_numbers(survey, read_out) for survey in surveys]
    if rule == "hardest":
        added = [
            numbers.values[WORST] - numbers.values.get(CLEAN, np.zeros_like(numbers.values[WORST]))
            for numbers in found
        ]
        return int(_mean_over_joints(added).argmax())
    mean = _mean_over_joints([numbers.occluded for numbers in found])
    return int(np.abs(mean - np.median(mean)).argmin())


def example_heatmap(
    engine: Engine,
    bodies: Bodies,
    people: People,
    position: int,
    joints: str,
    *,
    aligned: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> HeatmapResult:
    """Sweeps one person of a data set, keeping what every window does to the whole body.

    Args:
        engine: regressor, body and windows, as in the surveys.
        bodies: where the body of the truth comes from.
        people: the data set.
        position: of the person in it.
        joints: name of the joint set.
        aligned: look for the worst window after Procrustes alignment.
        progress: called with passes done and passes in all.

    Raises:
        UsageError: there is no such position.
        ImageError: the image is missing or damaged.
        TopologyError: the truth belongs to another body.
    """
    if not 0 <= position < len(people):
        raise UsageError(f"there is no image {position} among the {len(people)} of {people.dataset}")
    frame = people[position]
    truth = GroundTruth(
        parameters=BodyParameters(
            rotmats=torch.from_numpy(frame.rotmats)[None],
            betas=torch.from_numpy(frame.betas)[None],
            camera=torch.tensor([_UNKNOWN_CAMERA]),
        ),
        has_camera=False,
        topology=people.topology,
        box=frame.box,
        gender=frame.gender,
        image_path=frame.image_path,
        dataset=people.dataset,
        split=people.split,
    )
    photograph = Photograph(frame.image_path, read_image(frame.image_path), frame.box, "box of the data set")
    names = joint_set(joints).joint_names
    focus = Focus(read_out="error", joint_set=joints, joints=names, aligned=aligned)
    return run_heatmap(engine, bodies, photograph, focus, truth, progress)


def example_heatmaps(
    surveys: Mapping[str, Survey],
    sources: Mapping[str, EngineSource],
    people: People,
    position: int,
    bodies: Bodies,
    device: torch.device,
    folder: Path,
    *,
    aligned: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, HeatmapResult]:
    """Sweeps one person with every model as its survey did, and writes it to `example_file`.

    Args:
        surveys: one per model, by name.
        sources: what makes each model's engine, by the same names.
        people: the data set that they are of.
        position: of the person in it.
        bodies: where the body of the truth comes from.
        device: where the networks run.
        folder: made where it does not exist.
        aligned: look for the worst window after Procrustes alignment.
        progress: called with passes done and passes in all.

    Raises:
        DatasetError: the data set is not the one of the surveys.
        ModelCardError: a model is not at hand.
        ResultError: a file cannot be written.
    """
    results = {}
    for name, survey in surveys.items():
        if people.fingerprint != survey.card.people_sha256:
            raise DatasetError(
                f"{people.dataset} {people.split} in {str(people.root)!r} is not the list of people that "
                f"{name} was surveyed on; give the same data set, split, filter and limit"
            )
        engine = sources[name](device)
        if engine.occluder.description != survey.card.occluder:
            raise DatasetError(
                f"{name} was surveyed with another occluder ({survey.card.occluder}) than is at hand"
            )
        results[name] = example_heatmap(
            engine, bodies, people, position, survey.joint_set, aligned=aligned, progress=progress
        )
        write_heatmap(example_file(make_folder(folder), name), results[name])
    return results


def example_file(folder: Path, model: str) -> Path:
    """FOLDER/MODEL.h5; what a name of a model must not do to a path becomes an underscore."""
    return folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', model).lstrip('.')}.h5"


def source_of(survey: Survey, bodies: Bodies) -> CardSource:
    """What makes the engine that a survey was made with, as far as its protocol card tells."""
    card, grid = survey.card, survey.grid
    return CardSource(
        card.model_card,
        bodies.smpl_dir,
        Grid(grid.kind, grid.size, grid.stride, grid.resolution),
        card.occluder.split(":")[0] if card.occluder else "grey",
        None,
        card.precision,
        card.compiled,
        bodies.trusted,
    )


def _mean_over_joints(
    models: Sequence[Float64[np.ndarray, "images columns"]],
) -> Float64[np.ndarray, " images"]:
    """The last column, the mean over joints, averaged over models."""
    return np.asarray(np.mean([numbers[:, -1] for numbers in models], axis=0))
