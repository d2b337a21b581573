"""The mesh command as a user meets it: plan, files, parts, resuming, and one clear line on bad input."""

import json
import shlex
import sys

import pytest
from support.screens import rows_on_a_screen

from occlusion_toolkit.meshes import pictures
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.surveys.shards import ShardMaker
from occlusion_toolkit.surveys.survey import Survey

SMALL = ("mesh", "--limit", "9", "--size", "56", "--stride", "56")


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take most of the time and are tested elsewhere."""
    monkeypatch.setattr(pictures, "draw_all", lambda mesh, folder, progress: [])


@pytest.mark.slow
def test_a_data_set_becomes_numbers_pictures_and_viewer_files(cli, tmp_path):
    out = tmp_path / "out"
    shown = cli(*SMALL, "--out", out, "--verbose")
    assert shown.code == 0
    assert "plan: 9 images x (16 windows + 1) = 153 passes, up to 0.4 MB of maps, about" in shown.err
    assert "\n8 of 9 images swept\n9 of 9 images swept\n" in shown.err
    assert "pare-open on open test, 9 images: error in mm, mean over joints" in shown.out
    pictures = {f"mesh{what}.{kind}" for what in ("", "_mean", "_increase") for kind in ("png", "pdf")}
    names = pictures | {"mesh.glb", "mesh.h5", "vertices.csv", "survey.json"}
    assert names <= {path.name for path in out.iterdir()}
    assert len(list((out / "mesh").glob("*.ply"))) == 15
    assert all(str(out / name) in shown.out for name in names - {"survey.json"})
    assert not list(out.glob(".partial-*"))
    pooled, swept = SensitivityMesh.open(out / "mesh.h5").card, Survey.open(out).card
    assert (pooled.people_sha256, pooled.grid) == (swept.people_sha256, swept.grid)


@pytest.mark.slow
def test_json_is_all_that_is_printed(cli, tmp_path, undrawn):
    ran = cli(*SMALL, "--out", tmp_path, "--json", "--pa")
    assert ran.code == 0
    printed = json.loads(ran.out)
    assert (printed["images"], printed["metric"]) == (9, "pa_error")
    assert len(printed["joints"]) == 14
    assert str(tmp_path / "mesh.h5") in printed["files"]


@pytest.mark.slow
def test_the_last_part_pools(cli, tmp_path, undrawn):
    ran = cli(*SMALL, "--out", tmp_path, "--parts", 2, "--part", 1)
    assert ran.code == 0
    assert "1 of 2 shards" in ran.out
    assert not (tmp_path / "mesh.h5").exists()
    last = cli(*SMALL, "--out", tmp_path, "--parts", 2, "--part", 0)
    assert last.code == 0
    assert rows_on_a_screen(last.out) <= 24
    assert (tmp_path / "mesh.h5").exists()


@pytest.mark.parametrize("stage", [(ShardMaker, "make"), (pictures, "draw_all")])
def test_ctrl_c_tells_how_to_go_on(cli, card, tmp_path, monkeypatch, undrawn, stage):
    def interrupt(*words: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "my out"
    words = ("mesh", "--model", card, "--limit", 2, "--stride", 56)
    with monkeypatch.context() as patch:
        patch.setattr(*stage, interrupt)
        stopped = cli(*words, "--out", out)
    assert stopped.code == 130
    shown = stopped.err
    assert "interrupted; finished shards are kept; go on with:" in shown
    assert f"occlusion-toolkit {shlex.join(map(str, words))} --out '{out}' --resume" in shown
    assert not list(out.glob(".partial-*"))
    assert cli(*words, "--out", out, "--resume").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parts", "3"], "--parts 3 needs --part, from 0 to 2"),
        (["--part", "2", "--parts", "2"], "there is no part 2 of 2"),
        (["--address", "tcp://head:1"], "choose dask or ray"),
        (["--stride", "9"], "the nearest strides that do: 8 and 14"),
        (["--model", "no-such"], "no-such"),
        (["--body", "smpl"], "smpl"),
        (["--root", "nowhere"], "nowhere"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--occluder", "stripes"], "stripes"),
        (["--metric", "mine_error"], "no metric 'mine'"),
        (["--rasterizer", "pytorch3d"], "PyTorch3D"),
    ],
)
def test_one_clear_line_and_no_folder_on_bad_input(cli, tmp_path, monkeypatch, words, message):
    monkeypatch.setitem(sys.modules, "pytorch3d", None)
    out = tmp_path / "out"
    refused = cli(*SMALL, "--out", out, *words)
    assert refused.code == 1
    shown = refused.err
    assert message in shown
    assert shown.strip().splitlines()[-1].startswith("error: ") or "\n  " in shown
    assert not out.exists()


def test_a_file_in_the_place_of_the_folder_is_named(cli, tmp_path):
    (tmp_path / "out").touch()
    refused = cli(*SMALL, "--out", tmp_path / "out")
    assert refused.code == 1
    assert "out' cannot be made" in refused.err
