"""The evaluate command as a user meets it: tables, JSON and LaTeX, and one clear line on bad input."""

import json
from pathlib import Path

import pytest
from support.screens import rows_on_a_screen

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.evaluation import run as analysis
from occlusion_toolkit.evaluation.log import open_errors
from occlusion_toolkit.sweep.maps import card_of

MODELS = ("--model", "pare-open", "--model", "hmr-open")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, cli) -> Path:
    """A folder with the evaluation of two models on six people."""
    folder = tmp_path_factory.mktemp("evaluate") / "out"
    assert cli("evaluate", *MODELS, "--limit", 6, "--out", folder).code == 0
    return folder


def test_one_table_shows_all_models_and_tables_show_sequences_and_joints(out, cli):
    text = cli("evaluate", *MODELS, "--limit", 6, "--out", out, "--verbose").out
    assert "open test, mm" in text
    for word in ("pare-open by sequence", "hmr-open by joint", "MPJPE", "PA-MPJPE", "PVE"):
        assert word in text
    assert all(name.replace("_", " ") in text for name in LSP14.joint_names)
    for path in out.glob("*.h5"):
        assert open_errors(path).attrs["protocol_hash"] in text
    assert "one body whatever the gender" in text
    assert "in brackets" not in text  # a part of the data set is not compared with figures of the whole


def test_the_answer_fits_a_screen(out, cli):
    text = cli("evaluate", *MODELS, "--limit", 6, "--out", out).out
    assert rows_on_a_screen(text) <= 24
    assert "hmr-open: worst joint " in text
    assert "by sequence" not in text


def test_json_holds_what_the_files_hold(out, cli):
    content = json.loads(cli("evaluate", *MODELS, "--limit", 6, "--out", out, "--json").out)
    assert content["published"] is None
    for model, file in zip(content["models"], content["files"], strict=True):
        stored = open_errors(Path(file))
        assert model["protocol_hash"] == stored.attrs["protocol_hash"]
        assert model["protocol"] == card_of(stored).model_dump(mode="json")
        assert model["overall"]["mpjpe_mm"] == pytest.approx(stored["clean_error"].values.mean(), rel=1e-6)
        assert (
            model["overall"]["samples"] == sum(part["samples"] for part in model["sequences"].values()) == 6
        )
        assert list(model["joints"]) == list(LSP14.joint_names)


def test_latex_is_a_booktabs_table(out, cli):
    text = cli("evaluate", *MODELS, "--limit", 6, "--out", out, "--latex").out
    for command in (r"\begin{tabular}", r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}"):
        assert text.count(command) == 1
    assert sum(line.startswith(("pare-open &", "hmr-open &")) for line in text.splitlines()) == 2


def test_joints_and_alignment_are_chosen_and_recorded(tmp_path, cli):
    options = ("--joints", "smpl24", "--pve-align", "pelvis", "--limit", 2, "--out", tmp_path, "--json")
    (model,) = json.loads(cli("evaluate", "--model", "hmr-open", *options).out)["models"]
    assert model["protocol"]["joint_set"] == "smpl24"
    assert model["protocol"]["pve_alignment"] == "pelvis"
    assert len(model["joints"]) == 24


def test_ctrl_c_says_that_the_same_line_goes_on(tmp_path, cli, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(analysis, "crop_batches", interrupted)
    code, _, err = cli("evaluate", "--limit", 2, "--out", tmp_path)
    assert code == 130
    assert "what was measured is kept; go on with:" in err


BAD_OPTIONS = {
    "both forms": (("--json", "--latex"), 2, "not both"),
    "unknown data set": (("--dataset", "coco"), 2, "coco"),
    "unknown model": (("--model", "pare-opne"), 1, "Did you mean"),
    "unknown joints": (("--joints", "face"), 2, "face"),
    "no limit at all": (("--limit", 0), 2, "limit"),
    "missing root": (("--root", "nowhere"), 1, "nowhere"),
    "another body": (("--body", "smpl"), 1, "--body smpl"),
    "models of another body": (("--model", "spin", "--dataset", "open"), 1, "fetch_data.sh"),
    "no such device": (("--device", "tpu"), 1, "unknown device"),
    "no 3DPW": (("--dataset", "3dpw"), 1, "3DPW is at"),
}


@pytest.mark.parametrize(("words", "code", "reason"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_mistakes_end_in_one_clear_line_and_nothing_is_written(
    words, code, reason, tmp_path, monkeypatch, cli
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    found, _, err = cli("evaluate", *words, "--out", tmp_path / "out")
    assert found == code
    shown = " ".join(err.split())
    assert reason in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "out").exists()
