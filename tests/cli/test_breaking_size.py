"""`breaking-size` from the command line, and what a user can get wrong."""

import json
from pathlib import Path

import pytest
from support.figure_fixtures import draw_coarsely
from support.screens import rows_on_a_screen

import occlusion_toolkit as ot

PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"
BOX = ("--bbox", 258, 107, 382, 707)
SMALL = ("--size", "40:80:40", "--stride", 112)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


@pytest.mark.slow
def test_two_models_on_some_people_leave_numbers_tables_a_picture_and_the_sweeps(card, tmp_path, cli):
    other = card.with_name("other.yaml")
    other.write_text(card.read_text().replace("name: tiny", "name: other"))
    words = ("--model", card, "--model", other, "--limit", 2, *SMALL, "--out", tmp_path)
    ran = cli("breaking-size", *words, "--verbose")
    assert ran.code == 0, ran.err
    written = {path.name for path in tmp_path.iterdir()}
    files = {"breaking-size.png", "breaking-size.pdf", "breaking-size.csv", "pairs.csv"}
    assert written == files | {"tiny.h5", "other.h5", "surveys"}
    assert {path.name for path in (tmp_path / "surveys").iterdir()} == {
        f"{name}-{size}px" for name in ("tiny", "other") for size in (40, 80)
    }
    assert "broken above 30 mm" in " ".join(ran.out.split())
    assert "tiny - other" in ran.out
    refused = cli("breaking-size", *words, "--over-mm", 5)
    assert refused.code == 1
    assert "holds another result, breaking-size.csv; choose another --out, or --overwrite" in refused.err
    again = cli("breaking-size", *words, "--over-mm", 5, "--overwrite", "--json")
    stored = ot.BreakingSize.open(tmp_path / "tiny.h5")
    told = json.loads(again.out)
    assert told["models"]["tiny"] == json.loads(json.dumps(stored.summary()))
    assert stored.over_mm == 5
    assert (told["pairs"][0]["first"], told["pairs"][0]["second"]) == ("tiny", "other")


def test_a_photograph_is_swept_too(card, tmp_path, cli):
    words = (PHOTO, *BOX, "--model", card, *SMALL, "--over-mm", 0.001, "--out", tmp_path)
    ran = cli("breaking-size", *words)
    assert ran.code == 0, ran.err
    assert rows_on_a_screen(ran.out) <= 24
    said = " ".join(ran.out.split())
    assert "displacement from the clean prediction, mean over joints; broken above 0.001 mm" in said
    assert "the smallest square that breaks it has 40 px" in said


WRONG = {
    "an image and a data set": ((PHOTO, "--limit", 3), 2, "not both"),
    "a box without an image": (BOX, 2, "go with an IMAGE"),
    "one size": (("--size", "40", "--limit", 1), 1, "two sizes or more"),
    "sizes that are none": (("--size", "80:40:8"), 2, "20:80:20"),
    "a square larger than the crop": (("--size", "8,300", "--limit", 1), 1, "does not fit a crop"),
    "a joint that is none": (("--joint", "tail"), 1, "there is no joint 'tail'"),
    "an increase without a truth": (
        (PHOTO, *BOX, *SMALL, "--metric", "increase"),
        1,
        "needs ground truth",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(case, card, tmp_path, cli):
    words, code, says = WRONG[case]
    ran = cli("breaking-size", *words, "--model", card, "--out", tmp_path)
    assert ran.code == code
    assert says in " ".join(ran.err.split())
    assert code == 2 or len([line for line in ran.err.splitlines() if "error:" in line]) == 1
