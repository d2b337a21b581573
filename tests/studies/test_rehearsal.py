"""The official world from end to end on stand-ins: every recipe of the paper, one command each.

In CI tiny networks and pictures; whole (marker `full`) the published checkpoints' own networks and
sizes, with random weights. Numbers mean nothing here: what is tested is that nothing refuses files of the
published forms.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.few_resamples import few_resamples  # noqa: F401
from support.figure_fixtures import draw_coarsely
from support.official_tree import TINY, TINY_MODELS, WHOLE, write_official_tree

from occlusion_toolkit.body import bodies
from occlusion_toolkit.body.arrays import BodyArrays, Gender
from occlusion_toolkit.body.smpl_files import SmplFolder
from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.evaluation.log import open_errors
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.meshes import pictures as mesh_pictures
from occlusion_toolkit.plotting import style
from occlusion_toolkit.studies.recipes import load_recipe, recipes
from occlusion_toolkit.surveys.survey import Survey

PICTURES = {
    "figure1": ("figure1/heatmaps.png",),
    "figure2": ("figure2/heatmaps.png",),
    "figure3": ("figure3/mesh.png",),
    "figure5": ("figure5/meshes.png",),
    "figure6": ("figure6/bars.png", "figure6/curves.png", "comparison/models.tex"),
    "figure7": ("figure7/attention.png",),
    "figure8": ("figure8/predictions.png",),
    "table1": (),
    "table2": (),
}
VALUES = dict(zip(("baseline", "augmented", "pare"), TINY_MODELS, strict=True))


@pytest.fixture(scope="module")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official_tree(tmp_path_factory.mktemp("tiny") / "home", TINY, weights=False)


@pytest.fixture(scope="module")
def tiny_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all recipes: what one has swept is used again by the next."""
    return tmp_path_factory.mktemp("tiny-out")


@pytest.fixture(scope="module")
def read_once() -> Callable[..., BodyArrays]:
    """The reader of SMPL's files, which reads each file once for all commands."""
    read, known = bodies.read_smpl, {}

    def once(folder: SmplFolder, gender: Gender, trusted: TrustedFiles | None = None) -> BodyArrays:
        path = folder.body(gender)
        if path not in known:
            known[path] = read(folder, gender, trusted)
        return known[path]

    return once


def settings(recipe: str, values: dict[str, str]) -> list[str]:
    """`--set` for the values that a recipe has."""
    known = load_recipe(recipes()[recipe]).worlds["official"]
    chosen = {name: value for name, value in values.items() if name in known}
    return [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]


def test_every_recipe_is_rehearsed():
    assert set(PICTURES) == {name for name in recipes() if name.startswith(("figure", "table"))}


@pytest.mark.parametrize("recipe", PICTURES)
def test_every_figure_and_table_runs_on_stand_ins(cli, tiny_home, tiny_out, read_once, recipe, monkeypatch):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tiny_home))
    monkeypatch.setattr(bodies, "read_smpl", read_once)
    draw_coarsely(monkeypatch)
    monkeypatch.setattr(style, "DPI", 50)
    # The figure commands of the recipes draw; what the others draw besides is tested elsewhere.
    monkeypatch.setattr(mesh_pictures, "draw_all", lambda *_results, **_settings: [])
    monkeypatch.setattr(Comparison, "draw", lambda *_folder: [])
    values = VALUES | {"models": ",".join(TINY_MODELS), "stride": "112"}
    ran = cli(
        "run", recipe, "--world", "official", "--limit", 3, *settings(recipe, values), "--out", tiny_out
    )
    assert ran.code == 0, ran.err
    for picture in PICTURES[recipe]:
        assert (tiny_out / picture).stat().st_size > (300 if picture.endswith(".tex") else 1000)
    if recipe in ("figure3", "figure5", "figure6"):
        card = Survey.open(tiny_out / "surveys" / VALUES["baseline"]).card
        assert (card.body, card.gender_rule) == ("smpl", "neutral whatever the gender")
        assert (card.dataset, card.frame_filter, card.skipped) == ("3dpw", "spin", 0)
    if recipe.startswith("table"):
        cards = [json.loads(open_errors(path).attrs["protocol"]) for path in tiny_out.glob("evaluation/*.h5")]
        datasets = {"3dpw"} if recipe == "table1" else {"3dpw-occ", "3doh"}
        assert datasets <= {card["dataset"] for card in cards}


def test_models_of_papers_with_other_rules_are_refused_before_anything_is_swept(
    cli, tiny_home, tmp_path, read_once, monkeypatch
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tiny_home))
    monkeypatch.setattr(bodies, "read_smpl", read_once)
    words = ("compare", "--dataset", "3dpw", "--model", VALUES["baseline"], "--model", VALUES["pare"])
    ran = cli(*words, "--limit", 6, "--stride", 112, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "gender_rule: male or female as the data set says and neutral whatever the gender" in ran.err
    assert "--gt-gender neutral is the rule of PARE's script" in ran.err
    assert not list(tmp_path.rglob("*.h5"))


def test_the_stand_ins_are_what_the_published_sets_are(tiny_home):
    people = open_dataset("3dpw", tiny_home / "data" / "3dpw")
    assert len({sample.sequence for sample in people}) == 24
    assert {sample.gender for sample in people} == {"male", "female"}
    assert len(open_dataset("3dpw-occ", tiny_home / "data" / "3dpw")) > 17
    assert len(open_dataset("3doh", tiny_home / "data" / "3doh")) == 4


@pytest.fixture(scope="module")
def whole_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official_tree(tmp_path_factory.mktemp("whole") / "home", WHOLE)


@pytest.fixture(scope="module")
def whole_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole-out")


@pytest.mark.full
@pytest.mark.parametrize("recipe", PICTURES)
def test_every_figure_and_table_runs_with_the_published_networks(
    cli, whole_home, whole_out, recipe, monkeypatch
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(whole_home))
    stride = settings(recipe, {"stride": "112"})
    ran = cli("run", recipe, "--world", "official", "--limit", 6, *stride, "--out", whole_out)
    assert ran.code == 0, ran.err
    for picture in PICTURES[recipe]:
        assert (whole_out / picture).stat().st_size > 1000


@pytest.mark.full
def test_the_doctor_finds_the_whole_tree_in_order(cli, whole_home, monkeypatch):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(whole_home))
    ran = cli("doctor", "--json")
    assert ran.code == 0
    found = json.loads(ran.out)
    needed = [item for item in found["items"] if set(item["unlocks"]) & set(PICTURES)]
    assert {item["kind"] for item in needed} == {"body", "weights", "data set"}
    assert {item["state"] for item in needed} == {"ready"}
    assert all(prospect["ready"] for prospect in found["prospects"])
    taken = {prospect["recipe"]: prospect["estimate"]["seconds"] for prospect in found["prospects"]}
    assert all(taken[recipe] > 0 for recipe in PICTURES)
