"""The doctor finds what is there, says what it unlocks, and opens nothing unsafely."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from support.official_tree import TINY, write_threedpw, write_tiny_cards
from support.screens import rows_on_a_screen
from support.smpl_files_writer import shared_smpl_folder

from occlusion_toolkit.models.registry import load_card
from occlusion_toolkit.studies import doctor, pace
from occlusion_toolkit.studies.doctor import Diagnosis, examine
from occlusion_toolkit.studies.needs import (
    FEMALE,
    MALE,
    NEUTRAL,
    TEST,
    TRAIN,
    VALIDATION,
    needs_of_recipes,
    official_lines,
)
from occlusion_toolkit.studies.pace import estimate, seconds_per_pass
from occlusion_toolkit.studies.recipes import recipes

SPIN = "model_checkpoint.pt"
PARE = "pare_checkpoint.ckpt"
MODELS = ("spin", "spin-imresize", "hmr-eft", "pare", "pare-3dpw")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and networks that take a hundredth of a second without being run."""
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "rates", lambda models, _device: dict.fromkeys(models, 0.01))
    return tmp_path


def states(found: Diagnosis) -> dict[str, str]:
    return {item.name: item.state for item in found.items}


def test_of_an_empty_home_everything_is_missing_and_has_an_address(home):
    found = examine(device="cpu")
    assert set(states(found).values()) == {"missing"}
    assert all(item.how_to_get for item in found.items)
    needed = set().union(*needs_of_recipes().values())
    assert needed <= {item.name for item in found.items}
    assert all("http" in item.how_to_get for item in found.items if item.name in needed)
    assert all(prospect.missing for prospect in found.prospects)
    assert {prospect.recipe for prospect in found.prospects} == set(recipes())


def test_recipes_need_what_their_lines_name():
    needs = needs_of_recipes()
    assert needs["figure2"] == {SPIN, NEUTRAL, "J_regressor_h36m.npy", TEST}
    assert {SPIN, PARE, NEUTRAL, TEST} <= needs["figure5"]
    assert not {MALE, FEMALE} & needs["figure5"]  # PARE's script: neutral ground truth
    assert {MALE, FEMALE, "pare_w_3dpw_checkpoint.ckpt"} <= needs["table1"]
    assert {TRAIN, VALIDATION, "3doh test"} <= needs["table2"]


def test_what_is_there_is_counted_checked_and_unlocks(home, tmp_path_factory):
    (home / "smpl").symlink_to(shared_smpl_folder(tmp_path_factory))
    write_threedpw(home / "data" / "3dpw", TINY)
    found = examine(device="cpu")
    items = {item.name: item for item in found.items}
    assert {items[name].state for name in (NEUTRAL, MALE, FEMALE, TEST, TRAIN, VALIDATION)} == {"ready"}
    assert items[NEUTRAL].sha256 is not None
    assert "24 sequences" in items[TEST].found
    assert items[TEST].people == 30
    assert "figure5" in items[TEST].unlocks
    assert "table2" in items[TRAIN].unlocks
    lacking = {prospect.recipe: prospect.missing for prospect in found.prospects}
    assert lacking["figure2"] == (SPIN,)
    assert "3doh test" in lacking["table2"]


class _Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("owned",)


def test_what_cannot_be_used_is_broken_and_no_code_of_it_runs(cli, home, monkeypatch):
    monkeypatch.chdir(home)
    for folder, name in (("weights", SPIN), ("smpl", "SMPL_NEUTRAL.pkl")):
        (home / folder).mkdir()
        (home / folder / name).write_bytes(pickle.dumps(_Attack()))
    split = home / "data" / "3dpw" / "sequenceFiles" / "test"
    split.mkdir(parents=True)
    (split / "downtown_bar_00.pkl").write_bytes(pickle.dumps(_Attack()))
    found = examine(device="cpu")
    monkeypatch.setattr(doctor, "examine", lambda **_: found)
    ran = cli("doctor", "--json")
    assert ran.code == 1
    items = {item["name"]: item for item in json.loads(ran.out)["items"]}
    for name in (SPIN, NEUTRAL, TEST):
        assert items[name]["state"] == "broken"
        assert items[name]["problem"]
    told = cli("doctor")
    assert told.code == 1
    assert rows_on_a_screen(told.out) <= 24
    assert "broken: SMPL neutral: " in told.out
    assert not (home / "owned").exists()


def test_the_answer_fits_a_screen_and_says_what_is_lacking(cli, home):
    ran = cli("doctor", "--device", "cpu")
    assert ran.code == 0
    assert rows_on_a_screen(ran.out) <= 24
    assert ran.out.startswith(f"0 of {len(recipes())} can be made by: occlusion-toolkit run RECIPE")
    (figure2,) = (line for line in ran.out.splitlines() if line.startswith("figure2"))
    assert "lacks spin's weights, 3dpw test, SMPL neutral, " in figure2


def test_everything_else_is_told_where_it_is_asked_for(cli, home):
    ran = cli("doctor", "--device", "cpu", "--verbose")
    for words in (str(home / "smpl"), PARE, "extrapolated", "virtualhumans.mpi-inf.mpg.de", "coco-eft"):
        assert words in ran.out


def test_estimates_count_every_pass_once():
    lines = {name: official_lines(path) for name, path in recipes().items()}
    speed = dict.fromkeys(MODELS, 0.01)
    two_sweeps = estimate(lines["figure5"], speed, {})
    assert two_sweeps.passes == 2 * 35_515 * (14 * 14 + 1)
    assert two_sweeps.seconds == pytest.approx(0.01 * two_sweeps.passes)
    assert estimate(lines["figure2"], speed, {}).passes == 28 * 28 + 1
    assert estimate(lines["table1"], speed, {TEST: 10}).passes == 4 * 10
    assert estimate(lines["table2"], speed, {}).passes is None  # nobody publishes how many 3DPW-OCC has
    assert estimate(lines["table2"], speed, {"3dpw-occ": 5}).passes == 3 * (5 + 1_290)


def test_the_pace_is_measured_on_the_network_of_the_card(home, monkeypatch):
    monkeypatch.setattr(pace, "_SECONDS", 0.01)
    write_tiny_cards(home / "cards")
    assert 0 < seconds_per_pass(load_card("tiny-baseline"), torch.device("cpu")) < 5
    assert 0 < seconds_per_pass(load_card("blazepose"), torch.device("cpu")) < 50  # crops of 256 pixels
