"""Evaluations as people use them: one call for several models, tables, files that say what they are."""

import json

import h5py
import numpy as np
import pytest
import torch
import xarray as xr
from support.evaluate_fixtures import loaded, some_people
from support.fakes import TinyNetwork

from occlusion_toolkit.errors import ResultError, SweepError
from occlusion_toolkit.evaluation.evaluation import Evaluation
from occlusion_toolkit.evaluation.log import open_errors
from occlusion_toolkit.evaluation.run import evaluate
from occlusion_toolkit.sweep.maps import save_maps
from occlusion_toolkit.sweep.measure import METRICS

PEOPLE = 5


def height_only(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Distances along the camera's y axis alone."""
    return (predicted - target)[..., 1].abs()


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Evaluation:
    """Two models on five people, with a metric of one's own."""
    networks = [loaded(TinyNetwork(seed)) for seed in range(2)]
    metrics = {**METRICS, "height": height_only}
    folder = tmp_path_factory.mktemp("evaluation")
    return evaluate(networks, some_people(PEOPLE), metrics=metrics, device="cpu", batch_size=2, out=folder)


def test_means_count_every_sample_once(result):
    table, errors = result.table(), result.results[1]
    assert list(table.columns) == ["samples", "MPJPE", "PA-MPJPE", "height", "PVE"]
    row = table.iloc[1]
    assert row["MPJPE"] == pytest.approx(errors["clean_error"].values.mean(), rel=1e-6)
    assert row["height"] == pytest.approx(errors["clean_height_error"].values.mean(), rel=1e-6)
    assert row["PVE"] == pytest.approx(errors["clean_pve"].values.mean(), rel=1e-6)
    sequences = result.by_sequence(1)
    weighted = (sequences["samples"] * sequences["PA-MPJPE"]).sum() / PEOPLE
    assert weighted == pytest.approx(row["PA-MPJPE"])
    assert result.by_joint(1)["MPJPE"].mean() == pytest.approx(row["MPJPE"])


def test_own_metrics_are_measured_on_the_same_joints(result):
    errors = result.results[0]
    assert (errors["clean_height_error"] <= errors["clean_error"] + 1e-3).all()


def test_a_metric_that_gives_no_number_per_joint_is_refused():
    with pytest.raises(SweepError, match="'flat' gave"):
        evaluate(
            loaded(TinyNetwork()), some_people(2), metrics={"flat": lambda one, _: one[:, 0]}, device="cpu"
        )


def test_every_form_says_the_same(result, tmp_path):
    for name in ("all.json", "table.csv", "table.tex", "errors"):
        result.save(tmp_path / name)
    content = json.loads((tmp_path / "all.json").read_text())
    again = Evaluation.open(*sorted((tmp_path / "errors").glob("*.h5")))
    for overall in (content["models"][0]["overall"], content["models"][1]["overall"]):
        assert list(overall) == ["samples", "mpjpe_mm", "pa_mpjpe_mm", "height_mm", "pve_mm"]
        assert f"{overall['mpjpe_mm']:.1f}" in (tmp_path / "table.tex").read_text()
        assert any(np.isclose(overall["pve_mm"], again.table()["PVE"]))
    assert "MPJPE" in result._repr_html_()
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 3


def test_a_file_opens_in_plain_xarray_and_equal_results_give_equal_bytes(result, tmp_path):
    for name in ("one.h5", "two.h5"):
        save_maps(tmp_path / name, result.results[0])
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    with xr.open_dataset(tmp_path / "one.h5", engine="h5netcdf") as opened:
        assert opened["clean_error"].attrs["units"] == opened["clean_pve"].attrs["units"] == "mm"
        np.testing.assert_array_equal(opened["clean_error"], result.results[0]["clean_error"])
    xr.testing.assert_equal(open_errors(tmp_path / "two.h5"), result.results[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file.attrs.__setitem__("planned", 2), "5 of 2 people"),
        (lambda file: file.attrs.__setitem__("batch_size", "many"), "no evaluation"),
        (lambda file: file.attrs.__setitem__("protocol_hash", "0" * 16), "changed after"),
        (lambda file: file.attrs.__setitem__("protocol", "{}"), "malformed"),
        (lambda file: file.__delitem__("clean_pve"), "no clean_pve"),
        (lambda file: file.__delitem__("clean_height_error"), "no clean_height_error"),
        (lambda file: file.__delitem__("sequence"), "sequence"),
        (lambda file: file.move("clean_pve", "clean_betas"), "clean_"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(result, tmp_path, change, reason):
    path = tmp_path / "result.h5"
    save_maps(path, result.results[0])
    with h5py.File(path, "r+") as file:
        change(file)
        del file.attrs["content_sha256"]  # which would tell
    with pytest.raises(ResultError, match=reason):
        open_errors(path)
