"""`run`: lines are shown before they run, all are checked before the first, and a failure names its step."""

import pytest
import yaml
from support.figure_fixtures import draw_coarsely, fake_attention
from support.screens import rows_on_a_screen

from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep


def write_recipe(folder, *steps) -> str:
    """A recipe that draws or fails; its path."""
    content = {"title": "t", "paper": "p", "worlds": {"open": {}, "official": {}}, "steps": list(steps)}
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    return str(folder / "mine.yaml")


@pytest.fixture
def draw(tmp_path):
    """A step that draws a figure from a result that is there."""
    fake_attention().save(tmp_path / "attention.h5")
    return {
        "command": "figure",
        "arguments": ["attention", str(tmp_path)],
        "options": {"out": "{out}/drawn"},
    }


def test_steps_are_shown_and_run(draw, tmp_path, cli):
    code, out, _ = cli("run", write_recipe(tmp_path, draw), "--out", tmp_path / "out")
    assert code == 0
    assert "[1/1] occlusion-toolkit figure attention" in out
    assert (tmp_path / "out" / "drawn" / "attention.png").is_file()


def test_a_dry_run_shows_the_lines_and_runs_nothing(draw, tmp_path, cli):
    code, out, _ = cli("run", write_recipe(tmp_path, draw), "--out", tmp_path / "out", "--dry-run")
    assert code == 0
    assert "occlusion-toolkit figure attention" in out
    assert not (tmp_path / "out").exists()


def test_the_first_failure_ends_the_run_and_names_its_step(draw, tmp_path, cli):
    missing = {"command": "figure", "arguments": ["bars", "nowhere"]}
    said = cli("run", write_recipe(tmp_path, missing, draw), "--out", tmp_path / "out")
    assert said.code == 1
    assert "step 1 of 2 (figure) failed: 'nowhere'" in said.err
    assert "[2/2]" not in said.out
    assert not (tmp_path / "out").exists()


def test_options_that_do_not_go_together_name_the_step_too(tmp_path, cli):
    step = {"command": "compare", "arguments": ["a", "b"], "options": {"size": "20,40"}}
    code, _, err = cli("run", write_recipe(tmp_path, step))
    assert code == 1
    assert "step 1 of 1 (compare) failed" in err


def test_a_mistake_in_the_last_line_is_found_before_the_first_runs(draw, tmp_path, cli):
    wrong = {"command": "mesh", "options": {"strid": 8}}
    code, _, err = cli("run", write_recipe(tmp_path, draw, wrong), "--out", tmp_path / "out")
    assert code == 1
    assert "--strid" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        ([], 2, "run --list"),
        (["figur1"], 1, "Did you mean figure1?"),
        (["nowhere.yaml"], 1, "nowhere.yaml"),
        (["figure1", "--world", "ideal"], 2, "official"),
        (["figure1", "--set", "stride"], 2, "NAME=VALUE"),
        (["figure1", "--set", "strid=8", "--dry-run"], 1, "stride"),
        (["figure1", "--set", "stride=wide", "--dry-run"], 1, "wide"),
        (["figure1", "--set", "image=nosuch.jpg", "--dry-run"], 1, "there is no file 'nosuch.jpg'"),
    ],
)
def test_wrong_words_are_refused(words, code, hint, cli):
    found, _, err = cli("run", *words)
    assert found == code
    assert hint in " ".join(err.split())


def test_a_limit_that_nothing_takes_is_said_to_be_unused(cli):
    code, out, err = cli("run", "figure7", "--limit", 3, "--dry-run")
    assert code == 0
    assert "--limit" not in out
    assert "--limit is not used" in err


def test_the_official_world_says_what_is_missing(tmp_path, monkeypatch, cli):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    code, _, err = cli("run", "table1", "--world", "official", "--out", tmp_path / "out")
    assert code == 1
    assert "step 1 of 1 (evaluate) failed" in err
    assert "model_checkpoint.pt" in err


def test_recipes_are_listed(cli):
    code, out, _ = cli("run", "--list")
    assert code == 0
    assert "Figure 7" in out


@pytest.mark.slow
def test_a_recipe_runs_in_the_open_world(tmp_path, monkeypatch, cli):
    draw_coarsely(monkeypatch)
    assert cli("run", "figure3", "--limit", 2, "--set", "stride=112", "--out", tmp_path).code == 0
    for name in ("surveys/hmr-open/mesh.h5", "figure3/mesh.png", "figure3/mesh_mean.pdf"):
        assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    "words", [("run", "--list"), ("figure",), ("models", "list"), ("models", "show", "pare-open")]
)
def test_lists_fit_a_screen(words, cli):
    assert rows_on_a_screen(cli(*words).out) <= 24


@pytest.mark.slow
def test_a_sweep_that_another_recipe_made_is_used_again(tmp_path, cli, monkeypatch):
    draw_coarsely(monkeypatch)
    words = ("run", "figure2", "--set", "stride=112", "--out", tmp_path)
    assert cli(*words).code == 0
    monkeypatch.setattr(OcclusionSweep, "__call__", lambda *_, **__: pytest.fail("it sweeps again"))
    assert cli(*words).code == 0


def test_a_dry_run_looks_for_the_images(tmp_path, cli):
    refused = cli("run", "figure1", "--dry-run", "--set", "image=nosuch.jpg", "--out", tmp_path)
    assert refused.code == 1
    assert "there is no file 'nosuch.jpg'" in refused.err
