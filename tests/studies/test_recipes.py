"""Recipes: every shipped one is a list of lines that the command line accepts, in both worlds."""

import itertools
from pathlib import Path

import pytest
import yaml

from occlusion_toolkit.cli.main import cli
from occlusion_toolkit.cli.run import check_words, limited
from occlusion_toolkit.errors import RunError, UsageError
from occlusion_toolkit.models.registry import load_card
from occlusion_toolkit.studies.recipes import Recipe, find_recipe, load_recipe, recipes

PAGE = Path(__file__).parents[2] / "docs" / "paper.md"
OPEN_MODELS = {"hmr-open", "hmr-synthocc-open", "pare-open"}


def recipe(**changes) -> Recipe:
    """A recipe of one step."""
    content = {
        "title": "A test",
        "paper": "none",
        "worlds": {"open": {"models": ["a", "b"], "flag": True}, "official": {"models": "c", "flag": False}},
        "steps": [{"command": "compare", "options": {"model": "{models}", "pa": "{flag}", "out": "{out}/x"}}],
    }
    return Recipe.model_validate(content | changes)


@pytest.mark.parametrize("world", ["open", "official"])
@pytest.mark.parametrize("name", recipes())
def test_every_line_of_every_recipe_is_accepted_by_its_command(name, world):
    lines = load_recipe(find_recipe(name)).command_lines(world, Path("out"))
    for words in lines:
        check_words(cli, limited(cli, words, 2))
        assert not any("{" in word for word in words)


@pytest.mark.parametrize("world", ["open", "official"])
@pytest.mark.parametrize("name", recipes())
def test_every_model_of_every_recipe_has_a_card(name, world):
    lines = load_recipe(find_recipe(name)).command_lines(world, Path("out"))
    models = {word for words in lines for before, word in itertools.pairwise(words) if before == "--model"}
    assert models
    for model in models:
        assert load_card(model).name == model
        if model != "blazepose":  # comes with the toolkit and is of both worlds
            assert (model in OPEN_MODELS) == (world == "open")


def test_every_figure_and_table_that_needs_only_trained_models_has_a_recipe():
    expected = {f"Figure {number}" for number in (1, 2, 3, 5, 6, 7, 8)} | {"Table 1", "Table 2", "Section 3"}
    assert {load_recipe(path).paper for path in recipes().values()} == expected


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_is_on_the_page(name):
    assert f"run {name}" in PAGE.read_text(encoding="utf-8")


def test_several_values_repeat_an_option_and_flags_appear_or_not():
    assert recipe().command_lines("open", Path("out")) == [
        ["compare", "--model", "a", "--model", "b", "--pa", "--out", "out/x"]
    ]
    assert recipe().command_lines("official", Path("out")) == [["compare", "--model", "c", "--out", "out/x"]]


def test_several_values_are_several_arguments():
    changed = recipe(steps=[{"command": "compare", "arguments": ["{models}", 7]}])
    assert changed.command_lines("open", Path("out")) == [["compare", "a", "b", "7"]]


def test_a_step_of_one_world_is_left_out_in_the_other():
    changed = recipe(steps=[{"command": "mesh"}, {"command": "compare", "only": "official"}])
    assert [words[0] for words in changed.command_lines("open", Path())] == ["mesh"]
    assert [words[0] for words in changed.command_lines("official", Path())] == ["mesh", "compare"]


def test_what_the_user_sets_is_taken_as_it_is():
    (words,) = recipe().command_lines("open", Path("out"), {"models": "{out},d"})
    assert words[1:5] == ["--model", "{out}", "--model", "d"]
    with pytest.raises(UsageError, match="models, flag"):
        recipe().command_lines("open", Path("out"), {"stride": "8"})


def test_the_users_data_folder_is_in_the_toolkits_home(monkeypatch, tmp_path):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    changed = recipe(
        worlds={"open": {"image": "{data}/3dpw/a.jpg"}, "official": {"image": "b.jpg"}},
        steps=[{"command": "heatmap", "arguments": ["{image}"]}],
    )
    assert changed.command_lines("open", Path())[0][1] == str(tmp_path / "data/3dpw/a.jpg")


WRONG = {
    "a command that is none": {"steps": [{"command": "rm", "arguments": ["-rf"]}]},
    "a recipe in a recipe": {"steps": [{"command": "run", "arguments": ["figure1"]}]},
    "a value that is not there": {"steps": [{"command": "mesh", "options": {"model": "{modle}"}}]},
    "a value in a value": {"worlds": {"open": {"a": "{b}", "b": 1}, "official": {"a": 1, "b": 1}}},
    "a value with a taken name": {"worlds": {"open": {"out": "x"}, "official": {}}},
    "one world": {"worlds": {"open": {"models": "a", "flag": True}}},
    "no steps": {"steps": []},
    "another key": {"shell": "rm"},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_no_recipe_is_refused_in_one_line(case, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe().model_dump(mode="json") | WRONG[case]))
    with pytest.raises(UsageError, match=r"mine\.yaml") as caught:
        load_recipe(find_recipe(str(path)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["steps: [", "[1, 2]", ""])
def test_other_files_are_no_recipes(text, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"mine\.yaml"):
        load_recipe(tmp_path / "mine.yaml")
    with pytest.raises(UsageError, match="nowhere"):
        load_recipe(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("words", [["mesh", "--strid", "8"], ["figure", "barz"], ["heatmap"]])
def test_a_line_that_its_command_refuses_is_named(words):
    with pytest.raises(RunError, match=words[0]):
        check_words(cli, words)


def test_a_limit_goes_to_the_commands_that_take_one():
    assert limited(cli, ["mesh"], 3) == ["mesh", "--limit", "3"]
    assert limited(cli, ["heatmap", "x"], 3) == ["heatmap", "x"]
    assert limited(cli, ["mesh"], None) == ["mesh"]
