"""Crops of a network's own: the golden ones, where they lie, and that windows keep to the photograph."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import CropError
from occlusion_toolkit.models.preprocessing import REFERENCE, Preprocessing
from occlusion_toolkit.models.registry import load_card
from occlusion_toolkit.models.views import Frame, own_box, view_of
from occlusion_toolkit.sweep.grid import Grid

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "hmr2_crop_golden.json").read_text())
ONE_GREY_LEVEL = 0.0177

WINDOWS = torch.from_numpy(Grid(size=40, stride=8).windows())


def photo() -> np.ndarray:
    y, x, c = np.meshgrid(np.arange(480), np.arange(640), np.arange(3), indexing="ij")
    return np.round(127.5 + 60 * np.sin(x / 17 + c) + 60 * np.cos(y / 23 - 2 * c)).astype(np.uint8)


def hmr2(**changes: object) -> Preprocessing:
    return load_card("hmr2").preprocessing.model_copy(update=changes)


def box_of(corners: list[float]) -> CropBox:
    x0, y0, x1, y1 = corners
    return CropBox.from_xywh(x0, y0, x1 - x0, y1 - y0)


@pytest.mark.parametrize("case", CASES)
def test_boxes_are_grown_to_three_by_four_as_the_golden_ones(case: dict):
    box = own_box(hmr2(), box_of(case["box"]))
    assert box.centre == pytest.approx(case["center"])
    assert box.size == pytest.approx(case["box_size"], abs=1e-4)
    gain = 256 / box.size
    mine = [[gain, 0, 128 - gain * box.centre[0]], [0, gain, 128 - gain * box.centre[1]]]
    np.testing.assert_allclose(mine, case["T"], atol=1e-4 * max(1, abs(case["T"][0][2])))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_crops_are_the_golden_ones_within_a_grey_level(number: int):
    """The golden patches are made by the demo, which blurs the fifth."""
    view = view_of(hmr2(crop_rule="blurred"), photo(), box_of(CASES[number]["box"]))
    with np.load(GOLDEN / "hmr2_crop_patch_golden.npz") as patches:
        golden = patches[f"patch{number}"]
    assert float(np.abs(view.crop[:, 4::16, 4::16].numpy() - golden).max()) <= ONE_GREY_LEVEL
    sharp = view_of(hmr2(), photo(), box_of(CASES[number]["box"]))
    blurred = CASES[number]["blur_sigma"] > 0
    assert torch.equal(sharp.crop, view.crop) != blurred


def test_crops_of_hmr2_follow_the_rectangle_and_camerahmrs_its_longer_side():
    wide, unknown = CropBox.from_xywh(100.0, 100.0, 200.0, 100.0), CropBox((200.0, 150.0), 240.0)
    assert own_box(hmr2(), wide).size == pytest.approx(200 * 4 / 3)
    assert own_box(load_card("camerahmr").preprocessing, wide).size == 200.0
    assert own_box(hmr2(), unknown).size == pytest.approx(200 * 4 / 3)  # taken to be square


@pytest.mark.parametrize("colours", ["rgb", "bgr"])
@pytest.mark.parametrize("normalisation", ["imagenet", "unit", "signed", "bytes"])
def test_numbers_and_colours_are_each_others_inverse(colours: str, normalisation: str):
    preprocessing = Preprocessing(colours=colours, normalisation=normalisation)
    rgb = torch.rand((2, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(preprocessing.rgb(preprocessing.numbers(rgb)), rgb)
    red = preprocessing.numbers(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)).flatten()
    assert int(red.argmax()) == (0 if colours == "rgb" else 2)


@given(st.floats(100, 200), st.floats(100, 200), st.integers(0, 2**32 - 1))
def test_every_window_hides_its_area_of_the_photograph(width: float, height: float, seed: int):
    """Over a crop that reaches beyond the windows the hidden pixels add up to the window's area."""
    box = CropBox.from_xywh(150.0, 100.0, width, height)
    view = view_of(hmr2(box_margin=2.0, crop_rule="antialias"), photo(), box)
    chosen = WINDOWS[torch.from_numpy(np.random.default_rng(seed).integers(0, len(WINDOWS), 5))]
    y0, y1, x0, x1 = chosen.unbind(1)
    area = ((y1 - y0) * (x1 - x0)).float() * view.frame.gain**2
    torch.testing.assert_close(view.frame.coverage(chosen).sum((1, 2, 3)), area, rtol=1e-3, atol=0.5)


def test_a_painted_photograph_and_a_painted_crop_are_the_same_but_for_the_pixels_at_the_edge():
    image = photo()
    box = CropBox((320.0, 240.0), 224.0, (140.0, 186.0))  # a unit of the reference square is a pixel
    window = torch.tensor([[40, 80, 90, 130]])
    painted = image.copy()
    painted[128 + 40 : 128 + 80, 208 + 90 : 208 + 130] = 0
    view, truth = view_of(hmr2(), image, box), view_of(hmr2(), painted, box)
    black = hmr2().numbers(torch.zeros(3, 1, 1))
    cover = view.frame.coverage(window)[0]
    mine = torch.lerp(view.crop, black.expand_as(view.crop), cover)
    edge = torch.nn.functional.max_pool2d(((cover > 0) & (cover < 1)).float()[None], 3, 1, 1)[0, 0] > 0
    differ = ((mine - truth.crop).abs() > ONE_GREY_LEVEL).any(0)
    assert not (differ & ~edge).any()
    assert float((mine - truth.crop).abs().mean()) < 0.01
    whole = (cover == 1).sum()
    assert 52**2 <= int(whole) <= 55**2  # 40 units are 55 pixels, less the edges


def test_windows_beyond_what_the_network_sees_are_known_and_no_others():
    box = CropBox((320.0, 240.0), 240.0, (100.0, 200.0))  # the crop is 200 px: the square less its margin
    view = view_of(hmr2(), photo(), box)
    seen = view.frame.sees(WINDOWS).reshape(28, 28)
    left, right = 112 - 96 * 224 / 240 * 200 / 256, 112 + 94 * 224 / 240 * 200 / 256
    for column in range(28):
        x0, x1 = (int(value) for value in WINDOWS[column, 2:])
        expected = x1 > left and x0 < right
        # A window that reaches in by less than one of the network's pixels may go either way.
        if min(abs(x1 - left), abs(x0 - right)) > 0.75:
            assert bool(seen[14, column]) == expected, column
    assert seen[:, 14].all()


def test_cameras_over_the_own_crop_become_cameras_over_the_reference_square():
    reference = CropBox((320.0, 240.0), 240.0, (150.0, 160.0))
    view = view_of(hmr2(), photo(), reference)
    camera, point = torch.tensor([[0.8, 0.1, -0.2]]), torch.tensor([0.3, -0.4])
    own = torch.tensor(view.box.centre) + camera[0, 0] * (point + camera[0, 1:]) * view.box.size / 2
    other = view.to_reference(camera)
    mapped = torch.tensor(reference.centre) + other[0, 0] * (point + other[0, 1:]) * reference.size / 2
    torch.testing.assert_close(mapped, own)


def test_a_turned_frame_hides_the_turned_window():
    angle = math.radians(30)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    scale = 224 / 128
    frame = Frame(np.column_stack([scale * turn, 112 - scale * turn @ [64, 64]]), 128, (0, 128, 0, 128))
    window = torch.tensor([[92, 132, 92, 132]])
    cover = frame.coverage(window)[0, 0]
    assert cover[64, 64] == 1
    torch.testing.assert_close(float(cover.sum()), (40 / scale) ** 2, rtol=0.02, atol=0)
    picture = torch.zeros(1, 1, 224, 224)
    picture[..., 92:132, 92:132] = 1
    carried = frame.carry(picture, None)[0, 0]
    assert float((carried - cover).abs().max()) < 0.6


def test_padding_can_be_white_and_outside_is_refused():
    box = CropBox((10.0, 240.0), 240.0, (150.0, 200.0))
    white = view_of(hmr2(padding="white"), photo(), box)
    black = view_of(hmr2(), photo(), box)
    assert torch.equal(white.crop[:, 128, 0], hmr2().numbers(torch.ones(3, 1, 1)).flatten())
    assert torch.equal(black.crop[:, 128, 0], hmr2().numbers(torch.zeros(3, 1, 1)).flatten())
    assert torch.equal(white.crop[:, 60:190, 150:200], black.crop[:, 60:190, 150:200])
    with pytest.raises(CropError, match="lies outside the image"):
        view_of(hmr2(), photo(), CropBox((-500.0, 240.0), 240.0))


def test_networks_that_are_told_the_camera_need_the_focal_length():
    told = load_card("camerahmr").preprocessing
    box = CropBox.from_xywh(200.0, 100.0, 100.0, 300.0)
    placement = view_of(told, photo(), box, 1000.0).placement
    assert placement is not None
    torch.testing.assert_close(placement, torch.tensor([-0.07, 0.01, 0.3]))
    assert view_of(hmr2(), photo(), box).placement is None
    with pytest.raises(
        CropError, match=r"focal length of the photograph is not known.*800, the image's diag"
    ):
        view_of(told, photo(), box)
    for wrong in (0.0, -5.0, math.nan, math.inf):
        with pytest.raises(CropError, match="is no length"):
            view_of(told, photo(), box, wrong)


def test_spins_crop_is_the_reference():
    assert load_card("spin").preprocessing == REFERENCE
    assert not load_card("hmr2").preprocessing.is_reference
