"""The engine against code that shares nothing with it: captum, a naive loop, networks with known answers."""

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from support.fakes import (
    BEYOND_LEFT_ELBOW,
    PixelReader,
    StickBody,
    TinyNetwork,
    random_crops,
    random_people,
    sweep_of,
)

from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import values_of

TOLERANCE_MM = 1e-2  # 1e-5 m
RESOLUTION = 112
CAPTUM_JOINTS = [0, 6, 13]


def crop() -> torch.Tensor:
    return random_crops(1, RESOLUTION)


def sweep_map(network, grid, metric, joint_set=LSP14, truth=None):
    maps = sweep_of(network, grid=grid, joint_set=joint_set).run(crop(), truth)
    return values_of(maps, metric).values[0]


def error_mm(network, crops, joint_set, truth):
    """(B, J) pelvis-centred errors straight from the definition."""
    body = StickBody()
    predicted = body.centred_joints(network(crops), joint_set)
    return 1000 * (predicted - body.centred_joints(truth, joint_set)).norm(dim=-1)


@pytest.mark.parametrize("kind", ["centred", "inside", "script"])
@pytest.mark.parametrize("joint_set", [SMPL24, LSP14], ids=["smpl24", "lsp14"])
def test_error_map_equals_a_naive_loop(kind, joint_set):
    grid, network, truth = Grid(kind, 40, 28, RESOLUTION), TinyNetwork().eval(), random_people(1)
    expected = np.zeros((len(joint_set), grid.rows, grid.cols))
    for row in range(grid.rows):
        for col in range(grid.cols):
            y0, y1, x0, x1 = grid.windows()[row * grid.cols + col]
            occluded = crop()
            occluded[:, :, y0:y1, x0:x1] = 0
            with torch.no_grad():
                expected[:, row, col] = error_mm(network, occluded, joint_set, truth)[0]
    measured = sweep_map(network, grid, "error", joint_set, truth=truth)
    np.testing.assert_allclose(measured, expected, atol=TOLERANCE_MM, rtol=0)


def captum_attribution(network, size, stride, truth):
    """captum's maps (3, H, W) of some joints: error drop, averaged over the windows that cover a pixel."""
    occlusion = Occlusion(lambda crops: error_mm(network, crops, LSP14, truth))
    return np.stack(
        [
            occlusion.attribute(
                crop(),
                sliding_window_shapes=(3, size, size),
                strides=(3, stride, stride),
                baselines=0,
                target=joint,
                perturbations_per_eval=8,
            )[0, 0].numpy()
            for joint in CAPTUM_JOINTS
        ]
    )


def test_increase_equals_captum_where_windows_do_not_overlap():
    grid, network, truth = Grid("centred", 28, 28, RESOLUTION), TinyNetwork().eval(), random_people(1)
    with torch.no_grad():
        attribution = captum_attribution(network, 28, 28, truth)
    increase = sweep_map(network, grid, "increase", truth=truth)[CAPTUM_JOINTS]
    per_pixel = increase.repeat(28, axis=1).repeat(28, axis=2)
    np.testing.assert_allclose(per_pixel, -attribution, atol=TOLERANCE_MM, rtol=0)


def test_increase_averaged_over_overlapping_windows_equals_captum():
    grid, network, truth = Grid("script", 40, 24, RESOLUTION), TinyNetwork().eval(), random_people(1)
    with torch.no_grad():
        attribution = captum_attribution(network, 40, 24, truth)
    increase = sweep_map(network, grid, "increase", truth=truth)[CAPTUM_JOINTS]
    total, count = np.zeros_like(attribution), np.zeros(attribution.shape[1:])
    for values, (y0, y1, x0, x1) in zip(increase.reshape(len(increase), -1).T, grid.windows(), strict=True):
        total[:, y0:y1, x0:x1] += values[:, None, None]
        count[y0:y1, x0:x1] += 1
    assert count.max() == 4
    np.testing.assert_allclose(total / count, -attribution, atol=TOLERANCE_MM, rtol=0)


@pytest.mark.parametrize("pixel", [(50, 37), (0, 0), (111, 60), (32, 111)])
@pytest.mark.parametrize("kind", ["centred", "inside", "script"])
def test_a_network_that_reads_one_pixel_moves_in_exactly_the_cells_that_hide_it(kind, pixel):
    grid = Grid(kind, 40, 8, RESOLUTION)
    moved = sweep_map(PixelReader(*pixel), grid, "displacement", SMPL24)
    y0, y1, x0, x1 = grid.windows().T
    hides = (y0 <= pixel[0]) & (pixel[0] < y1) & (x0 <= pixel[1]) & (pixel[1] < x1)
    assert hides.any()
    for joint, name in enumerate(SMPL24.joint_names):
        expected = hides if name in BEYOND_LEFT_ELBOW else np.zeros_like(hides)
        np.testing.assert_array_equal(moved[joint] > 0, expected.reshape(grid.rows, grid.cols), err_msg=name)


def test_the_displacement_of_a_bent_elbow_is_the_length_of_its_chord():
    pixel = (50, 37)
    moved = sweep_map(PixelReader(*pixel), Grid("centred", 40, 8, RESOLUTION), "displacement", SMPL24)
    rest = StickBody().rest_joints
    elbow, wrist = SMPL24.index("left_elbow"), SMPL24.index("left_wrist")
    radius = (rest[wrist] - rest[elbow])[:2].norm().item()  # the elbow turns about z
    angle = crop()[0, 0, pixel[0], pixel[1]].item()  # grey is 0, so the arm goes back by all of it
    assert moved[wrist].max() == pytest.approx(1000 * 2 * radius * abs(np.sin(angle / 2)), rel=1e-5)


@pytest.mark.parametrize("joint_set", [SMPL24, LSP14], ids=["smpl24", "lsp14"])
def test_an_occluder_equal_to_the_image_moves_nothing_at_all(joint_set):
    sweep = sweep_of(grid=Grid("centred", 40, 8, RESOLUTION), batch_size=7, joint_set=joint_set)
    maps = sweep.run(torch.zeros(1, 3, RESOLUTION, RESOLUTION), random_people(1))
    for metric in ("displacement", "pa_displacement", "increase", "pa_increase"):
        assert (values_of(maps, metric) == 0).all(), metric
    assert (maps["camera"] == maps["clean_camera"]).all()


def test_windows_that_hide_only_their_own_colour_move_nothing_while_others_do():
    half_grey, grid = crop(), Grid("inside", 40, 8, RESOLUTION)
    half_grey[:, :, :, : RESOLUTION // 2] = 0
    maps = sweep_of(grid=grid, batch_size=5, joint_set=SMPL24).run(half_grey)
    moved = maps["displacement"].values[0, 1:].max(axis=0)
    in_grey = (grid.windows()[:, 3] <= RESOLUTION // 2).reshape(moved.shape)
    assert (moved[in_grey] == 0).all()
    assert (moved[~in_grey] > 0).all()
