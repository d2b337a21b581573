"""The heatmap command as a user meets it: pictures and numbers on good input, one clear line on bad input."""

import json
import os
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.figure_fixtures import draw_coarsely
from support.plugin_packages import install
from support.screens import rows_on_a_screen

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.cli.main import main
from occlusion_toolkit.heatmaps import occlusion_sweep, run
from occlusion_toolkit.heatmaps.occlusion_maps import open_maps
from occlusion_toolkit.heatmaps.pictures import PICTURES

WRITTEN = {"heatmaps.png", "heatmaps.pdf", "summary.png", "table.csv", "result.h5"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


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
    assert "error by mine, mean over joints" in " ".join(said.split())
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


@pytest.mark.slow
def test_the_look_is_chosen_and_a_page_is_written(card, photo, tmp_path, cli):
    words = ("--model", card, "--stride", 112, "--bbox", 10, 10, 60, 90, "--joints", "left_wrist,right_wrist")
    page = tmp_path / "new" / "page.html"
    look = ("--width", 3.0, "--dpi", 100, "--cmap", "viridis", "--report", page)
    assert cli("heatmap", photo, *words, "--out", tmp_path / "a", *look).code == 0
    for name in ("heatmaps.png", "summary.png"):
        with Image.open(tmp_path / "a" / name) as picture:
            assert picture.width == 300
    assert "#440154" in page.read_text()  # viridis begins there
    refused = cli("heatmap", photo, *words, "--out", tmp_path / "b", "--cmap", "jet")
    assert (refused.code, (tmp_path / "b").exists()) == (1, False)
    assert "up and down" in refused.err


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


QUICK = ("--stride", 112, "--bbox", 10, 10, 60, 90)


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take most of the time and are tested elsewhere; empty ones are written."""

    def draw(maps, folder, **_: object) -> list[Path]:
        files = [folder / name for name in PICTURES]
        for path in files:
            path.touch()
        return files

    monkeypatch.setattr(run, "draw_all", draw)


def test_a_result_is_replaced_only_where_that_is_asked_for(card, photo, tmp_path, cli, undrawn):
    other, out = tmp_path / "other.png", tmp_path / "out"
    Image.new("RGB", (90, 120), "teal").save(other)
    words = ("--model", card, "--out", out, *QUICK)
    assert cli("heatmap", photo, *words).code == 0
    first = (out / "result.h5").read_bytes()
    refused = cli("heatmap", other, *words)
    assert refused.code == 1
    assert "holds a result already, result.h5; --resume keeps it, --overwrite replaces it" in refused.err
    resumed = cli("heatmap", other, *words, "--resume")
    assert resumed.code == 1
    assert "image: person.png and other.png" in resumed.err
    finer = cli("heatmap", photo, *words, "--resume", "--size", 56)
    assert "grid: " in finer.err
    assert (out / "result.h5").read_bytes() == first
    assert cli("heatmap", other, *words, "--overwrite").code == 0
    assert str(open_maps(out / "result.h5").detail("file")) == "other.png"


def test_a_finished_result_is_used_again_without_a_sweep(card, photo, tmp_path, cli, monkeypatch, undrawn):
    words = ("heatmap", photo, "--model", card, "--out", tmp_path / "out", "--resume", *QUICK)
    assert cli(*words).code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(occlusion_sweep.OcclusionSweep, "__call__", raising(ZeroDivisionError()))
        again = cli(*words, "--json")
        assert again.code == 0
        assert json.loads(again.out)["seconds"] is None
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
        assert cli(*words, "--joints", "neck").code == 0
    assert open_maps(tmp_path / "out" / "result.h5").joints == ("neck",)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "delete"])
def test_a_damaged_result_is_set_aside_and_made_again(damage, card, photo, tmp_path, cli, undrawn):
    words = ("heatmap", photo, "--model", card, "--out", tmp_path / "out", "--resume", *QUICK)
    assert cli(*words).code == 0
    path = tmp_path / "out" / "result.h5"
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) * 64 + whole[middle + 64 :]
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes({"truncate": whole[:middle], "flip": flipped, "empty": b""}[damage])
    assert cli(*words).code == 0
    assert path.read_bytes() == whole
    assert (tmp_path / "out" / "result.damaged").exists() == (damage != "delete")


def test_files_folders_and_patterns_make_a_folder_each_and_one_summary(card, tmp_path, cli, undrawn):
    for number, place in enumerate(("some/a.png", "some/b.jpg", "more/a.png", "more/c.png")):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.new("RGB", (90, 120), (40 * number, 90, 200)).save(tmp_path / place)
    (tmp_path / "some" / "notes.txt").write_text("no image")
    (tmp_path / "more" / "c.png").write_bytes(b"damaged")
    words = ("heatmap", tmp_path / "some", tmp_path / "more" / "*.png", "--model", card, *QUICK)
    ran = cli(*words, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "c.png" in ran.err
    assert "1 of 4 images could not be used" in ran.out
    folders = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert folders == {"a", "b", "a-2"}
    assert all({path.name for path in (tmp_path / "out" / name).iterdir()} == WRITTEN for name in folders)
    lines = (tmp_path / "out" / "images.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == ["folder", "a", "b", "a-2", "c"]
    again = cli(*words, "--out", tmp_path / "out", "--json", "--resume")
    assert [entry.get("seconds") for entry in json.loads(again.out)["images"]] == [None] * 4
    other = cli("heatmap", tmp_path / "some" / "*.jpg", *words[3:], "--out", tmp_path / "out")
    assert other.code == 1
    assert "holds a result already" in other.err
    assert (tmp_path / "out" / "images.csv").read_text().splitlines() == lines


def test_the_truths_and_keypoints_of_several_images_are_in_folders(card, tmp_path, cli, undrawn):
    people = tmp_path / "people"
    people.mkdir()
    for name in "ab":
        Image.new("RGB", (90, 120), "teal").save(people / f"{name}.png")
        np.savez(people / f"{name}.npz", pose=np.zeros(72), betas=np.zeros(10), bbox=[10, 10, 60, 90])
    words = ("heatmap", people, "--model", card, "--stride", 112, "--ground-truth", people)
    assert cli(*words, "--out", tmp_path / "out").code == 0
    maps = open_maps(tmp_path / "out" / "b" / "result.h5")
    assert maps.metric == "error"
    assert "box of the ground truth" in maps.card.crop_rule


def test_the_table_and_the_maps_are_csv_too(card, photo, tmp_path, cli, undrawn):
    out = tmp_path / "out"
    assert cli("heatmap", photo, "--model", card, "--out", out, *QUICK).code == 0
    table = pd.read_csv(out / "table.csv").set_index("joint")
    maps = open_maps(out / "result.h5")
    assert table.loc["left_wrist", "worst_mm"] == pytest.approx(
        float(maps.sel(joint="left_wrist").max()), abs=1e-3
    )
    maps.save(tmp_path / "new" / "maps.csv")
    lines = pd.read_csv(tmp_path / "new" / "maps.csv")
    assert len(lines) == 14 * 4
    assert lines["displacement"].max() == pytest.approx(float(maps["displacement"].max()), abs=1e-3)


def test_the_default_folder_has_the_name_of_the_image(card, photo, tmp_path, cli, monkeypatch, undrawn):
    monkeypatch.chdir(tmp_path)
    ran = cli("heatmap", photo, "--model", card, *QUICK)
    assert "out/heatmap/person/: heatmaps.png" in ran.out
    assert (tmp_path / "out" / "heatmap" / "person" / "result.h5").is_file()
    assert rows_on_a_screen(ran.out) <= 24
    assert all(len(line) <= 80 for line in ran.out.splitlines() if line.startswith(("left", "right", "mean")))


def test_joints_have_a_line_each_when_windows_hide_nearly_all_of_them(card, photo, tmp_path, cli, undrawn):
    ran = cli("heatmap", photo, "--model", card, "--out", tmp_path / "out", *QUICK, "--size", 200)
    assert rows_on_a_screen(ran.out.replace(str(tmp_path), "")) <= 24
    assert all(name.replace("_", " ") in ran.out for name in LSP14.joint_names)


def test_the_frames_of_a_video_are_images(card, tmp_path, cli, undrawn):
    with av.open(str(tmp_path / "walk.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 128, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((128, 96, 3), 60 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    ran = cli(
        "heatmap", tmp_path / "walk.mp4", "--every", 2, "--model", card, "--out", tmp_path / "out", *QUICK
    )
    assert ran.code == 0, ran.err
    folders = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert folders == ["frames", "walk-00000", "walk-00002"]
    assert str(open_maps(tmp_path / "out" / "walk-00002" / "result.h5").detail("file")) == "walk-00002.png"


def test_names_that_are_no_texts_are_escaped(card, tmp_path, cli, undrawn):
    photo = os.fsencode(tmp_path) + b"/bad\xff\x1b[31m.png"
    Image.new("RGB", (90, 120), "teal").save(tmp_path / "good.png")
    Path(os.fsdecode(photo)).write_bytes((tmp_path / "good.png").read_bytes())
    ran = cli("heatmap", os.fsdecode(photo), "--model", card, "--out", tmp_path / "out", *QUICK)
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out + ran.err
    assert "bad\\udcff" in ran.out
    assert str(open_maps(tmp_path / "out" / "result.h5").detail("file")).startswith("bad\\udcff")
    several = cli("heatmap", tmp_path, "--model", card, "--out", tmp_path / "all", *QUICK)
    assert several.code == 0, several.err
    assert "\x1b" not in several.out + several.err
