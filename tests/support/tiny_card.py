"""A card of a tiny HMR with random weights: for tests of what is around a network and not of the network."""

from pathlib import Path

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.architecture import HMRArchitecture
from occlusion_toolkit.models.cards import ModelCard, Training, Weights, write_card

_BACKBONE = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 4, "input_pooling": 4}


def write_tiny_card(folder: Path) -> Path:
    """Writes the card and its weights; returns the path of the card."""
    network = HMRArchitecture.model_validate({"kind": "hmr", "backbone": _BACKBONE, "hidden": 32})
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
