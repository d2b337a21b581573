"""PyTorch3D's rasteriser against ours, where PyTorch3D is or can be had."""

import importlib.util
import json
import os
import pickle
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import torch

from occlusion_toolkit.body.rasterize import rasterize_pytorch3d, rasterizer
from occlusion_toolkit.errors import RenderingError, UsageError

FOLDER_VARIABLE = "OCCLUSION_TOOLKIT_PYTORCH3D_ENV"
REPOSITORY = Path(__file__).parents[2]


def python_with_pytorch3d() -> Path:
    """A Python that has PyTorch3D: this one, or that of an environment which is made on request."""
    if importlib.util.find_spec("pytorch3d") is not None:
        return Path(sys.executable)
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        pytest.skip(
            "PyTorch3D is not installed and needs an environment of its own with a CUDA build of PyTorch, "
            f"5 GB; set {FOLDER_VARIABLE} to a folder where this test may make it"
        )
    python = Path(folder) / "bin" / "python"
    if not python.is_file():
        venv.create(folder, with_pip=True)
    requirement = f"{REPOSITORY}[pytorch3d]"
    install = [str(python), "-m", "pip", "install", "--quiet", "--editable", requirement]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"PyTorch3D cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return python


@pytest.mark.slow
def test_both_rasterisers_agree_on_the_owners_of_covered_pixels():
    program = REPOSITORY / "tests" / "support" / "pytorch3d_agreement.py"
    command = [str(python_with_pytorch3d()), str(program), "100"]
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'tests'}:{REPOSITORY}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["bodies"] == 100
    assert found["covered"] > 500_000
    assert found["same_owner"] >= 0.999
    assert found["depth_deviation_m"] < 1e-3


@pytest.mark.skipif(importlib.util.find_spec("pytorch3d") is not None, reason="PyTorch3D is installed")
def test_without_pytorch3d_the_error_says_how_to_get_it():
    with pytest.raises(RenderingError, match=r"occlusion-toolkit\[pytorch3d\]"):
        rasterize_pytorch3d(torch.zeros(1, 3, 3), torch.tensor([[0, 1, 2]]), 4, 4)
    with pytest.raises(RenderingError, match="choose the rasterizer builtin"):
        rasterizer("pytorch3d")


@pytest.mark.parametrize(
    ("name", "device", "installed", "chosen"),
    [
        ("auto", "cuda", True, "pytorch3d"),
        ("auto", "cpu", True, "builtin"),
        ("auto", "cuda", False, "builtin"),
        ("builtin", "cuda", True, "builtin"),
        ("pytorch3d", "cpu", True, "pytorch3d"),
    ],
)
def test_pytorch3d_is_taken_on_request_and_by_itself_on_a_gpu(monkeypatch, name, device, installed, chosen):
    module = "occlusion_toolkit.body.rasterize"
    monkeypatch.setattr(f"{module}.importlib.util.find_spec", lambda name: object() if installed else None)
    monkeypatch.setattr(f"{module}._load_pytorch3d", lambda: (None, None))
    assert rasterizer(name, device).name == chosen


def test_an_unknown_rasterizer_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="builtin, pytorch3d, auto"):
        rasterizer("opengl")


def test_a_rasterizer_survives_the_way_to_a_worker_process():
    assert pickle.loads(pickle.dumps(rasterizer("builtin"))) == rasterizer("builtin")
