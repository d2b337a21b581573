"""The models commands as a user meets them: tables, JSON, one clear line on bad input, exit codes."""

import json
from pathlib import Path

import pytest
import torch
from support.checkpoint_layouts import LAYOUTS
from support.plugin_packages import SOUND, install

from occlusion_toolkit.cli.main import main
from occlusion_toolkit.models import HMR, SpinHMR, networks
from occlusion_toolkit.models.backbones import BasicBlock, ResNet


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(folder))
    return folder


def run(*words: str | Path) -> int:
    """Exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        main(["models", *map(str, words)])
    return int(ended.value.code or 0)


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


def test_list_names_every_model_its_state_and_the_folder(capsys: pytest.CaptureFixture[str], home: Path):
    assert run("list") == 0
    shown = capsys.readouterr().out
    for words in ("pare-open", "shipped", "spin", "missing", str(home)):
        assert words in shown
    assert run("list", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    states = {model["name"]: model["state"] for model in content["models"]}
    assert states["pare-open"] == "ready"
    assert states["pare-3dpw"] == "weights missing"
    assert content["home"] == str(home)


def test_show_tells_licence_source_and_published_errors(capsys: pytest.CaptureFixture[str], home: Path):
    assert run("show", "pare") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("non-commercial research licence", "github.com/mkocabas/PARE", "50.9", "missing"):
        assert words in shown
    assert run("show", "pare", "--json") == 0
    assert json.loads(capsys.readouterr().out)["card"]["weights"]["file"] == "pare_checkpoint.ckpt"


def test_an_imported_model_is_listed_shown_and_checked(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], home: Path
):
    assert run("import", checkpoint, "--as", "spin", "--name", "mine") == 0
    shown = capsys.readouterr().out
    assert "under 'model', SPIN's names" in shown
    assert str(home / "weights" / "mine.safetensors") in shown
    assert run("list") == 0
    assert "imported" in capsys.readouterr().out
    assert run("show", "mine") == 0
    assert "weights.pt" in capsys.readouterr().out
    assert run("check", "mine", "--device", "cpu", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"]
    assert len(found["findings"]) == 12


def test_import_prints_json(checkpoint: Path, capsys: pytest.CaptureFixture[str], home: Path):
    assert run("import", checkpoint, "--as", "spin", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["name"] == "spin-weights"
    assert Path(content["card_file"]).parent == home / "cards"
    assert content["card"]["imported"]["tensors"] == len(small_spin().state_dict())


def test_a_failed_check_is_exit_code_1_and_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    install(tmp_path / "site", "standing_package", {"standing": "standing_package:plugin"}, SOUND)
    assert run("check", "standing", "--device", "cpu") == 1
    shown = capsys.readouterr().out
    assert "FAILED" in shown
    assert "11 of 12 checks passed" in shown
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
def test_mistakes_are_one_clear_line(
    words: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
):
    assert run(*words) == code
    assert message in capsys.readouterr().err


def test_a_broken_card_of_the_users_is_listed_with_its_problem(
    home: Path, capsys: pytest.CaptureFixture[str]
):
    (home / "cards").mkdir(parents=True)
    (home / "cards" / "mine.yaml").write_text("name: mine\n")
    assert run("list") == 0
    shown = capsys.readouterr().out
    assert "card unusable" in shown
    assert "title: Field required" in shown
