"""What users have put in place of the official world, what it unlocks, how long a first run takes here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.studies.examinations import (
    Item,
    body_items,
    dataset_items,
    training_items,
    weight_items,
)
from occlusion_toolkit.studies.needs import (
    TEST,
    TRAIN,
    VALIDATION,
    needs_of_recipes,
    official_lines,
    values_of,
)
from occlusion_toolkit.studies.pace import Estimate, estimate, rates
from occlusion_toolkit.studies.recipes import load_recipe, recipes
from occlusion_toolkit.sweep.network import chosen_device


@dataclass(frozen=True)
class Prospect:
    """One figure or table of the paper.

    Attributes:
        recipe: name, as `occlusion-toolkit run` takes it.
        paper: its name in the paper.
        missing: names of items that are not ready.
        estimate: what a first run takes on this machine.
    """

    recipe: str
    paper: str
    missing: tuple[str, ...]
    estimate: Estimate


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found.

    Attributes:
        home: the toolkit's folder.
        device: where the networks were timed.
        items: what users fetch.
        prospects: the recipes of the paper.
        seconds_per_pass: by model.
    """

    home: Path
    device: str
    items: tuple[Item, ...]
    prospects: tuple[Prospect, ...]
    seconds_per_pass: Mapping[str, float] = field(default_factory=dict)

    @property
    def broken(self) -> tuple[Item, ...]:
        """What is there and cannot be used."""
        return tuple(item for item in self.items if item.state == "broken")

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        content = asdict(self) | {"home": str(self.home)}
        for item in content["items"]:
            item["place"] = str(item["place"])
        for prospect in content["prospects"]:
            prospect["ready"] = not prospect["missing"]
        return content


def examine(
    *,
    smpl_dir: Path | None = None,
    trusted: TrustedFiles | None = None,
    device: torch.device | str = "auto",
) -> Diagnosis:
    """Looks at SMPL's files, checkpoints, 3DPW, 3DOH, training sets and Pascal VOC in their places.

    Bodies, checkpoints and the ground truth of data sets are read whole, by the readers that everything else
    uses; images are looked for, not opened. Training sets and Pascal VOC are only looked for
    (`occlusion-toolkit data check RECIPE` reads them).

    Args:
        smpl_dir: folder of SMPL's files; None for the one in the toolkit's home.
        trusted: files that may be opened although they ask for foreign code.
        device: where the networks are timed.
    """
    trusted, place = trusted or TrustedFiles(), chosen_device(device)
    found = [
        *body_items(Bodies(smpl_dir).smpl_dir, trusted),
        *weight_items(trusted),
        *dataset_items(trusted),
        *training_items(),
    ]
    needed = needs_of_recipes()
    items = tuple(
        replace(item, unlocks=(*(name for name in needed if item.name in needed[name]), *item.unlocks))
        for item in found
    )
    ready = {item.name for item in items if item.state == "ready"}
    people = {item.name: item.people for item in items if item.people is not None}
    if {TEST, VALIDATION, TRAIN} <= ready:
        people["3dpw-occ"] = sum(item.occluded or 0 for item in items)
    lines = {name: official_lines(path) for name, path in recipes().items()}
    models = {model for each in lines.values() for words in each for model in values_of(words, "--model")}
    pace = rates(sorted(models), place)
    prospects = tuple(
        Prospect(
            recipe=name,
            paper=load_recipe(path).paper,
            missing=tuple(sorted(needed[name] - ready)),
            estimate=estimate(lines[name], pace, people),
        )
        for name, path in recipes().items()
    )
    return Diagnosis(toolkit_home(), str(place), items, prospects, pace)
