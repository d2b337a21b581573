"""A card of a tiny HMR with random weights: for tests of what is around a network and not of the network."""

from pathlib import Path

import torch

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.architecture import HMR2Architecture, HMRArchitecture
from occlusion_toolkit.models.cards import ModelCard, Training, Weights, write_card
from occlusion_toolkit.models.preprocessing import Preprocessing

_BACKBONE = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 4, "input_pooling": 4}


def write_tiny_card(folder: Path) -> Path:
    """Writes the card and its weights; returns the path of the card."""
    network = HMRArchitecture.model_validate({"kind": "hmr", "backbone": _BACKBONE, "hidden": 32})
    torch.manual_seed(0)
    weights = folder / "weights" / "tiny.safetensors"
    weights.parent.mkdir()
    write_state_dict(weights, network.build().state_dict(), {})
    stored = Weights(
        file=weights.name, sha256=sha256_file(weights), shipped=True, licence="CC0-1.0", source="test"
    )
    card = ModelCard(
        name="tiny",
        title="A tiny network",
        description="Random weights for tests.",
        network=network,
        weights=stored,
        body=OPEN_BODY_TOPOLOGY,
        training=Training(data="none", seed=0, steps=1, samples=1, hardware="none", hours=0.1),
    )
    write_card(card, folder / "tiny.yaml")
    return folder / "tiny.yaml"


OWN_CROPS = Preprocessing(
    resolution=32, box_margin=1.0, aspect=(3, 4), rows=(0, 31), columns=(8, 23), crop_rule="bilinear"
)
"""Crops of the tiny HMR2.0: like the published ones an eighth as large."""


def write_tiny_modern_card(folder: Path, kind: str = "hmr2") -> Path:
    """Writes the card of a tiny HMR2.0 or CameraHMR of the open body, and random weights.

    Returns:
        The path of the card.
    """
    torch.manual_seed(0)
    backbone = {"width": 16, "depth": 1, "heads": 2, "height_px": 32, "width_px": 16, "patch_px": 8}
    architecture = {
        "kind": kind,
        "backbone": backbone | {"padding_px": 1},
        "width": 12,
        "depth": 2,
        "heads": 2,
        "head_width": 4,
        "hidden": 8,
    }
    network = HMR2Architecture.model_validate(architecture)
    built = network.build()
    for part in (built.smpl_head.decpose, built.smpl_head.decshape):
        part.weight.data *= 30.0  # so that windows move joints by centimetres
    weights = folder / "weights" / f"tiny-{kind}.safetensors"
    weights.parent.mkdir(exist_ok=True)
    write_state_dict(weights, built.state_dict(), {})
    stored = Weights(
        file=weights.name, sha256=sha256_file(weights), shipped=True, licence="CC0-1.0", source="test"
    )
    card = ModelCard(
        name=f"tiny-{kind}",
        title="A tiny network with crops of its own",
        description="Random weights for tests.",
        network=network,
        weights=stored,
        body=OPEN_BODY_TOPOLOGY,
        preprocessing=OWN_CROPS.model_copy(update={"camera": "full"}) if kind == "camerahmr" else OWN_CROPS,
        training=Training(data="none", seed=0, steps=1, samples=1, hardware="none", hours=0.1),
    )
    write_card(card, folder / f"tiny-{kind}.yaml")
    return folder / f"tiny-{kind}.yaml"
