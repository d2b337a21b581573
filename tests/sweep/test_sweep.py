"""The sweep: what it measures, by definition; batches and streams; what it refuses."""

import dataclasses

import numpy as np
import pytest
import torch
import xarray as xr
from support.equality import assert_close
from support.fakes import SMALL_GRID as GRID
from support.fakes import (
    PixelReader,
    StickBody,
    bent_elbow,
    random_crops,
    random_people,
    sweep_of,
)

from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import CropError, GroundTruthError, SweepError, UsageError
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import values_of
from occlusion_toolkit.sweep.measure import METRICS
from occlusion_toolkit.sweep.subjects import Subject

PASSES = len(GRID) + 1
TOLERANCE_MM = 1e-2  # 1e-5 m


@pytest.mark.parametrize("occluder", ["grey", "mean", "blur", "noise"])
def test_batch_sizes_1_7_and_64_agree(occluder):
    crops, truth = random_crops(2, GRID.resolution), random_people(2)
    by_size = [sweep_of(batch_size=size, occluder=occluder).run(crops, truth) for size in (1, 7, 64)]
    for maps in by_size[1:]:
        assert_close(maps, by_size[0])


def test_many_crops_together_are_many_crops_one_by_one():
    crops, truth = random_crops(3, GRID.resolution), random_people(3)
    together = sweep_of(batch_size=50).run(crops, truth)
    for number in range(3):
        one = slice(number, number + 1)
        assert_close(together.isel(image=one), sweep_of(batch_size=50).run(crops[one], truth[one]))
    assert np.ptp(together["error"].values, axis=0).max() > 1


def test_a_stream_gives_results_as_they_are_complete_and_draws_crops_when_needed():
    crops, drawn = random_crops(3, GRID.resolution), []

    def subjects():
        for number, crop in enumerate(crops):
            drawn.append(number)
            yield Subject(crop)

    stream = sweep_of(batch_size=PASSES).stream(subjects())
    first = next(stream)
    assert drawn == [0]
    rest = list(stream)
    assert_close(xr.concat([first, *rest], "image"), sweep_of().run(crops))


def test_windows_that_change_no_pixel_have_exactly_the_clean_numbers_however_batches_round():
    """Grey over grey: a network, and a metric, that answer each row of a batch a little differently."""
    crop = random_crops(1, GRID.resolution)
    crop[:, :, : GRID.resolution // 2] = 0.0  # what the grey occluder paints

    def jittery(crops):
        return bent_elbow(0.3 + 0.01 * torch.arange(len(crops)))

    def rounding(predicted, target):
        return (predicted - target).norm(dim=-1) + 1e-3 * torch.arange(len(predicted))[:, None]

    metrics = {"mpjpe": METRICS["mpjpe"], "rounding": rounding}
    maps = sweep_of(jittery, metrics=metrics, batch_size=7).run(crop, random_people(1))
    untouched = GRID.windows()[:, 1] <= GRID.resolution // 2
    assert 0 < untouched.sum() < len(GRID)
    for name in ("error", "rounding_error"):
        flat = maps[name].values[0].reshape(len(LSP14.joint_names), -1)
        clean = maps[f"clean_{name}"].values[0][:, None]
        assert (flat[:, untouched] == clean).all(), name
        assert (flat[:, ~untouched] != clean).any(), name
    assert (maps["displacement"].values[0].reshape(14, -1)[:, untouched] == 0).all()
    joints, clean_joints = maps["joints_m"].values[0].reshape(len(GRID), -1, 3), maps["clean_joints_m"].values
    assert (joints[untouched] == clean_joints).all()


def test_no_crops_are_an_error():
    with pytest.raises(CropError, match="no crops"):
        sweep_of().run(torch.zeros(0, 3, 64, 64))


@pytest.mark.parametrize("joint_set", [SMPL24, LSP14], ids=["smpl24", "lsp14"])
def test_metrics_follow_their_definitions(joint_set):
    truth = random_people(1)
    maps = sweep_of(joint_set=joint_set).run(random_crops(1, GRID.resolution), truth)
    true_joints = StickBody().centred_joints(truth, joint_set).numpy()
    joints, clean = maps["joints_m"].values, maps["clean_joints_m"].values
    np.testing.assert_allclose(maps["true_joints_m"], true_joints, atol=1e-6)

    def distance(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
        return 1000 * np.linalg.norm(predicted - target, axis=-1)

    error, clean_error = distance(joints, true_joints).transpose(0, 3, 1, 2), distance(clean, true_joints)
    np.testing.assert_allclose(maps["error"], error, atol=1e-3)
    np.testing.assert_allclose(maps["clean_error"], clean_error, atol=1e-3)
    np.testing.assert_allclose(values_of(maps, "increase"), error - clean_error[..., None, None], atol=2e-3)
    np.testing.assert_allclose(maps["displacement"], distance(joints, clean).transpose(0, 3, 1, 2), atol=1e-3)
    assert {maps[name].dtype for name in maps} == {np.dtype("float32")}
    assert list(maps["joint"]) == list(joint_set.joint_names)


def test_lsp14_is_centred_on_its_own_pelvis_and_smpl24_on_joint_0():
    lsp, smpl = (
        sweep_of(joint_set=joints).run(random_crops(1, 64))["joints_m"] for joints in (LSP14, SMPL24)
    )
    hips = ["right_hip", "left_hip"]
    np.testing.assert_allclose(lsp.sel(joint=hips).mean("joint"), 0, atol=1e-6)
    assert (smpl.sel(joint="pelvis") == 0).all()
    assert np.abs(smpl.sel(joint=hips).mean("joint")).max() > 0.01


def closeness(predicted, target):
    """A metric of one's own that writes to what it is given: half the distance."""
    predicted -= target
    return 0.5 * predicted.norm(dim=-1)


def test_a_metric_of_ones_own_is_measured_beside_the_others_and_changes_none_of_them():
    crops, truth = random_crops(1, 64), random_people(1)
    maps = sweep_of(metrics={"mine": closeness, **METRICS}).run(crops, truth)
    np.testing.assert_allclose(maps["mine_error"], maps["error"] / 2, rtol=1e-6)
    np.testing.assert_allclose(maps["clean_mine_error"], maps["clean_error"] / 2, rtol=1e-6)
    np.testing.assert_allclose(maps["mine_displacement"], maps["displacement"] / 2, rtol=1e-6)
    np.testing.assert_allclose(values_of(maps, "mine_increase"), values_of(maps, "increase") / 2, atol=1e-3)
    mine = ["mine_error", "mine_displacement", "clean_mine_error"]
    xr.testing.assert_identical(maps.drop_vars(mine), sweep_of().run(crops, truth))


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (lambda p, t: (p - t).norm(dim=-1).mean(dim=1), r"'mine' gave \(65,\) for joints"),
        (lambda p, t: (p - t).norm(dim=-1) / 0, "'mine' gave NaN or infinite"),
        (lambda p, t: (p - t).norm(dim=-1).numpy(), "'mine' gave a ndarray"),
    ],
    ids=["one per person", "not finite", "no tensor"],
)
def test_a_metric_that_gives_something_else_is_named(metric, words):
    with pytest.raises(SweepError, match=words):
        sweep_of(metrics={"mine": metric}).run(random_crops(1, 64))


def test_aligned_error_forgives_scale_and_turn_but_error_does_not():
    people = random_people(1)
    turned = people.rotmats.clone()
    turned[:, 0] = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ turned[:, 0]
    truth = BodyParameters(turned, people.betas, people.camera)

    def network(crops):
        repeated = people[torch.zeros(len(crops), dtype=torch.int64)]
        return RegressorOutput(repeated.rotmats, repeated.betas, repeated.camera)

    subject = Subject(random_crops(1, 64)[0], truth, truth_body=StickBody(scale=1.5))
    (maps,) = sweep_of(network, joint_set=SMPL24).stream([subject])
    assert maps["pa_error"].max() < TOLERANCE_MM
    assert maps["error"].max() > 100


def test_truth_may_be_parameters_of_another_body():
    crop, truth = random_crops(1, 64)[0], random_people(1)
    other = StickBody(seed=9)
    (maps,) = sweep_of().stream([Subject(crop, truth, truth_body=other)])
    np.testing.assert_allclose(maps["true_joints_m"], other.centred_joints(truth, LSP14), atol=1e-6)


def test_maps_have_the_rows_and_columns_of_the_grid():
    grid = Grid("centred", 16, 16, 64)
    maps = sweep_of(PixelReader(40, 24), grid=grid).run(random_crops(1, 64))
    wrist = maps["displacement"].isel(image=0).sel(joint="left_wrist")
    assert np.argwhere(wrist.values > 0).tolist() == [[2, 1]]
    assert float(wrist.sel(row=40, col=24)) == float(wrist.max())  # labelled by where windows are centred


def test_the_parameters_of_every_window_reproduce_its_joints():
    maps = sweep_of().run(random_crops(1, 64))
    for prefix in ("", "clean_"):
        arrays = (maps[prefix + name].values for name in ("rotmats", "betas", "camera"))
        flat = (torch.from_numpy(a.reshape(-1, *a.shape[1 if prefix else 3 :])) for a in arrays)
        joints = StickBody().centred_joints(BodyParameters(*flat), LSP14)
        expected = maps[f"{prefix}joints_m"].values.reshape(-1, 14, 3)
        np.testing.assert_allclose(joints, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["rotmats", "betas"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_ground_truth_is_named_before_the_network_runs(name, value):
    truth = random_people(3)
    broken = getattr(truth, name).clone()
    broken[2].view(-1)[0] = value
    truth = dataclasses.replace(truth, **{name: broken})

    def unused(crops):
        raise AssertionError("the network ran")

    with pytest.raises(GroundTruthError, match=f"{name} of crop 2"):
        sweep_of(unused).run(random_crops(3, 64), truth)


def test_broken_ground_truth_in_a_stream_is_named_too():
    truth = random_people(1)
    truth.betas[0, 3] = float("nan")
    subjects = [Subject(random_crops(1, 64)[0]), Subject(random_crops(1, 64)[0], truth)]
    with pytest.raises(GroundTruthError, match="betas of crop 1"):
        list(sweep_of().stream(subjects))


def test_ground_truth_for_another_number_of_crops_is_an_error():
    with pytest.raises(GroundTruthError, match="2 bodies for 3 crops"):
        sweep_of().run(random_crops(3, 64), random_people(2))


def test_an_unknown_camera_is_no_broken_ground_truth():
    truth = dataclasses.replace(random_people(1), camera=torch.full((1, 3), float("nan")))
    assert np.isfinite(sweep_of().run(random_crops(1, 64), truth)["error"]).all()


def test_a_network_that_gives_nan_is_an_error_that_says_where():
    def network(crops):
        output = bent_elbow(crops[:, 0, 40, 40])
        output.betas[crops[:, 0, 40, 40] == 0] = float("nan")  # only under windows that hide the pixel
        return output

    first = int(np.flatnonzero([(w[0] <= 40 < w[1]) and (w[2] <= 40 < w[3]) for w in GRID.windows()])[0])
    with pytest.raises(SweepError, match=rf"betas for crop 0 \(under window {first}\)"):
        sweep_of(network).run(random_crops(1, 64))


@pytest.mark.parametrize(
    "crops",
    [
        torch.zeros(1, 3, 32, 32),
        torch.zeros((1, 3, 64, 64), dtype=torch.int64),
        torch.full((1, 3, 64, 64), torch.nan),
    ],
    ids=["size", "integers", "nan"],
)
def test_crops_that_do_not_fit_are_an_error(crops):
    with pytest.raises((CropError, TypeError)):
        list(sweep_of().stream([Subject(crops[0])]))


def test_progress_counts_every_pass_once():
    done = []
    sweep_of(batch_size=10).run(random_crops(2, 64), progress=lambda *counts: done.append(counts))
    assert done == [(min(10 * k, 2 * PASSES), 2 * PASSES) for k in range(1, len(done) + 1)]
    assert done[-1] == (2 * PASSES, 2 * PASSES)


def test_an_interrupt_comes_through_and_the_sweep_can_be_used_again():
    crops, sweep = random_crops(1, 64), sweep_of()

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.run(crops, progress=interrupt)
    assert_close(sweep.run(crops), sweep_of().run(crops))


@pytest.mark.parametrize("batch_size", [0, -4])
def test_a_batch_size_below_one_is_an_error(batch_size):
    with pytest.raises(UsageError, match="batch size"):
        sweep_of(batch_size=batch_size)


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_an_error(device):
    with pytest.raises(UsageError, match=device):
        sweep_of(device=device)
