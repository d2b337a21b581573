"""From models to a comparison in a folder: surveys that are missing are made, finished ones are used again.

FOLDER/surveys/MODEL-SIZE/   one survey per model and size of the occluder, with its mesh.h5
FOLDER/example/MODEL.h5      every model under every window of one image
FOLDER/comparison.json       all numbers of the comparison
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import BodySurface, display_surface
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.data.people import People
from occlusion_toolkit.errors import RunError
from occlusion_toolkit.meshes.mesh_result import MeshResult, read_mesh
from occlusion_toolkit.meshes.run import make_mesh
from occlusion_toolkit.surveys.plan import SurveyPlan
from occlusion_toolkit.surveys.run import run_survey
from occlusion_toolkit.surveys.source import CardSource
from occlusion_toolkit.surveys.stored import MANIFEST_NAME, Survey

# What a survey and the mesh that was pooled from it have in common.
_SURVEYED = ("model_card", "weights_sha256", "body", "people_sha256", "grid", "occluder", "precision")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SurveySettings:
    """What all surveys of a comparison share.

    Attributes:
        people: the data set.
        bodies: where bodies come from.
        joint_set: the joints to measure.
        device: where the networks run.
    """

    people: People
    bodies: Bodies
    joint_set: JointSet
    device: torch.device


def survey_folder(folder: Path, source: CardSource) -> Path:
    """Where the survey of a model under occluders of one size belongs."""
    return folder / "surveys" / f"{Path(source.model).stem}-{source.grid.size}px"


def survey_of(
    source: CardSource,
    settings: SurveySettings,
    folder: Path,
    *,
    announce: Callable[[SurveyPlan], None] | None = None,
    progress: Progress | None = None,
) -> Survey:
    """The survey of one model: the finished one of the folder, continued or made from the start.

    Args:
        source: the model and its windows.
        settings: what all surveys share.
        folder: of the survey.
        announce: told what there is to do, where there is something.
        progress: told images done and images in all.

    Raises:
        RunError: the folder holds a survey by another protocol, or is in use.
    """
    try:
        return run_survey(
            source,
            settings.people,
            settings.bodies,
            folder,
            device=settings.device,
            joint_set=settings.joint_set,
            resume=(folder / MANIFEST_NAME).is_file(),
            announce=announce,
            progress=progress,
        )
    except RunError as error:
        raise RunError(f"{error} (for a comparison with other settings choose another --out)") from error


def pooled_meshes(
    surveys: Mapping[str, Survey],
    bodies: Bodies,
    *,
    aligned: bool = False,
    progress: Progress | None = None,
) -> tuple[dict[str, MeshResult], BodySurface | None]:
    """The meshes of several surveys; those that are in their folders already are not pooled again.

    Args:
        surveys: complete ones, by the models' names.
        bodies: where their bodies come from.
        aligned: pool values after Procrustes alignment.
        progress: told images done and images in all.

    Returns:
        The meshes by the models' names and the body they are shown on; nothing and None where the models
        are of different bodies.

    Raises:
        ResultError: a survey or a mesh is damaged.
        BodyModelError: the body of a survey is not at hand.
    """
    topologies = {survey.card.body for survey in surveys.values()}
    if len(topologies) > 1:
        return {}, None
    meshes = {}
    for name, survey in surveys.items():
        path = survey.folder / "mesh.h5"
        stored = read_mesh(path) if path.is_file() else None
        if stored is None or not _is_of(stored, survey, aligned):
            stored, _ = make_mesh(survey, bodies, survey.folder, aligned=aligned, progress=progress)
        meshes[name] = stored
    return meshes, display_surface(bodies.load(topologies.pop()))


def _is_of(mesh: MeshResult, survey: Survey, aligned: bool) -> bool:
    """Whether a mesh was pooled from a survey, and from the values that are asked."""
    same = all(getattr(mesh.card, name) == getattr(survey.card, name) for name in _SURVEYED)
    return same and (mesh.aligned, mesh.num_images) == (aligned, survey.num_images)
