"""The heatmap command as a user meets it: pictures and numbers on good input, one clear line on bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.figure_fixtures import draw_coarsely
from support.plugin_packages import install
from support.tiny_card import write_tiny_card

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.cli.main import main
from occlusion_toolkit.heatmaps import occlusion_sweep
from occlusion_toolkit.heatmaps.occlusion_maps import open_maps

WRITTEN = {"heatmaps.png", "heatmaps.pdf", "summary.png", "result.h5"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command's behaviour, not the network's, is tested."""
    return write_tiny_card(tmp_path_factory.mktemp("card"))


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


@pytest.mark.slow
def test_a_photo_gives_displacement_maps_and_says_so(card, photo, tmp_path, cli):
    out = tmp_path / "out"
    box = ("--bbox", 10, 10, 60, 90)
    code, said, warned = cli("heatmap", photo, "--model", card, "--stride", 56, "--out", out, *box)
    assert code == 0
    assert "warning" not in warned
    assert {path.name for path in out.iterdir()} == WRITTEN
    maps = open_maps(out / "result.h5")
    assert maps.metrics == ("displacement", "pa_displacement")
    assert maps.sel().shape == (14, 4, 4)
    assert "displacement from the clean prediction" in said
    assert all(name.replace("_", " ") in said for name in LSP14.joint_names)
    y0, y1, x0, x1 = maps.window(maps.worst())
    assert f"{y0}-{y1}, {x0}-{x1}" in said
    with Image.open(out / "heatmaps.png") as picture:
        assert min(picture.size) > 500


@pytest.mark.slow
def test_with_ground_truth_the_maps_show_the_error_and_json_is_plain(card, photo, truth, tmp_path, cli):
    out = tmp_path / "out"
    options = ("--stride", 112, "--joints", "left_wrist,neck", "--pa", "--limits", "per-joint", "--smooth")
    ran = cli("heatmap", photo, "--model", card, "--ground-truth", truth, "--out", out, "--json", *options)
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert (summary["metric"], summary["windows"]) == ("pa_error", 4)
    assert [joint["joint"] for joint in summary["joints"]] == ["left_wrist", "neck"]
    maps = open_maps(out / "result.h5")
    assert (maps.metric, maps.joints) == ("pa_error", ("left_wrist", "neck"))
    shown = maps.sel(joint=maps.joints)
    assert summary["joints"][0]["worst_mm"] == pytest.approx(float(shown[0].max()), rel=1e-6)
    assert summary["overall"]["worst_window"] == list(maps.window(maps.worst()))
    np.testing.assert_allclose(maps["increase"], maps["error"] - maps.clean("error"), atol=1e-4)


PACKAGE = """
from occlusion_toolkit.sweep.occluders import Occluder

class Dots(Occluder):
    spec = {"name": "dots"}

    def fill(self, crops):
        return crops.new_ones((len(crops), 3, 1, 1))

def mine(predicted, target):
    return 2 * (predicted - target).norm(dim=-1)
"""


@pytest.mark.slow
def test_metrics_and_occluders_of_installed_packages_are_named_like_those_of_the_toolkit(
    card, photo, truth, tmp_path, cli, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "dotbox", {"dots": "dotbox:Dots"}, PACKAGE, group="occlusion_toolkit.occluders")
    install(tmp_path, "minebox", {"mine": "minebox:mine"}, PACKAGE, group="occlusion_toolkit.metrics")
    words = ("heatmap", photo, "--model", card, "--ground-truth", truth, "--stride", 112, "--out", tmp_path)
    code, said, _ = cli(*words, "--metric", "mine_error", "--occluder", "dots")
    assert code == 0
    assert "error by mine in mm" in " ".join(said.split())
    maps = open_maps(tmp_path / "result.h5")
    assert (maps.metric, maps.card.occluder) == ("mine_error", {"name": "dots"})
    np.testing.assert_allclose(maps["mine_error"], 2 * maps["error"], rtol=1e-5)
    assert maps.occluded_crop(maps.worst()).shape == (224, 224, 3)


BAD_OPTIONS = {
    "box outside the image": (("--bbox", 500, 500, 50, 50), 1, "outside"),
    "box of zero area": (("--bbox", 10, 10, 0, 50), 1, "no area"),
    "stride that does not tile": (("--stride", 9), 1, "8 and 14"),
    "occluder larger than the crop": (("--size", 300), 1, "300"),
    "unknown model": (("--model", "pare-opne"), 1, "pare-open"),
    "unknown joint": (("--joints", "left_wing"), 1, "left_wing"),
    "joints of two sets": (("--joints", "head_top,spine1"), 1, "one set"),
    "unknown occluder": (("--occluder", "purple"), 1, "image:PATH"),
    "occluder picture missing": (("--occluder", "image:nowhere.png"), 1, "nowhere.png"),
    "unknown device": (("--device", "abacus"), 1, "abacus"),
    "error without ground truth": (("--metric", "error"), 1, "ground-truth"),
    "unknown metric": (("--metric", "mine_displacement"), 1, "no metric 'mine'"),
    "no metric at all": (("--metric", "beauty"), 1, "displacement, error, increase"),
    "alignment of another metric": (("--metric", "mine_displacement", "--pa"), 1, "--pa aligns"),
    "missing ground truth": (("--ground-truth", "nowhere.npz"), 1, "nowhere.npz"),
    "missing keypoints": (("--openpose", "nowhere.json"), 1, "nowhere.json"),
    "box twice": (("--bbox", 1, 1, 9, 9, "--openpose", "x.json"), 2, "one of"),
    "unknown option": (("--strid", 8), 2, "--stride"),
    "official model without its weights": (("--model", "spin"), 1, "model_checkpoint.pt"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_end_in_one_clear_line_and_write_nothing(case, card, photo, tmp_path, cli, monkeypatch):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    options, code, hint = BAD_OPTIONS[case]
    model = () if "--model" in options else ("--model", card)
    ran = cli("heatmap", photo, *model, "--out", tmp_path / "out", *options)
    assert ran.code == code
    assert hint in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out").exists()


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
def test_bad_images_end_in_one_clear_line(kind, card, tmp_path, cli):
    picture, out = damaged(kind, tmp_path), tmp_path / "out"
    ran = cli("heatmap", picture, "--model", card, "--out", out)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "picture.jpg" in ran.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arrays", "hint"),
    [({"pose": np.full(72, np.nan)}, "pose"), ({"pose": np.zeros(72), "topology": "smpl"}, "'smpl'")],
    ids=["not finite", "another body"],
)
def test_ground_truth_that_cannot_be_used_is_refused(arrays, hint, card, photo, tmp_path, cli):
    np.savez(tmp_path / "truth.npz", betas=np.zeros(10), **arrays)
    words = ("--ground-truth", tmp_path / "truth.npz", "--out", tmp_path / "out")
    ran = cli("heatmap", photo, "--model", card, *words)
    assert ran.code == 1
    assert hint in ran.err
    assert not (tmp_path / "out").exists()


def test_output_that_is_a_file_is_refused_before_the_sweep(card, photo, tmp_path, cli):
    (tmp_path / "out").write_text("mine")
    ran = cli("heatmap", photo, "--model", card, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "not a folder" in ran.err
    assert (tmp_path / "out").read_text() == "mine"


def raising(error: BaseException):
    def sweep(*_: object, **__: object) -> None:
        raise error

    return sweep


def test_ctrl_c_during_the_sweep_leaves_nothing_behind(card, photo, tmp_path, cli, monkeypatch):
    monkeypatch.setattr(occlusion_sweep, "WindowSweep", raising(KeyboardInterrupt()))
    ran = cli("heatmap", photo, "--model", card, "--out", tmp_path / "out")
    assert ran.code == 130
    assert f"interrupted; nothing was written; go on with:\n  occlusion-toolkit heatmap {photo}" in ran.err
    assert not (tmp_path / "out").exists()


def test_unexpected_errors_show_no_traceback_without_debug(card, photo, tmp_path, cli, monkeypatch):
    monkeypatch.setattr(occlusion_sweep, "WindowSweep", raising(ZeroDivisionError("a bug")))
    words = ("heatmap", photo, "--model", card, "--out", tmp_path / "out")
    ran = cli(*words)
    assert ran.code == 1
    assert "ZeroDivisionError: a bug" in ran.err
    assert "Traceback" not in ran.err
    with pytest.raises(ZeroDivisionError):
        main([str(word) for word in (*words, "--debug")])
