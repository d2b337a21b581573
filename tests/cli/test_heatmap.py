"""The heatmap command as a user meets it: pictures and numbers on good input, one clear line on bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from occlusion_toolkit.sweep.results import read_heatmap
from PIL import Image

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.cli.main import main
from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.architecture import HMRArchitecture
from occlusion_toolkit.models.cards import ModelCard, Training, Weights, write_card
from occlusion_toolkit.sweep import engine

WRITTEN = {"heatmaps.png", "heatmaps.pdf", "summary.png", "result.h5"}


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card of a tiny HMR with random weights: the command's behaviour, not the network's, is tested."""
    folder = tmp_path_factory.mktemp("card")
    network = HMRArchitecture.model_validate(
        {
            "kind": "hmr",
            "backbone": {
                "kind": "resnet",
                "block": "basic",
                "layers": [1, 1, 1, 1],
                "width": 4,
                "input_pooling": 4,
            },
            "hidden": 32,
        }
    )
    weights = folder / "weights" / "tiny.safetensors"
    weights.parent.mkdir()
    write_state_dict(weights, network.build().state_dict(), {})
    write_card(
        ModelCard(
            name="tiny",
            title="A tiny network",
            description="Random weights for tests.",
            network=network,
            weights=Weights(
                file=weights.name, sha256=sha256_file(weights), shipped=True, licence="CC0-1.0", source="test"
            ),
            body=OPEN_BODY_TOPOLOGY,
            training=Training(data="none", seed=0, steps=1, samples=1, hardware="none", hours=0.1),
        ),
        folder / "tiny.yaml",
    )
    return folder / "tiny.yaml"


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "person.png"
    pixels = np.random.default_rng(0).integers(0, 256, (120, 100, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("truth") / "truth.npz"
    pose = np.zeros(72)
    pose[0] = np.pi
    np.savez(path, pose=pose, betas=np.zeros(10), bbox=[10, 10, 60, 90], topology=OPEN_BODY_TOPOLOGY)
    return path


def run(*words: str | Path) -> int:
    """Exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_a_photo_gives_displacement_maps_and_says_so(card, photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("heatmap", photo, "--model", card, "--stride", 56, "--out", out, "--bbox", 10, 10, 60, 90) == 0
    assert {path.name for path in out.iterdir()} == WRITTEN
    table = capsys.readouterr().out
    assert "displacement" in table
    assert all(name.replace("_", " ") in table for name in LSP14.joint_names)
    result = read_heatmap(out / "result.h5")
    assert result.truth is None
    assert result.of("lsp14").displacement_mm.shape == (14, 4, 4)
    assert result.card.read_outs == ("displacement",)
    with Image.open(out / "heatmaps.png") as picture:
        assert min(picture.size) > 500


@pytest.mark.slow
def test_with_ground_truth_the_maps_show_the_error_and_json_is_plain(card, photo, truth, tmp_path, capsys):
    out = tmp_path / "out"
    options = ("--stride", 112, "--joints", "left_wrist,neck", "--pa", "--limits", "per-joint", "--smooth")
    code = run("heatmap", photo, "--model", card, "--ground-truth", truth, "--out", out, "--json", *options)
    assert code == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["quantity"], summary["aligned"], summary["windows"]) == ("error", True, 4)
    assert [joint["joint"] for joint in summary["joints"]] == ["left_wrist", "neck"]
    result = read_heatmap(out / "result.h5")
    maps = result.of("lsp14")
    worst = maps.pa_error_mm[LSP14.index("left_wrist")].max()
    assert summary["joints"][0]["worst_mm"] == pytest.approx(worst, rel=1e-6)
    expected = maps.pa_error_mm[[LSP14.index("left_wrist"), LSP14.index("neck")]].reshape(2, -1).mean(0)
    assert result.worst_window == expected.argmax()
    assert np.allclose(maps.increase_mm, maps.error_mm - maps.clean_error_mm[:, None, None], atol=1e-4)


BAD_OPTIONS = {
    "box outside the image": (("--bbox", 500, 500, 50, 50), 1, "outside"),
    "box of zero area": (("--bbox", 10, 10, 0, 50), 1, "no area"),
    "stride that does not tile": (("--stride", 9), 1, "8 and 14"),
    "occluder larger than the crop": (("--size", 300), 1, "300"),
    "unknown model": (("--model", "pare-opne"), 1, "pare-open"),
    "unknown joint": (("--joints", "left_wing"), 1, "left_wing"),
    "joints of two sets": (("--joints", "head_top,spine1"), 1, "one set"),
    "unknown occluder": (("--occluder", "purple"), 1, "grey"),
    "occluder picture missing": (("--occluder", "image:nowhere.png"), 1, "nowhere.png"),
    "unknown device": (("--device", "abacus"), 1, "abacus"),
    "error without ground truth": (("--metric", "error"), 2, "ground-truth"),
    "missing ground truth": (("--ground-truth", "nowhere.npz"), 1, "nowhere.npz"),
    "missing keypoints": (("--openpose", "nowhere.json"), 1, "nowhere.json"),
    "box twice": (("--bbox", 1, 1, 9, 9, "--openpose", "x.json"), 2, "one of"),
    "unknown option": (("--strid", 8), 2, "--stride"),
    "official model without its weights": (("--model", "spin"), 1, "model_checkpoint.pt"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_end_in_one_clear_line_and_write_nothing(
    case, card, photo, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    options, code, hint = BAD_OPTIONS[case]
    out = tmp_path / "out"
    model = () if "--model" in options else ("--model", card)
    assert run("heatmap", photo, *model, "--out", out, *options) == code
    said = capsys.readouterr().err
    assert hint in said
    assert "Traceback" not in said
    assert not out.exists()


def damaged(kind: str, folder: Path) -> Path:
    path = folder / "picture.jpg"
    if kind == "missing":
        return path
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(path)
    whole = path.read_bytes()
    if kind == "one pixel":
        Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(path)
    else:
        path.write_bytes({"text": b"hello", "truncated": whole[: len(whole) // 2], "empty": b""}[kind])
    return path


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "empty", "one pixel"])
def test_bad_images_end_in_one_clear_line(kind, card, tmp_path, capsys):
    picture, out = damaged(kind, tmp_path), tmp_path / "out"
    assert run("heatmap", picture, "--model", card, "--out", out) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "picture.jpg" in said
    assert not out.exists()


def test_ground_truth_that_is_not_finite_is_refused(card, photo, tmp_path, capsys):
    pose = np.zeros(72)
    pose[5] = np.nan
    np.savez(tmp_path / "nan.npz", pose=pose, betas=np.zeros(10))
    out = tmp_path / "out"
    assert run("heatmap", photo, "--model", card, "--ground-truth", tmp_path / "nan.npz", "--out", out) == 1
    assert "pose" in capsys.readouterr().err
    assert not out.exists()


def test_ground_truth_of_another_body_is_refused(card, photo, tmp_path, capsys):
    np.savez(tmp_path / "smpl.npz", pose=np.zeros(72), betas=np.zeros(10), topology="smpl")
    out = tmp_path / "out"
    assert run("heatmap", photo, "--model", card, "--ground-truth", tmp_path / "smpl.npz", "--out", out) == 1
    assert "'smpl'" in capsys.readouterr().err


def test_output_that_is_a_file_is_refused_before_the_sweep(card, photo, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert run("heatmap", photo, "--model", card, "--out", tmp_path / "out") == 1
    assert "not a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_ctrl_c_during_the_sweep_leaves_nothing_behind(card, photo, tmp_path, capsys, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "OcclusionSweep", interrupted)
    out = tmp_path / "out"
    assert run("heatmap", photo, "--model", card, "--out", out) == 1
    assert "Aborted" in capsys.readouterr().err
    assert not out.exists()


def test_unexpected_errors_show_no_traceback_without_debug(card, photo, tmp_path, capsys, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(engine, "OcclusionSweep", broken)
    words = ("heatmap", photo, "--model", card, "--out", tmp_path / "out")
    assert run(*words) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError: a bug" in said
    assert "Traceback" not in said
    with pytest.raises(ZeroDivisionError):
        main([str(word) for word in (*words, "--debug")])
