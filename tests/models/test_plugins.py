"""Regressors of other packages: found by name and loaded; broken ones are named with their package."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from support.plugin_packages import SOUND, install

from occlusion_toolkit.cli.main import main
from occlusion_toolkit.errors import ModelCardError
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.plugins import state_sha256
from occlusion_toolkit.models.registry import find_model, list_models, load_card, load_regressor

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on the path, in whose place modules are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("some_package", "other_package", "my_regressor"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_a_plugin_is_a_model_like_any_other(site: Path):
    install(site, "some_package", {"standing": "some_package:plugin"}, SOUND)
    card = load_card("standing")
    assert (card.title, card.body) == ("Standing", "open-adult-6000-v1")
    assert find_model("standing").state == "plug-in"
    regressor = load_regressor("standing")
    output = regressor(torch.zeros(2, 3, 224, 224))
    assert not output.camera.requires_grad
    assert not regressor.network.training
    assert regressor.weights_sha256 == state_sha256(regressor.network)


def test_listing_names_and_checksums_follow_the_state(site: Path):
    install(site, "some_package", {"standing": "some_package:plugin"}, SOUND)
    assert "standing" in [model.name for model in list_models()]
    network = load_regressor("standing").network
    before = state_sha256(network)
    network.scale.data += 1e-3
    assert state_sha256(network) != before


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_module", r"some_package 1\.2 .*cannot be imported \(ModuleNotFoundError"),
        ("raise SystemError('boom')", "SystemError: boom"),
        ("plugin = object()", "is a object, not a RegressorPlugin"),
        (SOUND.replace('"Standing", "A', '"", "A'), "describes itself badly: title"),
    ],
)
def test_a_broken_plugin_is_named_with_its_package(site: Path, code: str, message: str):
    install(site, "some_package", {"standing": "some_package:plugin"}, code)
    with pytest.raises(ModelCardError, match=message):
        load_card("standing")
    (listed,) = [model for model in list_models() if model.name == "standing"]
    assert listed.state == "card unusable"
    assert listed.problem is not None


@pytest.mark.parametrize(
    ("build", "message"),
    [("lambda: 1 / 0", "cannot be built .ZeroDivisionError"), ("dict", "gives a dict, not an nn.Module")],
)
def test_a_plugin_that_cannot_be_built_is_named(site: Path, build: str, message: str):
    code = SOUND.replace('"open-adult-6000-v1", Standing', f'"open-adult-6000-v1", {build}')
    install(site, "some_package", {"standing": "some_package:plugin"}, code)
    with pytest.raises(ModelCardError, match=message):
        load_regressor("standing")


def test_a_network_that_answers_with_something_else_is_told_about_the_check(site: Path):
    install(
        site,
        "some_package",
        {"standing": "some_package:plugin"},
        SOUND.replace("return RegressorOutput", "return "),
    )
    with pytest.raises(ModelCardError, match=r"answers with a tuple.*models check standing"):
        load_regressor("standing")(torch.zeros(1, 3, 224, 224))


@pytest.mark.parametrize(
    ("does", "reason", "words"),
    [
        ("raise KeyError('pelvis')", "KeyError: 'pelvis'", ("heatmap", "photo.png", "--stride", "112")),
        ("exit(0)", "SystemExit: 0", ("evaluate", "--limit", "2")),
    ],
)
def test_a_network_that_raises_or_exits_is_blamed_and_nothing_is_written(
    site: Path, tmp_path: Path, cli: Callable[..., Any], does: str, reason: str, words: tuple[str, ...]
):
    Image.new("RGB", (90, 120), "teal").save(tmp_path / "photo.png")
    code = SOUND.replace("        rotmats", f"        {does}\n        rotmats", 1)
    install(site, "some_package", {"standing": "some_package:plugin"}, code)
    line = [str(tmp_path / word) if word == "photo.png" else word for word in words]
    ran = cli(*line, "--model", "standing", "--out", tmp_path / "out")
    assert ran.code == 1
    assert f"The regressor 'standing' failed in its own code ({reason})" in ran.err
    assert "`occlusion-toolkit models check standing` tests it" in ran.err
    assert not list((tmp_path / "out").rglob("*.h5"))
    checked = cli("models", "check", "standing")
    assert checked.code == 1
    assert f"it stopped with {reason}" in " ".join(checked.out.split())


def test_memory_that_runs_out_is_not_the_networks_fault():
    def hungry(crops: torch.Tensor) -> RegressorOutput:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(RuntimeError, match="can't allocate"):
        load_regressor(hungry)(torch.zeros(1, 3, 224, 224))


def test_a_plugin_cannot_take_the_name_of_a_shipped_model(site: Path):
    install(site, "some_package", {"spin": "some_package:plugin"}, SOUND)
    with pytest.raises(ModelCardError, match=r"Two models .* 'spin': .*spin\.yaml and some_package 1\.2"):
        load_card("spin")


def test_two_packages_cannot_share_a_name(site: Path):
    install(site, "some_package", {"standing": "some_package:plugin"}, SOUND)
    install(site, "other_package", {"standing": "other_package:plugin"}, SOUND)
    with pytest.raises(ModelCardError, match=r"other_package 1\.2.*some_package 1\.2|some.*other"):
        load_card("standing")


@pytest.mark.slow
def test_the_example_installs_passes_the_check_and_runs(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source = tmp_path / "source"
    shutil.copytree(EXAMPLE, source)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*pip, "--target", site, source], check=True)
    for words, printed in (
        (["models", "show", "my-regressor"], "my-regressor 1.0 (my_regressor:plugin)"),
        (["models", "check", "my-regressor", "--device", "cpu"], "14 of 14 checks passed"),
        (
            [
                "heatmap",
                str(next((EXAMPLE.parent / "open-test-2").rglob("*.jpg"))),
                *("--model", "my-regressor", "--stride", "56", "--bbox", "20", "20", "200", "200"),
                *("--out", str(tmp_path / "out"), "--device", "cpu"),
            ],
            "my-regressor: displacement from the clean prediction",
        ),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0, words
        assert printed in capsys.readouterr().out
    assert (tmp_path / "out" / "result.h5").is_file()


def test_the_example_is_thirty_lines():
    lines = (EXAMPLE / "my_regressor.py").read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 30
