"""The parity kit of the published networks: manifests, and the weights that they describe."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

GOLDEN = Path(__file__).parents[1] / "golden" / "networks"


def read_manifest(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{name}.manifest.json").read_text())


def fill(key: str, entry: dict[str, Any], seed: int, stored: Any) -> torch.Tensor:
    """One tensor of the made-up weights, as the manifest describes it."""
    rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
    shape = entry["shape"]
    if entry["fill"] == "normal":
        values = rng.standard_normal(shape, dtype=np.float32) * np.float32(entry["std"])
    elif entry["fill"] == "uniform":
        width = np.float32(entry["high"] - entry["low"])
        values = rng.random(shape, dtype=np.float32) * width + np.float32(entry["low"])
    elif entry["fill"] == "constant":
        values = np.zeros(shape, dtype=np.int64)
    else:
        values = stored[key]
    return torch.as_tensor(values)


def made_up_weights(name: str) -> dict[str, torch.Tensor]:
    manifest = read_manifest(name)
    with np.load(GOLDEN / f"{name}.stored.npz") as stored:
        return {key: fill(key, entry, manifest["seed"], stored) for key, entry in manifest["state"].items()}
