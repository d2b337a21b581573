import dataclasses

import numpy as np
import pytest
import torch
from occlusion_toolkit.sweep.result import SweepResult
from support.fakes import PixelReader, StickBody, TinyNetwork, bent_elbow, random_crops, random_people

from occlusion_toolkit.body.joints import H36M17, LSP14, SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import CropError, GroundTruthError, SweepError, UsageError
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.subjects import Subject
from occlusion_toolkit.sweep.sweep import OcclusionSweep

GRID = Grid(size=16, stride=8, resolution=64)
PASSES = len(GRID) + 1
TOLERANCE_MM = 1e-2  # 1e-5 m
READOUTS = [
    (readout, aligned) for readout in ("error", "increase", "displacement") for aligned in (False, True)
]


def make_sweep(network=None, *, batch_size=16, occluder="grey", body=None) -> OcclusionSweep:
    return OcclusionSweep(
        network or TinyNetwork(),
        body or StickBody(),
        GRID,
        parse_occluder(occluder, GRID.size),
        batch_size=batch_size,
    )


def assert_same(result: SweepResult, expected: SweepResult) -> None:
    """Equal within 1e-5 m (joints), 1e-2 mm (distances) and 1e-5 (parameters)."""
    for name in ("rotmats", "betas", "camera", "clean_rotmats", "clean_betas", "clean_camera"):
        np.testing.assert_allclose(getattr(result, name), getattr(expected, name), atol=1e-5, rtol=0)
    for joint_set in (SMPL24, LSP14):
        joints, expected_joints = result.of(joint_set).joints_m, expected.of(joint_set).joints_m
        np.testing.assert_allclose(joints, expected_joints, atol=1e-5, rtol=0)
        for readout, aligned in READOUTS if expected.has_ground_truth else READOUTS[-2:]:
            difference = result.map(readout, joint_set, aligned) - expected.map(readout, joint_set, aligned)
            assert np.abs(difference).max() < TOLERANCE_MM


@pytest.mark.parametrize("occluder", ["grey", "mean", "blur", "noise"])
def test_batch_sizes_1_7_and_64_agree(occluder):
    crops, truth = random_crops(2, GRID.resolution), random_people(2)
    by_size = [make_sweep(batch_size=size, occluder=occluder).run(crops, truth) for size in (1, 7, 64)]
    for results in by_size[1:]:
        for result, expected in zip(results, by_size[0], strict=True):
            assert_same(result, expected)


def test_many_crops_together_are_many_crops_one_by_one():
    crops, truth = random_crops(3, GRID.resolution), random_people(3)
    together = make_sweep(batch_size=50).run(crops, truth)
    for number, result in enumerate(together):
        one = slice(number, number + 1)
        (alone,) = make_sweep(batch_size=50).run(crops[one], truth[one])
        assert_same(result, alone)
    assert np.abs(together[0].map("error", LSP14) - together[1].map("error", LSP14)).max() > 1


def test_a_stream_gives_results_as_they_are_complete_and_draws_crops_when_needed():
    crops, drawn = random_crops(3, GRID.resolution), []

    def subjects():
        for number, crop in enumerate(crops):
            drawn.append(number)
            yield Subject(crop)

    stream = make_sweep(batch_size=PASSES).stream(subjects())
    first = next(stream)
    assert drawn == [0]
    rest = list(stream)
    for result, expected in zip([first, *rest], make_sweep().run(crops), strict=True):
        assert_same(result, expected)


def test_no_crops_give_no_results():
    assert make_sweep().run(torch.zeros(0, 3, 64, 64)) == []


def test_read_outs_follow_their_definitions():
    truth = random_people(1)
    (result,) = make_sweep().run(random_crops(1, GRID.resolution), truth)
    for joint_set in (SMPL24, LSP14):
        measured = result.of(joint_set)
        true_joints = StickBody().centred_joints(truth, joint_set)[0].numpy()
        np.testing.assert_allclose(measured.true_joints_m, true_joints, atol=1e-6)
        error = 1000 * np.linalg.norm(measured.joints_m - true_joints, axis=-1)
        np.testing.assert_allclose(measured.error_mm, error, atol=1e-3)
        clean_error = 1000 * np.linalg.norm(measured.clean_joints_m - true_joints, axis=-1)
        np.testing.assert_allclose(measured.clean_error_mm, clean_error, atol=1e-3)
        np.testing.assert_allclose(
            result.values("increase", joint_set), error - clean_error, atol=2e-3, rtol=0
        )
        moved = 1000 * np.linalg.norm(measured.joints_m - measured.clean_joints_m, axis=-1)
        np.testing.assert_allclose(measured.displacement_mm, moved, atol=1e-3)
        assert measured.joints_m.dtype == measured.error_mm.dtype == np.float32


def test_lsp14_is_centred_on_its_own_pelvis_and_smpl24_on_joint_0():
    (result,) = make_sweep().run(random_crops(1, GRID.resolution))
    hips = [LSP14.index("right_hip"), LSP14.index("left_hip")]
    np.testing.assert_allclose(result.of(LSP14).joints_m[:, hips].mean(axis=1), 0, atol=1e-6)
    np.testing.assert_array_equal(result.of(SMPL24).joints_m[:, 0], 0)
    assert np.abs(result.of(SMPL24).joints_m[:, [1, 2]].mean(axis=1)).max() > 0.01


def test_aligned_error_forgives_scale_and_turn_but_error_does_not():
    people = random_people(1)
    turned = people.rotmats.clone()
    turned[:, 0] = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ turned[:, 0]
    truth = BodyParameters(turned, people.betas, people.camera)

    def network(crops):
        repeated = people[torch.zeros(len(crops), dtype=torch.int64)]
        return RegressorOutput(repeated.rotmats, repeated.betas, repeated.camera)

    subject = Subject(random_crops(1, 64)[0], truth, truth_body=StickBody(scale=1.5))
    (result,) = make_sweep(network).stream([subject])
    assert result.map("error", SMPL24, aligned=True).max() < TOLERANCE_MM
    assert result.map("error", SMPL24).max() > 100


def test_truth_may_be_parameters_of_another_body():
    crop, truth = random_crops(1, 64)[0], random_people(1)
    other = StickBody(seed=9)
    (result,) = make_sweep().stream([Subject(crop, truth, truth_body=other)])
    expected = other.centred_joints(truth, LSP14)[0].numpy()
    np.testing.assert_allclose(result.of(LSP14).true_joints_m, expected, atol=1e-6)


def test_maps_have_the_rows_and_columns_of_the_grid():
    grid = Grid("centred", 16, 16, 64)
    row, col = 2, 1
    sweep = OcclusionSweep(
        PixelReader(16 * row + 8, 16 * col + 8), StickBody(), grid, parse_occluder("grey", 16)
    )
    (result,) = sweep.run(random_crops(1, 64))
    wrist = result.map("displacement", SMPL24)[SMPL24.index("left_wrist")]
    assert np.argwhere(wrist > 0).tolist() == [[row, col]]


def test_the_parameters_of_every_window_reproduce_its_joints():
    (result,) = make_sweep().run(random_crops(1, 64))
    arrays = (result.rotmats, result.betas, result.camera)
    joints = StickBody().centred_joints(BodyParameters(*map(torch.from_numpy, arrays)), LSP14)
    np.testing.assert_allclose(joints, result.of(LSP14).joints_m, atol=1e-6)
    clean = (result.clean_rotmats, result.clean_betas, result.clean_camera)
    clean_body = BodyParameters(*(torch.from_numpy(array)[None] for array in clean))
    clean_joints = StickBody().centred_joints(clean_body, LSP14)[0]
    np.testing.assert_allclose(clean_joints, result.of(LSP14).clean_joints_m, atol=1e-6)


def test_result_records_what_was_done():
    (result,) = make_sweep(batch_size=9).run(random_crops(1, 64))
    assert result.grid == GRID
    assert "124,116,104" in result.occluder
    assert (result.precision, result.compiled, result.deviation_mm, result.batch_size) == (
        "fp32",
        False,
        None,
        9,
    )


def test_without_ground_truth_there_is_displacement_and_no_error():
    (result,) = make_sweep().run(random_crops(1, 64))
    assert not result.has_ground_truth
    assert result.default_readout == "displacement"
    for readout in ("error", "increase"):
        with pytest.raises(GroundTruthError, match=readout):
            result.map(readout, LSP14)


def test_with_ground_truth_error_is_shown_first():
    (result,) = make_sweep().run(random_crops(1, 64), random_people(1))
    assert result.has_ground_truth
    assert result.default_readout == "error"


def test_unknown_read_outs_and_joint_sets_are_errors():
    (result,) = make_sweep().run(random_crops(1, 64))
    with pytest.raises(UsageError, match="smpl24, lsp14"):
        result.of(H36M17)


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
        make_sweep(unused).run(random_crops(3, 64), truth)


def test_broken_ground_truth_in_a_stream_is_named_too():
    truth = random_people(1)
    truth.betas[0, 3] = float("nan")
    subjects = [Subject(random_crops(1, 64)[0]), Subject(random_crops(1, 64)[0], truth)]
    with pytest.raises(GroundTruthError, match="betas of crop 1"):
        list(make_sweep().stream(subjects))


def test_ground_truth_for_another_number_of_crops_is_an_error():
    with pytest.raises(GroundTruthError, match="2 bodies for 3 crops"):
        make_sweep().run(random_crops(3, 64), random_people(2))


def test_an_unknown_camera_is_no_broken_ground_truth():
    truth = dataclasses.replace(random_people(1), camera=torch.full((1, 3), float("nan")))
    (result,) = make_sweep().run(random_crops(1, 64), truth)
    assert np.isfinite(result.map("error", LSP14)).all()


def test_a_network_that_gives_nan_is_an_error_that_says_where():
    def network(crops):
        output = bent_elbow(crops[:, 0, 40, 40])
        output.betas[crops[:, 0, 40, 40] == 0] = float("nan")  # only under windows that hide the pixel
        return output

    first = int(np.flatnonzero([(w[0] <= 40 < w[1]) and (w[2] <= 40 < w[3]) for w in GRID.windows()])[0])
    with pytest.raises(SweepError, match=rf"betas for crop 0 \(under window {first}\)"):
        make_sweep(network).run(random_crops(1, 64))


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
        list(make_sweep().stream([Subject(crops[0])]))


def test_progress_counts_every_pass_once():
    done = []
    make_sweep(batch_size=10).run(random_crops(2, 64), progress=lambda *counts: done.append(counts))
    assert done == [(min(10 * k, 2 * PASSES), 2 * PASSES) for k in range(1, len(done) + 1)]
    assert done[-1] == (2 * PASSES, 2 * PASSES)


def test_an_interrupt_comes_through_and_the_sweep_can_be_used_again():
    crops, sweep = random_crops(1, 64), make_sweep()

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.run(crops, progress=interrupt)
    assert_same(sweep.run(crops)[0], make_sweep().run(crops)[0])


@pytest.mark.parametrize("batch_size", [0, -4])
def test_a_batch_size_below_one_is_an_error(batch_size):
    with pytest.raises(UsageError, match="batch size"):
        make_sweep(batch_size=batch_size)


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_an_error(device):
    with pytest.raises(UsageError, match=device):
        OcclusionSweep(TinyNetwork(), StickBody(), GRID, parse_occluder("grey", 16), device=device)
