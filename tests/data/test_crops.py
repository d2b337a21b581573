"""Boxes and crops agree with the published code's numbers, and with plain geometry."""

import json
import math
import tracemalloc
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from PIL import Image

from occlusion_toolkit.data.crops import (
    IMAGENET_MEAN,
    CropBox,
    crop_image,
    denormalise,
    integer_crop,
    normalise,
)
from occlusion_toolkit.errors import CropError

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "crop_golden.json").read_text())
TEST_IMAGE = (np.arange(480 * 640 * 3).reshape(480, 640, 3) % 251).astype(np.uint8)


def golden_box(case: dict) -> CropBox:
    return CropBox.from_scale(tuple(case["center"]), case["scale"])


@pytest.fixture
def photo() -> np.ndarray:
    """A smooth picture, 300 x 400: resampling it in different ways gives nearly the same."""
    y, x = np.mgrid[0:300, 0:400]
    waves = [np.sin(x / 40) + np.cos(y / 30), np.cos(x / 25 + y / 50), np.sin(x * y / 9000)]
    return np.stack([np.uint8(127 + 50 * wave) for wave in waves], axis=-1)


# --- the published code's numbers ------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_transform_matches_golden(case):
    np.testing.assert_allclose(
        golden_box(case).transform(224, float(case["rot"])), case["T"], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("case", CASES)
def test_corners_match_golden(case):
    assert golden_box(case).corners() == (*case["ul"], *case["br"])


@pytest.mark.parametrize("case", CASES)
def test_truncated_keypoints_match_golden(case):
    exact = golden_box(case).image_to_crop(np.array(case["points"]), 224, float(case["rot"]))
    points = np.trunc(exact).astype(np.int64) + 1  # as the published data loaders count whole pixels
    assert points.tolist() == case["transformed"]
    assert (2 * points / 224 - 1).tolist() == case["normalised"]


@pytest.mark.parametrize("number", range(3))
def test_pixels_before_scaling_match_golden(number):
    patch = np.load(GOLDEN / "crop_patch_golden.npz")[f"patch{number}"]
    np.testing.assert_array_equal(integer_crop(TEST_IMAGE, golden_box(CASES[number])), patch)


# --- boxes -----------------------------------------------------------------------------------------------


def test_a_rectangle_becomes_a_square_with_margin_around_its_centre():
    box = CropBox.from_xywh(10.0, 20.0, 30.0, 100.0)
    assert box.centre == (25, 70)
    assert box.size == pytest.approx(120)
    assert box.scale == pytest.approx(0.6)
    assert CropBox.from_xywh(10.0, 20.0, 30.0, 100.0, margin=1.0).size == 100


def test_keypoints_that_were_not_seen_do_not_count():
    points = np.array([[10, 20, 0.3], [50, 30, 1.0], [0, 0, 0.0], [900, 900, -1.0]])
    box = CropBox.from_keypoints(points)
    assert box.centre == (30, 25)
    assert box.size == pytest.approx(48)


def test_the_box_of_the_whole_image_holds_it_all():
    assert CropBox.whole_image(300, 400) == CropBox((200.0, 150.0), 400.0)


@pytest.mark.parametrize(
    "values",
    [
        (0, 0, 0, 10),
        (0, 0, 10, 0),
        (5, 5, -10, 10),
        (0, 0, math.nan, 10),
        (math.inf, 0, 10, 10),
        (0, -math.inf, 10, 10),
    ],
)
def test_a_rectangle_without_area_is_refused(values):
    with pytest.raises(CropError, match="box"):
        CropBox.from_xywh(*map(float, values))


@pytest.mark.parametrize(
    ("centre", "size"), [((0.0, 0.0), 0.0), ((math.nan, 0.0), 1.0), ((0.0, 0.0), math.inf)]
)
def test_a_square_without_area_is_refused(centre, size):
    with pytest.raises(CropError):
        CropBox(centre, size)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((18, 3)),
        np.array([[5.0, 5.0, 1.0], [9.0, 9.0, 0.0]]),
        np.array([[5.0, 5.0, 1.0], [5.0, 5.0, 1.0]]),
        np.array([[5.0, 5.0, 1.0], [math.nan, 5.0, 1.0]]),
        np.array([[5.0, 5.0, 1.0], [8.0, 5.0, math.nan]]),
        np.zeros((0, 3)),
    ],
)
def test_keypoints_that_span_no_box_are_refused(points):
    with pytest.raises(CropError):
        CropBox.from_keypoints(points)


coordinates = st.floats(-2000, 2000)
boxes = st.builds(CropBox, st.tuples(coordinates, coordinates), st.floats(1, 3000))
rotations = st.floats(-180, 180)


@hypothesis.given(boxes, rotations, coordinates, coordinates)
def test_mapping_to_the_crop_and_back_is_the_identity(box, rotation, x, y):
    point = np.array([[x, y]])
    there = box.image_to_crop(point, 224, rotation)
    np.testing.assert_allclose(box.crop_to_image(there, 224, rotation), point, atol=1e-6)


@hypothesis.given(boxes, rotations)
def test_the_centre_of_the_box_is_the_centre_of_the_crop(box, rotation):
    np.testing.assert_allclose(box.image_to_crop(np.array(box.centre), 224, rotation), [112, 112], atol=1e-9)


def test_the_corner_of_the_box_is_the_corner_of_the_crop():
    box = CropBox((50.0, 60.0), 40.0)
    np.testing.assert_allclose(
        box.image_to_crop(np.array([[30.0, 40.0], [70.0, 80.0]])), [[0, 0], [224, 224]]
    )


# --- pixels ----------------------------------------------------------------------------------------------


def test_a_box_of_the_crop_size_copies_pixels(photo):
    crop = crop_image(photo, CropBox((150.0, 140.0), 224.0))
    np.testing.assert_array_equal(crop, photo[28:252, 38:262])


def test_what_lies_outside_the_image_is_black(photo):
    crop = crop_image(photo, CropBox((0.0, 0.0), 224.0))
    assert (crop[:112] == 0).all()
    assert (crop[:, :112] == 0).all()
    np.testing.assert_array_equal(crop[112:, 112:], photo[:112, :112])


@pytest.mark.parametrize("resampling", ["antialias", "bilinear"])
def test_a_marked_pixel_lands_where_its_point_is_mapped(resampling):
    image = np.zeros((400, 400, 3), np.uint8)
    image[100:104, 300:304] = 255
    box = CropBox((230.0, 170.0), 300.0)
    rows, columns = np.mgrid[0:224, 0:224] + 0.5
    for rotation in (0.0, 30.0, -75.0):
        crop = crop_image(image, box, rotation=rotation, resampling=resampling)[..., 0].astype(float)
        seen = [(columns * crop).sum() / crop.sum(), (rows * crop).sum() / crop.sum()]
        expected = box.image_to_crop(np.array([302.0, 102.0]), 224, rotation)
        np.testing.assert_allclose(seen, expected, atol=0.6)


@pytest.mark.parametrize("rotation", [90.0, 180.0, -90.0])
def test_right_angles_turn_pixels_exactly(photo, rotation):
    box = CropBox((200.0, 150.0), 224.0)
    straight = crop_image(photo, box)
    turned = crop_image(photo, box, rotation=rotation)
    np.testing.assert_array_equal(turned, np.rot90(straight, round(rotation / 90)))


def test_a_turned_crop_has_no_black_corners_inside_the_image():
    white = np.full((600, 600, 3), 255, np.uint8)
    assert crop_image(white, CropBox((300.0, 300.0), 300.0), rotation=45.0).min() > 250


def test_antialiasing_averages_what_bilinear_drops():
    stripes = np.zeros((896, 896, 3), np.uint8)
    stripes[:, ::2] = 255
    box = CropBox((448.0, 448.0), 896.0)
    averaged = crop_image(stripes, box)[50:-50, 50:-50].astype(int)
    assert np.abs(averaged - 127).max() <= 2
    stripes[:, ::2] = 0
    stripes[:, ::4] = 255  # bilinear meets the same phase of the stripes everywhere
    dropped = crop_image(stripes, box, resampling="bilinear")[50:-50, 50:-50].astype(int)
    assert np.abs(dropped - 64).min() > 30


def test_other_resolutions_show_the_same_picture(photo):
    box = CropBox((200.0, 150.0), 250.0)
    small = crop_image(photo, box, resolution=56).astype(int)
    large = np.asarray(Image.fromarray(crop_image(photo, box, resolution=224)).reduce(4)).astype(int)
    assert small.shape == (56, 56, 3)
    assert np.abs(small - large).max() <= 12
    assert np.abs(small - large).mean() < 2


@pytest.mark.parametrize("side", [5000, 9000])
@pytest.mark.parametrize("centre", [(1250.0, 1000.0), (401.0, 2003.0)])
def test_averaging_large_slices_in_blocks_first_changes_next_to_nothing(side, centre):
    generator = np.random.default_rng(2)
    coarse = generator.integers(0, 256, (21, 25, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((2500, 2050), Image.Resampling.BICUBIC))
    box = CropBox(centre, float(side))
    x0, y0, x1, y1 = box.corners()
    padded = Image.fromarray(image).crop((x0, y0, x1, y1))
    direct = np.asarray(padded.resize((224, 224), Image.Resampling.BILINEAR)).astype(int)
    difference = np.abs(crop_image(image, box).astype(int) - direct)
    assert difference.max() <= 6
    assert difference.mean() < 0.5


def test_a_box_much_larger_than_the_image_needs_no_memory_of_its_size(photo):
    tracemalloc.start()
    try:
        crop = crop_image(photo, CropBox((200.0, 150.0), 7000.0))  # the slice itself would take 147 MB
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 40e6
    assert crop[110:114, 110:114].any()
    assert not crop[:100].any()


@pytest.mark.parametrize(
    "box",
    [
        CropBox((-200.0, 150.0), 100.0),
        CropBox((200.0, 500.0), 100.0),
        CropBox((-55.0, 150.0), 120.0),  # only the margin reaches into the image
        CropBox((200.5, 150.5), 0.5),
        CropBox((200.0, 150.0), 10_000.0),
        CropBox((1e300, 1e300), 10.0),
    ],
)
def test_a_box_that_shows_nobody_is_refused(photo, box):
    with pytest.raises(CropError, match="box"):
        crop_image(photo, box)
    with pytest.raises(CropError, match="box"):
        integer_crop(photo, box)


# --- normalised crops ------------------------------------------------------------------------------------


def test_normalised_and_back_is_the_identity():
    crops = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    values = normalise(crops)
    assert values.shape == (2, 3, 5, 7)
    assert values.dtype == torch.float32
    np.testing.assert_array_equal(denormalise(values), crops)


def test_a_single_crop_needs_no_batch_dimension(photo):
    assert normalise(photo).shape == (3, 300, 400)
    np.testing.assert_array_equal(denormalise(normalise(photo)), photo)


def test_the_mean_colour_is_zero_and_white_and_black_have_the_usual_values():
    grey = np.round(255 * np.array(IMAGENET_MEAN)).astype(np.uint8)[None, None]
    assert normalise(grey).abs().max() < 0.01
    white = normalise(np.full((1, 1, 3), 255, np.uint8))
    black = normalise(np.zeros((1, 1, 3), np.uint8))
    np.testing.assert_allclose(white.flatten(), [2.2489, 2.4286, 2.6400], atol=1e-4)
    np.testing.assert_allclose(black.flatten(), [-2.1179, -2.0357, -1.8044], atol=1e-4)


def test_values_beyond_white_and_black_are_clipped():
    beyond = torch.tensor([-100.0, 100.0])[:, None, None, None].expand(2, 3, 1, 1)
    assert denormalise(beyond).reshape(2, 3).tolist() == [[0] * 3, [255] * 3]
