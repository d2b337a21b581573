"""Two processes that average their gradients do what one process does that accumulates them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.training_fixtures import HMR, recipe_content

from occlusion_toolkit.training.checkpoints import CHECKPOINT
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.train import train


@pytest.mark.slow
def test_two_processes_learn_what_one_process_learns(rendered: Path, tmp_path: Path) -> None:
    # Dropout draws by device and part alike, but not the same numbers; without it only rounding differs.
    content = recipe_content(HMR | {"dropout": 0.0}, steps=3, validate_every=3, pictures_every=1000)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    same: dict[str, Any] = {"data": rendered, "cache": tmp_path / "cache", "device": "cpu", "workers": 0}
    train(Recipe.model_validate(content), out=tmp_path / "one", accumulate=2, **same)
    line = f"train recipe.yaml --data {rendered} --out two --cache cache --device cpu --workers 0 --devices 2"
    command = [sys.executable, "-m", "occlusion_toolkit", *line.split()]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300, env=environment)
    one, two = (
        torch.load(tmp_path / name / CHECKPOINT, weights_only=True)["current_model_state"]
        for name in ("one", "two")
    )
    for name, value in one.items():
        if "running" not in name and "num_batches" not in name:  # statistics of parts, not of the batch
            assert torch.allclose(value, two[name], atol=2e-5), name
