"""One look at each thing that users fetch themselves, with the readers that everything else uses."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from occlusion_toolkit.body.arrays import GENDERS, SMPL_TOPOLOGY
from occlusion_toolkit.body.body_check import CheckedFolder, check_smpl_folder
from occlusion_toolkit.body.smpl_files import (
    EXTRA_REGRESSOR,
    H36M_REGRESSOR,
    HOW_TO_GET_BODIES,
    HOW_TO_GET_REGRESSORS,
)
from occlusion_toolkit.data.catalogue import HOW_TO_GET, is_occluded, open_dataset
from occlusion_toolkit.errors import BodyModelError, OcclusionToolkitError, TrainingError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.cards import ModelCard, find_weights
from occlusion_toolkit.models.registry import list_cards, load_regressor
from occlusion_toolkit.studies.needs import THREEDOH
from occlusion_toolkit.training.catalogue import TRAINING_SETS, default_folder, require_files, training_set
from occlusion_toolkit.training.recipe_files import load_recipe
from occlusion_toolkit.training.voc import HOW_TO_GET as HOW_TO_GET_VOC
from occlusion_toolkit.training.voc import VOC, default_voc_folder, voc_folder

State = Literal["ready", "missing", "broken"]


@dataclass(frozen=True)
class Item:
    """One thing that users fetch themselves.

    Attributes:
        name: what it is called in `needs` and on the command line.
        label: a name that is short and says what it is, where the name of a file is long and does not.
        kind: "body", "weights", "data set", "training data" or "occluding objects".
        place: where it was looked for.
        state: "ready"; "missing"; or "broken": it is there and cannot be used.
        found: what is there, in words.
        sha256: checksum of a file, or of the list of people of a data set; None where there is none.
        people: of a data set.
        occluded: people of a split of 3DPW that belong to 3DPW-OCC.
        problem: what is wrong; None where nothing is.
        how_to_get: addresses and licences.
        unlocks: what it is needed for: recipes of figures and tables, or of training.
    """

    name: str
    kind: str
    place: Path
    state: State
    found: str = ""
    sha256: str | None = None
    people: int | None = None
    occluded: int | None = None
    problem: str | None = None
    how_to_get: str = ""
    unlocks: tuple[str, ...] = ()
    label: str = ""


def body_items(folder: Path, trusted: TrustedFiles) -> Iterator[Item]:
    """SMPL's bodies and regressors."""
    try:
        checked = check_smpl_folder(folder, trusted)
    except BodyModelError:
        checked = CheckedFolder(folder, (), (), (), serves=False)
    for gender in GENDERS:
        name, own = f"SMPL {gender}", [body for body in checked.bodies if body.gender == gender and body.read]
        if not own:
            yield Item(name, "body", folder, "missing", how_to_get=HOW_TO_GET_BODIES)
        for body in own:
            yield Item(
                name,
                "body",
                folder / body.file,
                "ready" if body.problem is None else "broken",
                found=f"{body.file}, version {body.version}",
                sha256=body.sha256,
                problem=body.problem,
                how_to_get=HOW_TO_GET_BODIES,
            )
    for file in (H36M_REGRESSOR, EXTRA_REGRESSOR):
        regressors = [one for one in checked.regressors if one.file.lower() == file.lower()]
        if not regressors:
            yield Item(file, "body", folder, "missing", how_to_get=HOW_TO_GET_REGRESSORS)
        for one in regressors:
            yield Item(
                file,
                "body",
                folder / one.file,
                "ready" if one.problem is None else "broken",
                found=f"{one.joints} joints",
                sha256=one.sha256,
                problem=one.problem,
                how_to_get=HOW_TO_GET_REGRESSORS,
            )


def weight_items(trusted: TrustedFiles) -> Iterator[Item]:
    """The checkpoints that shipped cards name: every tensor is compared with its network."""
    cards: dict[str, list[ModelCard]] = defaultdict(list)
    for card in list_cards():
        if not card.weights.shipped:
            cards[card.weights.file].append(card)
    for file, own in cards.items():
        place = toolkit_home() / "weights" / file
        path = find_weights(file, shipped("models"))
        item = Item(
            file,
            "weights",
            place,
            "missing",
            f"of {' and '.join(card.name for card in own)}",
            how_to_get=own[0].weights.how_to_get or "",
            label=f"{min((card.name for card in own), key=len)}'s weights",
        )
        if path is None:
            yield item
            continue
        checksum, problem = sha256_file(path), None
        # Told with the item, so it need not be warned of where the card has none.
        known = own[0].weights.model_copy(update={"sha256": own[0].weights.sha256 or checksum})
        try:
            load_regressor(own[0].model_copy(update={"weights": known}), trusted=trusted)
        except OcclusionToolkitError as error:
            problem = str(error)
        state: State = "ready" if problem is None else "broken"
        yield replace(item, place=path, state=state, sha256=checksum, problem=problem)


def dataset_items(trusted: TrustedFiles) -> Iterator[Item]:
    """3DPW split by split, and 3DOH's test set: all ground truth is read, images are looked for."""
    root = toolkit_home() / "data"
    splits = [(f"3dpw {split}", "3dpw", split) for split in ("test", "validation", "train")]
    for name, dataset, split in [*splits, (THREEDOH, "3doh", "test")]:
        place = root / dataset / (f"sequenceFiles/{split}" if dataset == "3dpw" else f"{split}set")
        how = HOW_TO_GET[dataset]
        if not place.is_dir():
            yield Item(name, "data set", place, "missing", how_to_get=how)
            continue
        try:
            people = open_dataset(dataset, root / dataset, split, trusted=trusted)
        except OcclusionToolkitError as error:
            yield Item(name, "data set", place, "broken", problem=str(error), how_to_get=how)
            continue
        sequences = [sample.sequence for sample in people]
        yield Item(
            name,
            "data set",
            place,
            "ready",
            found=f"{len(people):,} people of {len(set(sequences))} sequences",
            sha256=people.fingerprint,
            people=len(people),
            occluded=sum(map(is_occluded, sequences)) if dataset == "3dpw" else None,
            how_to_get=how,
        )


def training_items() -> Iterator[Item]:
    """Training sets and the objects of Pascal VOC: looked for, not read."""
    users: dict[str, list[str]] = defaultdict(list)
    for path in sorted((shipped("models") / "recipes").glob("*.yaml")):
        try:
            recipe = load_recipe(path)
        except TrainingError:
            continue  # what others extend is no recipe by itself
        for name in recipe.train.data_sets if recipe.body == SMPL_TOPOLOGY else ():
            users[name].append(f"train {path.stem}")
    for name in TRAINING_SETS:
        if name == "synthetic":
            continue
        folder, files = default_folder(name), training_set(name)
        how, kind, unlocks = f"{files.contents}. {files.how_to_get}", "training data", tuple(users[name])
        try:
            listed = require_files(name, folder)
        except OcclusionToolkitError:
            yield Item(name, kind, folder, "missing", how_to_get=how, unlocks=unlocks)
        else:
            found = "sequences" if listed is None else listed.name
            checksum = None if listed is None else sha256_file(listed)
            yield Item(name, kind, folder, "ready", found, checksum, how_to_get=how, unlocks=unlocks)
    place, kind = default_voc_folder(), "occluding objects"
    folder_of_voc = voc_folder(place)
    if folder_of_voc is None:
        yield Item(VOC, kind, place, "missing", how_to_get=HOW_TO_GET_VOC, unlocks=("SynthOcc in training",))
    else:
        count = sum(1 for _ in (folder_of_voc / "SegmentationObject").glob("*.png"))
        yield Item(
            VOC,
            kind,
            folder_of_voc,
            "ready",
            f"{count:,} segmented images",
            how_to_get=HOW_TO_GET_VOC,
            unlocks=("SynthOcc in training",),
        )
