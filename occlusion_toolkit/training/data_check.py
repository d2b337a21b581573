"""What a recipe needs beside itself, and whether it is there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.smpl_files import HOW_TO_GET_BODIES
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.catalogue import (
    annotation_file,
    default_folder,
    read_annotations,
    training_set,
)
from occlusion_toolkit.training.network import starting_weights
from occlusion_toolkit.training.voc import HOW_TO_GET as HOW_TO_GET_VOC
from occlusion_toolkit.training.voc import default_voc_folder, read_voc_cutouts, voc_folder

VOC = "voc"
"""Name of Pascal VOC's objects among the folders."""


@dataclass(frozen=True)
class Need:
    """One thing that a recipe needs.

    Attributes:
        name: of the data set, the objects or the body.
        kind: "data set", "occluding objects", "weights to start from" or "body".
        folder: where it was looked for.
        found: what is there, in words; empty where it cannot be used.
        people: people in a data set; None for other things.
        bodies: how many of them have pose and shape.
        joints: how many have 3D joints, annotated or of their body.
        problem: what is wrong; None where it can be used.
        how_to_get: addresses and licences.
    """

    name: str
    kind: str
    folder: Path
    found: str = ""
    people: int | None = None
    bodies: int | None = None
    joints: int | None = None
    problem: str | None = None
    how_to_get: str = ""


def check_data(
    data_sets: tuple[str, ...],
    topology: str,
    folders: Mapping[str, Path],
    bodies: Bodies,
    *,
    objects: str | None = None,
    start_from: str | None = None,
) -> tuple[Need, ...]:
    """Looks for everything, reading all annotations; images are looked for, not opened.

    Args:
        data_sets: names of the training sets.
        topology: the body of the network.
        folders: where sets and "voc" are, other than in their default places.
        bodies: reads the body.
        objects: what SynthOcc pastes (`SyntheticOcclusion.objects`); None for nothing.
        start_from: file of weights that the network starts from; None for none.

    Raises:
        TrainingError: a set has a name that there is not.
    """
    needs = []
    for name in data_sets:
        files = training_set(name)
        folder = folders.get(name, default_folder(name))
        need = Need(name, "data set", folder, how_to_get=f"{files.contents}. {files.how_to_get}")
        needs.append(_tried(need, lambda need: _data_set(need, topology)))
    folder = folders.get(VOC, default_voc_folder())
    if objects == "voc" or (objects == "voc or drawn" and voc_folder(folder) is not None):
        need = Need(VOC, "occluding objects", folder, how_to_get=HOW_TO_GET_VOC)
        needs.append(_tried(need, _objects))
    elif objects == "voc or drawn":
        found = "not there: drawn objects are pasted instead"
        needs.append(Need(VOC, "occluding objects", folder, found, how_to_get=HOW_TO_GET_VOC))
    if start_from is not None:
        need = Need(start_from, "weights to start from", toolkit_home() / "weights")
        needs.append(_tried(need, lambda need: replace(need, found=str(starting_weights(need.name)))))
    body = Need(topology, "body", bodies.smpl_dir, how_to_get=HOW_TO_GET_BODIES)
    published = any(name != "synthetic" for name in data_sets)
    genders = GENDERS if "3dpw-train" in data_sets else ("neutral",)
    needs.append(_tried(body, lambda need: _body(need, bodies, genders, training_joints=published)))
    return tuple(needs)


def _tried(need: Need, check: Callable[[Need], Need]) -> Need:
    """The need with what was found, or with the problem."""
    try:
        return check(need)
    except OcclusionToolkitError as error:
        return replace(need, problem=str(error))


def _data_set(need: Need, topology: str) -> Need:
    table = None if need.name == "synthetic" else read_annotations(need.name, need.folder)
    if table is not None:
        path = annotation_file(training_set(need.name), need.folder)
        return replace(
            need,
            found=path.name if path is not None else "",
            people=len(table),
            bodies=int(table.has_smpl.sum()),
            joints=int((table.has_smpl | table.has_pose_3d).sum()),
        )
    people = ThreeDPW(need.folder, "train", dataset=need.name)
    count = len(people)
    problem = None
    if people.topology != topology:
        problem = f"it is of body {people.topology!r}, the network of {topology!r}"
    elif need.name == "synthetic" and not (need.folder / "partFiles").is_dir():
        problem = "it has no part labels (partFiles)"
    found = f"{len({track.sequence for track in people.tracks})} sequences"
    return replace(need, found=found, people=count, bodies=count, joints=count, problem=problem)


def _objects(need: Need) -> Need:
    return replace(need, found=f"{len(read_voc_cutouts(need.folder))} objects")


def _body(need: Need, bodies: Bodies, genders: Sequence[Gender], *, training_joints: bool) -> Need:
    own = TrainingBodies(bodies, need.name)
    body = own.model("neutral")
    body.require(LSP14)  # of validation
    for gender in genders if training_joints else ():
        own.joints(gender)
    return replace(need, found=f"{body.num_vertices} vertices")


_out = Console(highlight=False, emoji=False, markup=False)


def need_as_json(need: Need) -> dict[str, Any]:
    """One thing that a recipe needs."""
    return {
        "name": need.name,
        "kind": need.kind,
        "ready": need.problem is None,
        "folder": str(need.folder),
        "found": need.found,
        "people": need.people,
        "with_body": need.bodies,
        "with_joints_3d": need.joints,
        "problem": need.problem,
        "how_to_get": need.how_to_get,
    }


def print_needs(recipe: str, needs: Iterable[Need]) -> None:
    """Prints what is there, and below it what is missing and where to get it."""
    needs = list(needs)
    table = Table(title=f"What {recipe} trains on", title_justify="left")
    for heading in ("name", "kind", ""):
        table.add_column(heading, no_wrap=True)
    for heading in ("people", "bodies", "3D joints"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("found")
    for need in needs:
        state, style = ("ready", "") if need.problem is None else ("MISSING", "bold red")
        counts = ["" if n is None else f"{n:,}" for n in (need.people, need.bodies, need.joints)]
        table.add_row(need.name, need.kind, state, *counts, need.found, style=style)
    _out.print(table)
    for need in needs:
        if need.problem is not None:
            _out.print(f"\n{need.name}: {need.problem}", soft_wrap=True)
            if need.how_to_get not in need.problem:
                _out.print(f"It belongs into {need.folder}: {need.how_to_get}", soft_wrap=True)
