"""`occlusion-toolkit body check`, and the options that choose a body, as a user meets them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.python2_pickler import python2_pickle
from support.smpl_files_writer import shared_smpl_folder
from support.smpl_like_body import smpl_like_arrays

from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.networks import build_network
from occlusion_toolkit.sweep.maps import card_of, open_maps


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return shared_smpl_folder(tmp_path_factory)


@pytest.fixture
def copy(folder, tmp_path):
    """A folder of the same files, to take away from and add to."""
    linked = tmp_path / "smpl"
    linked.mkdir()
    for path in folder.iterdir():
        (linked / path.name).symlink_to(path)
    return linked


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "person.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8)).save(path)
    return path


def test_check_reports_every_file(cli, folder):
    ran = cli("body", "check", folder, "--json")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert report["serves"]
    assert report["missing"] == []
    for body, gender in zip(report["bodies"], ("neutral", "male", "female"), strict=True):
        assert body["gender"] == gender
        assert (body["vertices"], body["joints"], body["betas"]) == (6890, 24, 10)
        assert (body["topology"], body["version"], body["problem"]) == ("smpl", "1.0.0", None)
        assert body["sha256"] == sha256_file(folder / body["file"])
    assert [regressor["joints"] for regressor in report["regressors"]] == [17, 9]


def test_the_text_says_what_the_json_says(cli, folder):
    ran = cli("body", "check", folder)
    assert ran.code == 0
    shown = ran.out
    for words in ("6890 vertices", "24 joints", "10 betas (SMPL 1.0.0)", "female", "topology smpl", "can be"):
        assert words in shown
    for path in folder.iterdir():
        assert path.name in shown
        assert sha256_file(path) in shown


@pytest.mark.parametrize("missing", ["basicmodel_m_lbs_10_207_0_v1.0.0.pkl", "J_regressor_extra.npy"])
def test_a_folder_can_serve_without_what_few_need(cli, copy, missing):
    (copy / missing).unlink()
    ran = cli("body", "check", copy)
    assert ran.code == 0
    assert "missing: " in ran.err


@pytest.mark.parametrize("missing", ["basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "J_regressor_h36m.npy"])
def test_a_folder_cannot_serve_without_what_all_need(cli, copy, missing):
    (copy / missing).unlink()
    shown = cli("body", "check", copy)
    assert shown.code == 1
    assert "cannot be analysed" in shown.out
    assert "missing: " in shown.err


def test_all_unusable_files_are_reported_at_once(cli, copy):
    (copy / "SMPL_MALE.pkl").write_bytes(b"<html>please sign in</html>")
    (copy / "SMPL_FEMALE.pkl").write_bytes(python2_pickle({"v_template": np.zeros((10475, 3))}, 2))
    (copy / "J_regressor_h36m.npy").unlink()
    np.save(copy / "J_regressor_h36m.npy", smpl_like_arrays().h36m_regressor[::-1])
    shown = cli("body", "check", copy)
    assert shown.code == 1
    assert shown.err.count("not usable: ") == 3
    assert "not read: another file of this gender comes first" in shown.out


def test_a_wrong_path_is_one_clear_line(cli, tmp_path):
    ran = cli("body", "check", tmp_path / "nowhere")
    assert ran.code == 1
    assert ran.err.startswith("error: SMPL's files are looked for in")
    assert cli("body", "check").code == 2


@pytest.mark.parametrize(("model", "body"), [("spin", "open"), ("pare-open", "smpl")])
def test_a_body_of_another_topology_is_refused_and_both_are_named(cli, photo, tmp_path, model, body):
    ran = cli("heatmap", photo, "--model", model, "--body", body, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "'smpl'" in ran.err
    assert "'open-adult-6000-v1'" in ran.err
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def spin(tmp_path_factory):
    """A toolkit home with SPIN's checkpoint in its published layout, and random weights in it."""
    home = tmp_path_factory.mktemp("home")
    torch.manual_seed(0)
    checkpoint = {
        "model": build_network("spin_hmr").state_dict(),
        "optimizer": {},
        "epoch": 1,
        "batch_idx": 0,
        "batch_size": 64,
        "dataset_perm": None,
        "total_step_count": 0,
    }
    (home / "weights").mkdir()
    torch.save(checkpoint, home / "weights" / "model_checkpoint.pt")
    return home


@pytest.mark.slow
def test_a_heatmap_of_spin_on_smpl_from_published_files(cli, folder, photo, spin, tmp_path, monkeypatch):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(spin))
    truth = tmp_path / "truth.npz"
    pose = np.zeros(72)
    pose[0] = np.pi
    np.savez(truth, pose=pose, betas=np.zeros(10), topology="smpl", gender="male")
    words = ("heatmap", photo, "--model", "spin", "--body", "smpl", "--smpl-dir", folder, "--stride", "112")
    ran = cli(*words, "--joints", "head_top", "--ground-truth", truth, "--out", tmp_path / "out", "--json")
    assert ran.code == 0, ran.err
    maps = open_maps(tmp_path / "out" / "result.h5")
    assert card_of(maps).body == "smpl"
    assert card_of(maps).gender_rule == "male or female as the data set says"
    assert np.isfinite(maps["error"]).all()
    male = smpl_like_arrays("male")
    skeleton = (male.h36m_regressor @ male.v_template) * [1, -1, -1]  # half a turn about x
    wanted = (skeleton - skeleton[0])[[6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]]
    np.testing.assert_allclose(maps["true_joints_m"][0], wanted, atol=1e-5)
