"""One image to look at: which one, and what every model makes of it under every window."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.comparison.entries import ExampleImage, ExampleRule
from occlusion_toolkit.comparison.image_values import ImageValues
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import Resampling, sample_crop
from occlusion_toolkit.data.ground_truth import GroundTruth
from occlusion_toolkit.data.people import EvenlySpaced, FrameFilter, People
from occlusion_toolkit.data.protocol import DATASET_BOX
from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.find.crop import Crop
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.surveys.survey import Survey

_UNKNOWN_CAMERA = (1.0, 0.0, 0.0)


def choose_example(values: Sequence[ImageValues], rule: ExampleRule) -> ExampleImage:
    """The image to look at; the first of equals.

    Args:
        values: of the models, of the same images.
        rule: what makes an image the example.
    """

    def mean(name: str) -> np.ndarray:
        """A quantity averaged over joints and models, one number per image."""
        return np.asarray(np.mean([one.values[name][:, -1] for one in values], axis=0))

    if rule == "hardest":
        added = mean("worst") - mean("clean") if "clean" in values[0].values else mean("worst")
        position = int(added.argmax())
    else:
        position = int(np.abs(mean("occluded") - np.median(mean("occluded"))).argmin())
    image = values[0].images[position]
    alone = len(values[0].images) == 1
    return ExampleImage(rule=None if alone else rule, position=position, **image._asdict())


def swept_example(
    surveys: Mapping[str, Survey],
    example: ExampleImage,
    metric: str,
    people: People | None,
    sweeps: Sequence[OcclusionSweep] | None,
    device: torch.device | str,
    bodies: Bodies,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, OcclusionMaps]:
    """Sweeps one person of a data set with every model; see `Comparison.sweep_example`.

    Raises:
        DatasetError: the data set is not that of the surveys.
        ModelCardError: a model is not at hand.
        OccluderError: the occluder is not at hand.
    """
    first = next(iter(surveys.values()))
    them = people_of(first, people, bodies)
    made = sweeps or [survey.sweep(device=device) for survey in surveys.values()]
    return {
        name: sweep(crop_of(them, example.position, sweep.protocol.crop_rule), progress).focused(metric)
        for name, sweep in zip(surveys, made, strict=True)
    }


def people_of(survey: Survey, people: People | None, bodies: Bodies) -> People:
    """The very people that were surveyed.

    Args:
        survey: of them.
        people: the data set, or one that they are evenly spaced over; None opens it by its name.
        bodies: says which files may be trusted.

    Raises:
        DatasetError: it is another data set, or it is not at hand.
    """
    card = survey.card
    if people is None:
        people = open_dataset(
            card.dataset or "open",
            None,
            card.split,
            cast("FrameFilter | None", card.frame_filter),
            trusted=bodies.trusted,
            skip_bad=card.skipped > 0,
        )
    for them in (people, EvenlySpaced(people, survey.num_images)):
        if them.fingerprint == card.people_sha256:
            return them
    raise DatasetError(
        f"{people.dataset} {people.split} in {str(people.root)!r} is not the list of people that "
        f"{card.model_card} was surveyed on; give the same data set, split, filter and limit"
    )


def crop_of(people: People, position: int, resampling: Resampling = "antialias") -> Crop:
    """A person of a data set as `OcclusionSweep` takes it.

    Raises:
        ImageError: the image is missing or damaged.
    """
    sample = people[position]
    parameters = BodyParameters(
        rotmats=torch.from_numpy(sample.rotmats)[None],
        betas=torch.from_numpy(sample.betas)[None],
        camera=torch.tensor([_UNKNOWN_CAMERA]),
    )
    truth = GroundTruth(
        parameters=parameters,
        has_camera=False,
        topology=people.topology,
        box=sample.box,
        gender=sample.gender,
        image_path=sample.image_path,
        dataset=people.dataset,
        split=people.split,
    )
    name = f"{sample.sequence}/{sample.image_path.name}"  # images of all sequences have the same names
    sha256 = sha256_file(sample.image_path)
    return Crop(
        sample_crop(sample, resampling=resampling),
        sample.box,
        DATASET_BOX,
        name,
        sha256,
        truth,
        resampling=resampling,
        image=read_image(sample.image_path).pixels,
        focal_px=sample.focal_px,
    )


def example_file(folder: Path, model: str) -> Path:
    """Where the maps of the example lie beside a comparison: FOLDER/example/MODEL.h5.

    What a name of a model must not do to a path becomes an underscore.
    """
    return folder / "example" / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', model).lstrip('.')}.h5"
