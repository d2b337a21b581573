"""What a recipe needs beside itself, and whether it is there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from occlusion_toolkit.body.arrays import GENDERS, SMPL_TOPOLOGY, Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.smpl_files import (
    HOW_TO_GET_BODIES,
    HOW_TO_GET_REGRESSORS,
    PART_MAPPING,
    read_part_mapping,
)
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.catalogue import (
    default_folder,
    read_list,
    require_files,
    training_set,
)
from occlusion_toolkit.training.network import starting_weights
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.voc import HOW_TO_GET as HOW_TO_GET_VOC
from occlusion_toolkit.training.voc import VOC, default_voc_folder, read_voc_cutouts, voc_folder


@dataclass(frozen=True)
class Need:
    """One thing that a recipe needs.

    Attributes:
        name: of the data set, the objects or the body.
        kind: "data set", "occluding objects", "weights to start from", "part of each vertex" or "body".
        folder: where it was looked for.
        found: what is there, in words; empty where it cannot be used.
        people: people in a data set; None for other things.
        with_body: how many of them have pose and shape.
        with_joints_3d: how many have 3D joints, annotated or of their body.
        problem: what is wrong; None where it can be used.
        how_to_get: addresses and licences.
    """

    name: str
    kind: str
    folder: Path
    found: str = ""
    people: int | None = None
    with_body: int | None = None
    with_joints_3d: int | None = None
    problem: str | None = None
    how_to_get: str = ""


def check_data(recipe: Recipe, folders: Mapping[str, Path], bodies: Bodies) -> tuple[Need, ...]:
    """Looks for everything, reading all annotations; images are looked for, not opened.

    Args:
        recipe: what is to be trained.
        folders: where data sets and "voc" are, other than in their default places.
        bodies: reads the body.

    Raises:
        TrainingError: there is no data set of that name.
    """
    train, occlusion = recipe.train, recipe.train.augmentation.occlusion
    needs = []
    for name in train.data_sets:
        files, folder = training_set(name), folders.get(name, default_folder(name))
        need = Need(name, "data set", folder, how_to_get=f"{files.contents}. {files.how_to_get}")
        needs.append(_tried(need, lambda need: _data_set(need, recipe.body)))
    if occlusion is not None and occlusion.objects != "drawn":
        folder = folders.get(VOC, default_voc_folder())
        objects = Need(VOC, "occluding objects", folder, how_to_get=HOW_TO_GET_VOC)
        if occlusion.objects == "voc" or voc_folder(folder) is not None:
            needs.append(_tried(objects, _objects))
        else:
            needs.append(replace(objects, found="not there: drawn objects are pasted instead"))
    if train.start_from is not None:
        weights = Need(train.start_from, "weights to start from", toolkit_home() / "weights")
        needs.append(_tried(weights, lambda need: replace(need, found=str(starting_weights(need.name)))))
    rendered_here = set(train.data_sets_with_parts) - {"synthetic"}
    if recipe.body == SMPL_TOPOLOGY and rendered_here:
        parts = Need(PART_MAPPING, "part of each vertex", bodies.smpl_dir, how_to_get=HOW_TO_GET_REGRESSORS)
        needs.append(_tried(parts, lambda need: _parts(need, bodies)))
    body = Need(recipe.body, "body", bodies.smpl_dir, how_to_get=HOW_TO_GET_BODIES)
    genders: tuple[Gender, ...] = () if set(train.data_sets) == {"synthetic"} else ("neutral",)
    if "3dpw-train" in train.data_sets:
        genders = GENDERS
    needs.append(_tried(body, lambda need: _body(need, bodies, genders)))
    return tuple(needs)


def _tried(need: Need, check: Callable[[Need], Need]) -> Need:
    """The need with what was found, or with the problem."""
    try:
        return check(need)
    except OcclusionToolkitError as error:
        return replace(need, problem=str(error))


def _data_set(need: Need, topology: str) -> Need:
    path = require_files(need.name, need.folder)
    if path is not None:
        table = read_list(need.name, path, need.folder)
        return replace(
            need,
            found=path.name,
            people=len(table),
            with_body=int(table.has_smpl.sum()),
            with_joints_3d=int((table.has_smpl | table.has_pose_3d).sum()),
        )
    people = ThreeDPW(need.folder, "train", dataset=need.name)
    count = len(people)
    problem = None
    if people.topology != topology:
        problem = f"it is of body {people.topology!r}, the network of {topology!r}"
    elif need.name == "synthetic" and not (need.folder / "partFiles").is_dir():
        problem = "it has no part labels (partFiles)"
    found = f"{len({track.sequence for track in people.tracks})} sequences"
    return replace(need, found=found, people=count, with_body=count, with_joints_3d=count, problem=problem)


def _objects(need: Need) -> Need:
    return replace(need, found=f"{len(read_voc_cutouts(need.folder))} objects")


def _parts(need: Need, bodies: Bodies) -> Need:
    """PARE's parts of SMPL's vertices, which training can do without."""
    mapping = TrainingBodies(bodies, SMPL_TOPOLOGY).part_mapping
    if mapping is None:
        return replace(need, found="not there: labels are those of the joint with the largest weight")
    read_part_mapping(mapping)
    return replace(need, found=mapping.name)


def _body(need: Need, bodies: Bodies, genders: Sequence[Gender]) -> Need:
    """The body, and for published data sets the training joints of some genders."""
    own = TrainingBodies(bodies, need.name)
    body = own.model("neutral")
    body.require(LSP14)  # of validation
    for gender in genders:
        own.joints(gender)
    return replace(need, found=f"{body.num_vertices} vertices")


def need_as_json(need: Need) -> dict[str, Any]:
    """One thing that a recipe needs."""
    return {**asdict(need), "ready": need.problem is None, "folder": str(need.folder)}


def needs_table(title: str, needs: Sequence[Need]) -> Table:
    """What is there, in 80 columns: long names and findings are folded, numbers never are."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    counted = any(need.people is not None for need in needs)
    table.add_column("name", overflow="fold", max_width=18 if counted else 34)
    table.add_column("", no_wrap=True)
    for heading in ("people", "bodies", "3D joints") if counted else ():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("found", overflow="fold")
    for need in needs:
        state, style = ("ready", "") if need.problem is None else ("MISSING", "bold red")
        counts = ["" if n is None else f"{n:,}" for n in (need.people, need.with_body, need.with_joints_3d)]
        name = need.name if need.kind == "data set" else f"{need.name} ({need.kind})"
        table.add_row(name, state, *(counts if counted else ()), need.found, style=style)
    return table


def explanation(need: Need) -> str:
    """What is wrong with a need, and where to get it."""
    problem = str(need.problem)
    lines = problem if problem.startswith(need.name) else f"{need.name}: {problem}"
    if need.how_to_get not in problem:
        lines += f"\nIt belongs into {need.folder}: {need.how_to_get}"
    return lines
