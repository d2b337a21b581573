"""Model cards: what a regressor is, where its weights are, and what is known about its errors."""

import datetime
import logging
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    Field,
    JsonValue,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from occlusion_toolkit.errors import CheckpointError, ModelCardError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.home import HOME_VARIABLE, toolkit_home
from occlusion_toolkit.files.texts import read_yaml
from occlusion_toolkit.models.architecture import Architecture, Section
from occlusion_toolkit.models.preprocessing import Preprocessing

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[\w.=-]+\.(safetensors|ckpt|pt|pth)$")]


class Weights(Section):
    """The file that holds the tensors.

    Attributes:
        file: its name, without folders.
        sha256: its checksum; None where none is known.
        shipped: whether the toolkit carries it.
        licence: what its publisher allows.
        source: where it comes from.
        how_to_get: what a user does to have it; needed where it is not shipped.
    """

    file: FileName
    sha256: Sha256 | None = None
    shipped: bool
    licence: Text
    source: Text
    how_to_get: Text | None = None

    @model_validator(mode="after")
    def _can_be_had_and_checked(self) -> "Weights":
        if self.shipped and self.sha256 is None:
            raise ValueError("shipped weights need a sha256")
        if not self.shipped and self.how_to_get is None:
            raise ValueError("weights that are not shipped need how_to_get")
        return self


class Training(Section):
    """How the weights were made.

    Attributes:
        data: the training images.
        data_seed: seed of the image generator; None for images that nobody generated.
        seed: seed of initialisation, order and augmentation.
        steps: optimiser steps.
        samples: images seen, counting repetitions.
        occlusion_augmentation: what was pasted onto the images, or None.
        part_supervision_steps: steps during which PARE's attention was taught with part labels.
        hardware: what it ran on.
        hours: wall-clock time.
        started_from: weights that training began with, and their licence; None for random ones.
    """

    data: Text
    data_seed: int | None = None
    seed: int
    steps: PositiveInt
    samples: PositiveInt
    occlusion_augmentation: Text | None = None
    part_supervision_steps: int | None = Field(default=None, ge=0)
    hardware: Text
    hours: PositiveFloat
    started_from: Text | None = None


class ErrorFigure(Section):
    """One error in millimetres, with everything needed to know which error it is.

    Attributes:
        dataset: images it was taken on, with the split.
        condition: "clean", or what was occluded and how.
        metric: as in `occlusion_toolkit.sweep.metrics`.
        joints: joint set, such as "lsp14"; None for errors over vertices.
        value_mm: the mean over people, mm.
        origin: "measured" with this toolkit, or "published" by someone.
        reference: the command that measures it, or the publication.
        gender_rule: body of the ground truth, "gendered" or "neutral"; None where nobody says, and where
            there is one body for all.
        frames: which frames of 3DPW, "spin" or "vibe", or others in words; None where nobody says.
        crop_rule: how crops were made (`Preprocessing`); None where nobody says.
    """

    dataset: Text
    condition: Text = "clean"
    metric: Literal["MPJPE", "PA-MPJPE", "PVE"]
    joints: Text | None = None
    value_mm: PositiveFloat
    origin: Literal["measured", "published"]
    reference: Text
    gender_rule: Literal["gendered", "neutral"] | None = None
    frames: Text | None = None
    crop_rule: Literal["antialias", "imresize"] | None = None

    @property
    def protocol(self) -> str:
        """How it was measured, as far as that is known, in words."""
        rules = {
            "ground truth": self.gender_rule,
            "frames": self.frames,
            "crops": self.crop_rule,
        }
        known = [f"{name} {rule or 'not stated'}" for name, rule in rules.items()]
        return ", ".join([*([self.joints] if self.joints else []), *known])


class Import(Section):
    """Where imported weights came from (`occlusion-toolkit models import`).

    Attributes:
        file: name of the file that was read.
        sha256: its checksum.
        layout: how it holds the tensors.
        tensors: how many belong to the network.
        dropped: names of those beside the network, such as the body model in a Lightning checkpoint.
        trusted: whether it was opened by its checksum (`--trust-file`) although it asks for foreign code.
        toolkit_version: version that imported it.
        date: day of the import, UTC.
    """

    file: Text
    sha256: Sha256
    layout: Text
    tensors: PositiveInt
    dropped: tuple[Text, ...] = ()
    trusted: bool = False
    toolkit_version: Text
    date: datetime.date


class RegressorCard(Section):
    """What every regressor says about itself.

    Attributes:
        name: what `--model` takes; for a card in a file also the name of the file.
        title: one line for people.
        description: what it is and what to use it for.
        body: topology id of the body model whose betas it predicts; "joints" where it gives joints alone.
        preprocessing: how its crops are made; SPIN's way unless it says otherwise.
        errors: what is known about its accuracy.
        limitations: what not to expect of it.
    """

    name: Slug
    title: Text
    description: Text
    body: Text
    preprocessing: Preprocessing = Preprocessing()
    errors: tuple[ErrorFigure, ...] = ()
    limitations: Text | None = None


class PluginCard(RegressorCard):
    """A regressor of another installed package.

    Attributes:
        licence: what its publisher allows.
        origin: the package, its version and the object in it.
    """

    licence: Text
    origin: Text


class ModelCard(RegressorCard):
    """A network of this toolkit with weights: the schema of a card in a file.

    Attributes:
        network: architecture that the weights fit.
        weights: the file of weights.
        camera: what (s, tx, ty) means: "shift-then-scale" x = s (X + t), as in SPIN and PARE, or
            "scale-then-shift" x = s X + t, as in EFT; always delivered in the first form.
        training: how the weights were made; None for weights of others.
        train: recipe that `occlusion-toolkit train` makes such weights with, checked there
            (`training.recipe.Train`); None for cards that are no recipes.
        imported: the file that the weights were imported from, where they were.
    """

    network: Architecture
    weights: Weights
    camera: Literal["shift-then-scale", "scale-then-shift"] = "shift-then-scale"
    training: Training | None = None
    train: dict[str, JsonValue] | None = None
    imported: Import | None = None

    @model_validator(mode="after")
    def _shipped_weights_have_a_record(self) -> "ModelCard":
        if self.weights.shipped and self.training is None and self.imported is None:
            raise ValueError("a card with shipped weights needs a training section, or one of their import")
        return self


def read_card(path: Path) -> ModelCard:
    """The card in a YAML file.

    Raises:
        ModelCardError: the file is missing, is not YAML, or breaks the schema; the message lists every
            wrong entry.
    """
    try:
        contents = read_yaml(path)
    except OSError as error:
        raise ModelCardError(f"The model card {path} cannot be read ({error}).") from error
    except ValueError as error:
        raise ModelCardError(f"The model card {path} is not YAML: {error}.") from error
    try:
        return ModelCard.model_validate(contents)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(key) for key in problem['loc']) or 'card'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ModelCardError(f"The model card {path} is not valid: {problems}.") from error


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as YAML, with its entries in the order of the schema and without empty ones.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    contents = card.model_dump(mode="json", exclude_none=True)
    write_text(path, yaml.safe_dump(contents, sort_keys=False, allow_unicode=True, width=100))


logger = logging.getLogger(__name__)


def find_weights(file: str, cards: Path) -> Path | None:
    """The file of a name in `weights/` of a folder of cards or of the toolkit's home; None without it."""
    places = (folder / "weights" / file for folder in (cards, toolkit_home()))
    return next((path for path in places if path.is_file()), None)


def verified_weights(card: ModelCard, cards: Path) -> tuple[Path, str]:
    """The file of a card's weights and its checksum, equal to the card's where that states one.

    Args:
        card: the card.
        cards: folder of the card; its `weights/` is looked into before the one of the toolkit's home.

    Raises:
        CheckpointError: it is not there; the message says where to get it, under which licence, and where
            to put it.
        ModelCardError: it is another file than the card describes.
    """
    weights, path = card.weights, find_weights(card.weights.file, cards)
    if path is None and weights.shipped:
        raise CheckpointError(
            f"The weights {weights.file} of {card.name} are missing beside its card; "
            "install the toolkit again, or clone it with all its files."
        )
    if path is None:
        raise CheckpointError(
            f"The weights of {card.name} are not on this machine. Licence: {weights.licence}. "
            f"{weights.how_to_get} Then put it, as it is, at {toolkit_home() / 'weights' / weights.file} "
            f"(the folder {toolkit_home()} can be another: set {HOME_VARIABLE})."
        )
    found = sha256_file(path)
    if weights.sha256 is None:
        logger.warning("No checksum of %s is known; the sha256 of this file is %s.", weights.file, found)
    elif found != weights.sha256:
        raise ModelCardError(
            f"{path} is not the file that the card of {card.name} describes: sha256 {found} "
            f"instead of {weights.sha256}. Fetch it again, or correct the card if you replaced it."
        )
    return path, found
