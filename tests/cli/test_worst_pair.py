"""`worst-pair` from the command line, and what a user can get wrong."""

import json
from pathlib import Path

import pytest
from support.figure_fixtures import draw_coarsely
from support.screens import rows_on_a_screen

import occlusion_toolkit as ot

PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"
BOX = ("--bbox", 258, 107, 382, 707)
SMALL = ("--size", 57, "--stride", 112, "--beam", 1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


@pytest.mark.slow
def test_two_models_on_some_people_leave_numbers_tables_and_pictures(card, tmp_path, cli):
    other = card.with_name("other.yaml")
    other.write_text(card.read_text().replace("name: tiny", "name: other"))
    page = tmp_path / "page.html"
    words = ("--model", card, "--model", other, "--limit", 2, *SMALL, "--out", tmp_path)
    ran = cli("worst-pair", *words, "--report", page, "--verbose")
    assert ran.code == 0, ran.err
    written = {path.name for path in tmp_path.iterdir()}
    files = {"worst-pair.png", "worst-pair.pdf", "worst-pair.csv", "pairs.csv", "page.html"}
    assert written == files | {"tiny.h5", "other.h5", "people"}
    assert "worst pair of 40 px [mm]" in ran.out
    assert "tiny - other" in ran.out
    assert "two squares against one of the same area" in page.read_text()
    told = json.loads(cli("worst-pair", *words, "--json").out)
    stored = ot.WorstPair.open(tmp_path / "tiny.h5")
    assert told["models"]["tiny"] == json.loads(json.dumps(stored.summary()))
    assert told["pairs"][0]["worse_mm"]["mean"] == 0


def test_a_photograph_is_searched_too(card, tmp_path, cli):
    ran = cli("worst-pair", PHOTO, *BOX, "--model", card, *SMALL, "--out", tmp_path)
    assert ran.code == 0, ran.err
    assert "displacement from the clean prediction, mean over joints" in " ".join(ran.out.split())
    assert "mm under rows" in ran.out
    assert rows_on_a_screen(ran.out) <= 24


WRONG = {
    "an image and a data set": ((PHOTO, "--limit", 3), 2, "not both"),
    "two sizes": (("--size", "40,57"), 2, "one size here"),
    "no beam": (("--beam", 0), 2, "--beam"),
    "too small to be halved": (("--size", 1, "--limit", 1), 1, "cannot be halved"),
    "an increase without a truth": ((PHOTO, *BOX, "--metric", "increase"), 1, "needs ground truth"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(case, card, tmp_path, cli):
    words, code, says = WRONG[case]
    ran = cli("worst-pair", *words, "--model", card, "--out", tmp_path)
    assert ran.code == code
    assert says in " ".join(ran.err.split())
