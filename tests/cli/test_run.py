"""`run`: lines are shown before they run, all are checked before the first, and a failure names its step."""

import pytest
import yaml
from occlusion_toolkit.attention_maps.result import write_attention
from support.figure_fixtures import draw_coarsely, fake_attention

from occlusion_toolkit.cli.main import main


def run(*words: str) -> int:
    """Exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        main(["run", *words])
    return int(ended.value.code or 0)


def write_recipe(folder, *steps) -> str:
    """A recipe that draws or fails; its path."""
    content = {"title": "t", "paper": "p", "worlds": {"open": {}, "official": {}}, "steps": list(steps)}
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    return str(folder / "mine.yaml")


@pytest.fixture
def draw(tmp_path):
    """A step that draws a figure from a result that is there."""
    write_attention(tmp_path / "attention.h5", fake_attention())
    return {
        "command": "figure",
        "arguments": ["attention", str(tmp_path)],
        "options": {"out": "{out}/drawn"},
    }


def test_steps_are_shown_and_run(draw, tmp_path, capsys):
    assert run(write_recipe(tmp_path, draw), "--out", str(tmp_path / "out")) == 0
    assert "[1/1] occlusion-toolkit figure attention" in capsys.readouterr().out
    assert (tmp_path / "out" / "drawn" / "attention.png").is_file()


def test_a_dry_run_shows_the_lines_and_runs_nothing(draw, tmp_path, capsys):
    assert run(write_recipe(tmp_path, draw), "--out", str(tmp_path / "out"), "--dry-run") == 0
    assert "occlusion-toolkit figure attention" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_first_failure_ends_the_run_and_names_its_step(draw, tmp_path, capsys):
    missing = {"command": "figure", "arguments": ["bars", "nowhere"]}
    assert run(write_recipe(tmp_path, missing, draw), "--out", str(tmp_path / "out")) == 1
    said = capsys.readouterr()
    assert "step 1 of 2 (figure) failed: 'nowhere'" in said.err
    assert "[2/2]" not in said.out
    assert not (tmp_path / "out").exists()


def test_options_that_do_not_go_together_name_the_step_too(tmp_path, capsys):
    step = {"command": "compare", "arguments": ["a", "b"], "options": {"size": "20,40"}}
    assert run(write_recipe(tmp_path, step)) == 1
    assert "step 1 of 1 (compare) failed" in capsys.readouterr().err


def test_a_mistake_in_the_last_line_is_found_before_the_first_runs(draw, tmp_path, capsys):
    wrong = {"command": "mesh", "options": {"strid": 8}}
    assert run(write_recipe(tmp_path, draw, wrong), "--out", str(tmp_path / "out")) == 1
    assert "--strid" in capsys.readouterr().err
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
    ],
)
def test_wrong_words_are_refused(words, code, hint, capsys):
    assert run(*words) == code
    assert hint in " ".join(capsys.readouterr().err.split())


def test_the_official_world_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    assert run("table1", "--world", "official", "--out", str(tmp_path / "out")) == 1
    assert "step 1 of 1 (evaluate) failed" in (said := capsys.readouterr().err)
    assert "model_checkpoint.pt" in said


def test_recipes_are_listed(capsys):
    assert run("--list") == 0
    assert "Figure 7" in capsys.readouterr().out


@pytest.mark.slow
def test_a_recipe_runs_in_the_open_world(tmp_path, monkeypatch):
    draw_coarsely(monkeypatch)
    assert run("figure3", "--limit", "2", "--set", "stride=112", "--out", str(tmp_path)) == 0
    for name in ("surveys/hmr-open/mesh.h5", "figure3/mesh.png", "figure3/mesh_mean.pdf"):
        assert (tmp_path / name).is_file()
