"""Published checkpoints as the user's own models: verified tensors as safetensors, and a card."""

import datetime
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from occlusion_toolkit import __version__
from occlusion_toolkit.errors import CheckpointError, ModelCardError
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.checkpoints import read_state_dict, write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.architecture import PublishedArchitecture
from occlusion_toolkit.models.cards import Import, ModelCard, Weights, read_card, write_card
from occlusion_toolkit.models.networks import build_network, unread_tensors
from occlusion_toolkit.models.published_config import check_config
from occlusion_toolkit.models.recognise import (
    Misfits,
    NetworkTensors,
    find_misfits,
    network_tensors,
    renamed_for,
)
from occlusion_toolkit.models.registry import list_cards, model_sources

Kind = Literal["spin", "hmr-eft", "pare", "hmr2", "camerahmr"]
"""Families of published weights, named like the card of their first member."""

Published = Literal[
    "spin_hmr",
    "pare_hmr_hrnet_w32_conv",
    "pare_hrnet_w32_conv",
    "pare_r50",
    "pare_r50_upsample",
    "hmr2",
    "camerahmr",
]

NETWORKS: dict[Kind, tuple[Published, ...]] = {
    "spin": ("spin_hmr",),
    "hmr-eft": ("spin_hmr", "pare_hmr_hrnet_w32_conv"),
    "pare": ("pare_hrnet_w32_conv", "pare_r50", "pare_r50_upsample"),
    "hmr2": ("hmr2",),
    "camerahmr": ("camerahmr",),
}
"""Networks that weights of a family may be of."""


@dataclass(frozen=True)
class ImportedModel:
    """What an import wrote.

    Attributes:
        card: the new card.
        card_file: where it is.
        weights_file: where the weights are.
    """

    card: ModelCard
    card_file: Path
    weights_file: Path


def import_checkpoint(
    file: Path, kind: Kind, *, name: str | None = None, trusted: TrustedFiles | None = None
) -> ImportedModel:
    """Turn a published checkpoint into a model that `--model NAME` finds.

    The tensors of the network are written to `weights/NAME.safetensors` in the toolkit's home with unchanged
    values, then the card to `cards/NAME.yaml`. Nothing is written unless every tensor fits, and nothing that
    exists is replaced.

    Args:
        file: the checkpoint, in any layout of `network_tensors`.
        kind: the family it belongs to.
        name: of the new model; the family and the name of the file where None.
        trusted: files that may be opened although they ask for foreign code.

    Raises:
        CheckpointError: the file is missing, damaged, lacks a tensor of every network of the family, or lies
            beside a configuration of another variant.
        UnsafeFileError: the file asks for more than tensors.
        ModelCardError: the name is taken or is no name.
        ResultError: the home cannot be written.
    """
    if not file.is_file():
        published = read_card(shipped("models") / f"{kind}.yaml").weights
        raise CheckpointError(
            f"There is no file {file}. Weights of {kind} are not shipped (licence: {published.licence}). "
            f"{published.how_to_get}"
        )
    name = name or _default_name(file, kind)
    weights_file = toolkit_home() / "weights" / f"{name}.safetensors"
    card_file = toolkit_home() / "cards" / f"{name}.yaml"
    _refuse_clash(name, weights_file)
    trusted = trusted or TrustedFiles()
    sha256 = sha256_file(file)
    contents = read_state_dict(file, trusted=trusted)
    found = network_tensors(contents, file)
    check_config(file, contents, kind)
    network, tensors = _fitting_network(found, kind, file)
    record = Import(
        file=file.name,
        sha256=sha256,
        layout=found.layout,
        tensors=len(tensors),
        dropped=found.dropped,
        trusted=bool(trusted.opened),
        toolkit_version=__version__,
        date=datetime.datetime.now(datetime.UTC).date(),
    )
    make_folder(weights_file.parent)
    make_folder(card_file.parent)
    write_state_dict(weights_file, tensors, {"imported_from_sha256": sha256, "network": network})
    try:
        card = _card(name, kind, network, record, sha256_file(weights_file))
        write_card(card, card_file)
    except BaseException:  # also Ctrl-C: weights without a card would only be in the way
        weights_file.unlink(missing_ok=True)
        raise
    return ImportedModel(card, card_file, weights_file)


def _default_name(file: Path, kind: Kind) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")
    return words if words.startswith(kind) else f"{kind}-{words}".rstrip("-")


def _refuse_clash(name: str, weights_file: Path) -> None:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) is None:
        raise ModelCardError(f"{name!r} is no name of a model; use a-z, 0-9 and hyphens.")
    taken = name if name in model_sources() else weights_file if weights_file.exists() else None
    if taken is not None:
        raise ModelCardError(
            f"There is already a model {taken}. Choose another name with --name, or remove it."
        )


def _fitting_network(found: NetworkTensors, kind: Kind, file: Path) -> tuple[Published, dict[str, Tensor]]:
    """The network of a family that the tensors are those of, and the tensors under its names.

    Raises:
        CheckpointError: they are of none.
    """
    tried: dict[Published, Misfits] = {}
    for network in NETWORKS[kind]:
        tensors, misfits = _compared(found, network)
        if not misfits:
            return network, tensors
        tried[network] = misfits
    closest = min(tried, key=lambda network: tried[network].count)
    others = [other for other in get_args(Kind) if other != kind and _fits_any(found, other)]
    hint = f" They are those of --as {' or '.join(others)}." if others else ""
    raise CheckpointError(
        f"{file} ({found.layout}) does not hold the weights of {kind}. Against the closest network, "
        f"{closest}: {tried[closest]}.{hint}"
    )


def _fits_any(found: NetworkTensors, kind: Kind) -> bool:
    return any(not _compared(found, network)[1] for network in NETWORKS[kind])


def _compared(found: NetworkTensors, network: Published) -> tuple[dict[str, Tensor], Misfits]:
    with torch.device("meta"):
        empty = build_network(network)
    tensors = renamed_for(empty, found.tensors)
    return tensors, find_misfits(empty, tensors, optional=unread_tensors(empty))


def _card(name: str, kind: Kind, network: Published, record: Import, sha256: str) -> ModelCard:
    """The card of imported weights; a file that a shipped card names is described as there."""
    family = read_card(shipped("models") / f"{kind}.yaml")
    known = [card for card in list_cards() if card.name.startswith(kind) and card.weights.file == record.file]
    if known:
        described = known[0]
        title, description = described.title, described.description
        licence, source = described.weights.licence, described.weights.source
    else:
        described = family.model_copy(update={"errors": ()})
        title = f"{kind} weights from {record.file}"
        description = f"Weights of the user's; no published file of {kind} is called {record.file}."
        licence = f"unknown to the toolkit (published weights of {kind}: {family.weights.licence})"
        source = record.file
    # Only EFT's own trainer, which uses SPIN's names, has the other camera; the HMR-EFT of PARE's has PARE's.
    from_eft = kind == "hmr-eft" and network == "spin_hmr" and record.layout.endswith("SPIN's names")
    return ModelCard(
        name=name,
        title=title,
        description=description,
        body=family.body,
        preprocessing=family.preprocessing,
        errors=described.errors,
        limitations=described.limitations,
        network=PublishedArchitecture(kind="published", name=network),
        weights=Weights(
            file=f"{name}.safetensors",
            sha256=sha256,
            shipped=False,
            licence=licence,
            source=source,
            how_to_get=f"Import {record.file} again: `occlusion-toolkit models import FILE --as {kind}`.",
        ),
        camera="scale-then-shift" if from_eft else "shift-then-scale",
        imported=record,
    )
