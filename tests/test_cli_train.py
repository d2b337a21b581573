from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from drawn_people import draw_people

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.cli.train import train
from occlusion_toolkit.training import session
from occlusion_toolkit.training.crops_cache import CropsCache

TRUNK = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 8}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "name": "tiny",
                "networks": [{"kind": "hmr", "trunk": TRUNK, "hidden": 16}],
                "optimisation": {"batch_size": 4},
                "held_out": 2,
                "phases": [{"name": "only", "samples": 8, "resolution": 64, "learning_rate": 0.001}],
            }
        )
    )
    return path


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose cache is already filled; taking it in finds nothing new."""
    writer = CropsCache.create(tmp_path / "crops", 80)
    writer.append("all", draw_people(load_open_body(), 70))
    monkeypatch.setattr(session, "extend_cache", lambda cache, root, split, body: 0)
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_run_reports_finishes_and_knows_that_it_is_done(recipe: Path, data: Path, tmp_path: Path) -> None:
    line = [
        str(recipe),
        "--data",
        str(data),
        "--out",
        str(tmp_path / "run"),
        "--cache",
        str(tmp_path / "crops"),
    ]
    stopped = CliRunner().invoke(train, [*line, "--max-time", "0"])
    assert stopped.exit_code == 0, stopped.output
    assert "70 people in 1 sequences" in stopped.output
    assert "mean person: MPJPE" in stopped.output
    assert "Time is up" in stopped.output
    finished = CliRunner().invoke(train, line)
    assert "resumed at 0 of 8 crops" in finished.output
    assert "only 8/8 crops" in finished.output
    assert "hmr: MPJPE" in finished.output
    assert "The recipe is done" in finished.output
    again = CliRunner().invoke(train, line)
    assert "resumed at 8 of 8 crops" in again.output
    assert "The recipe is done" in again.output


def test_missing_options_are_usage_errors(recipe: Path) -> None:
    assert CliRunner().invoke(train, [str(recipe)]).exit_code == 2
    assert CliRunner().invoke(train, ["nothing.yaml", "--data", ".", "--out", "x"]).exit_code == 2
