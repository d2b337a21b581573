"""The models commands as a user meets them: tables, JSON, one clear line on bad input, exit codes."""

import json
from pathlib import Path

import pytest
import torch
from support.checkpoint_layouts import LAYOUTS
from support.plugin_packages import SOUND, install

from occlusion_toolkit.models import HMR, SpinHMR, networks
from occlusion_toolkit.models.backbones import BasicBlock, ResNet


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(folder))
    return folder


def small_spin() -> HMR:
    torch.manual_seed(0)
    return SpinHMR(ResNet(BasicBlock, (1, 1, 1, 1), 4))


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of SPIN's trainer, of a small network that takes SPIN's place."""
    monkeypatch.setattr(
        networks, "PUBLISHED_NETWORKS", networks.PUBLISHED_NETWORKS | {"spin_hmr": small_spin}
    )
    torch.save(LAYOUTS["trainer of SPIN and EFT"](small_spin().state_dict()), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def test_list_names_every_model_its_state_and_the_folder(cli, home: Path):
    ran = cli("models", "list")
    assert ran.code == 0
    shown = ran.out
    for words in ("pare-open", "shipped", "spin", "missing", str(home)):
        assert words in shown
    ran = cli("models", "list", "--json")
    assert ran.code == 0
    content = json.loads(ran.out)
    states = {model["name"]: model["state"] for model in content["models"]}
    assert states["pare-open"] == "ready"
    assert states["pare-3dpw"] == "weights missing"
    assert content["home"] == str(home)


def test_show_tells_licence_source_and_published_errors(cli, home: Path):
    shown = " ".join(cli("models", "show", "pare").out.split())
    for words in ("non-commercial research licence", "github.com/mkocabas/PARE", "50.9", "missing"):
        assert words in shown
    assert (
        json.loads(cli("models", "show", "pare", "--json").out)["card"]["weights"]["file"]
        == "pare_checkpoint.ckpt"
    )


def test_an_imported_model_is_listed_shown_and_checked(cli, checkpoint: Path, home: Path):
    ran = cli("models", "import", checkpoint, "--as", "spin", "--name", "mine")
    assert ran.code == 0
    shown = ran.out
    assert "under 'model', SPIN's names" in shown
    assert str(home / "weights" / "mine.safetensors") in shown
    assert "imported" in cli("models", "list").out
    assert "weights.pt" in cli("models", "show", "mine").out
    ran = cli("models", "check", "mine", "--device", "cpu", "--json")
    assert ran.code == 0
    found = json.loads(ran.out)
    assert found["passed"]
    assert len(found["findings"]) == 14


def test_import_prints_json(cli, checkpoint: Path, home: Path):
    ran = cli("models", "import", checkpoint, "--as", "spin", "--json")
    assert ran.code == 0
    content = json.loads(ran.out)
    assert content["name"] == "spin-weights"
    assert Path(content["card_file"]).parent == home / "cards"
    assert content["card"]["imported"]["tensors"] == len(small_spin().state_dict())


def test_a_failed_check_is_exit_code_1_and_marked(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    install(tmp_path / "site", "standing_package", {"standing": "standing_package:plugin"}, SOUND)
    ran = cli("models", "check", "standing", "--device", "cpu")
    assert ran.code == 1
    shown = ran.out
    assert "FAILED" in shown
    assert "13 of 14 checks passed" in shown
    assert "does not see its input" in " ".join(shown.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show", "sipn"), 1, "Did you mean spin?"),
        (("check", "nowhere.yaml"), 1, "no model card nowhere.yaml"),
        (("check", "spin"), 1, "Then put it, as it is, at"),
        (("import", "nowhere.pt", "--as", "spin"), 1, "There is no file nowhere.pt"),
        (("import", "nowhere.pt", "--as", "vibe"), 2, "vibe"),
        (("import", "nowhere.pt"), 2, "--as"),
        (("import", "nowhere.pt", "--as", "spin", "--trust-file", "12ab"), 1, "12ab"),
    ],
)
def test_mistakes_are_one_clear_line(cli, words: tuple[str, ...], code: int, message: str):
    ran = cli("models", *words)
    assert ran.code == code
    assert message in ran.err


def test_a_broken_card_of_the_users_is_listed_with_its_problem(cli, home: Path):
    (home / "cards").mkdir(parents=True)
    (home / "cards" / "mine.yaml").write_text("name: mine\n")
    ran = cli("models", "list")
    assert ran.code == 0
    shown = ran.out
    assert "card unusable" in shown
    assert "title: Field required" in shown
