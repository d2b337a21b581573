from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from training_fixtures import link_people, recipe_content

from occlusion_toolkit.cli.train import train


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe_content(steps=3, validate_every=3)))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return link_people(tmp_path / "people")


def test_run_stops_goes_on_and_ends_with_a_card(recipe: Path, data: Path, tmp_path: Path) -> None:
    line = [str(recipe), "--data", str(data), "--out", str(tmp_path / "run"), "--workers", "0"]
    stopped = CliRunner().invoke(train, [*line, "--max-time", "0"], catch_exceptions=False)
    assert "6 people of synthetic" in stopped.output  # four of the ten are held out
    assert "Stopped at step 1 of 3" in stopped.output
    refused = CliRunner().invoke(train, line)
    assert "--resume" in str(refused.exception)
    finished = CliRunner().invoke(train, [*line, "--resume"], catch_exceptions=False)
    assert "step 3 of 3" in finished.output
    assert "samples/s" in finished.output
    assert "tiny-best.yaml" in finished.output
    assert (tmp_path / "run" / "tiny-best.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "elsewhere"], "no folder 'elsewhere'"),
        (["--data", "h36m=."], "no data set 'h36m'; it has synthetic"),
        (["--data", ".", "--data", "synthetic=."], "two folders"),
        (["--devices", "0"], "devices"),
    ],
)
def test_wrong_words_are_usage_errors(recipe: Path, words: list[str], message: str) -> None:
    refused = CliRunner().invoke(train, [str(recipe), "--out", "x", *words])
    assert refused.exit_code == 2
    assert message in refused.output


@pytest.mark.slow
def test_rendered_and_published_sets_are_mixed(data: Path, tmp_path: Path) -> None:
    """The people once as cached crops, once as 3DPW's layout is read, with part labels rendered."""
    stages = [{"shares": {"synthetic": 1.0}, "steps": 1}, {"shares": {"synthetic": 0.2, "3dpw-train": 0.8}}]
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(recipe_content(data=stages)))
    line = [str(path), "--data", str(data), "--data", f"3dpw-train={data}", "--out", str(tmp_path / "run")]
    mixed = CliRunner().invoke(train, [*line, "--fast-dev-run", "--workers", "0"], catch_exceptions=False)
    assert "6 people of synthetic, 10 people of 3dpw-train" in mixed.output
    assert "step 2 of 2" in mixed.output
    assert any((tmp_path / "run" / "cache" / "3dpw-train").rglob("*.npy"))
