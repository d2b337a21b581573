"""SPIN's crops: contrast stretched per crop, then scaled, against a computation by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image, integer_crop, stretched
from occlusion_toolkit.errors import CropError


def by_hand(pixels: np.ndarray) -> np.ndarray:
    """(value - min) / (max - min) * 255 to the nearest whole number, halves up, in exact fractions."""
    low, high = int(pixels.min()), int(pixels.max())
    scale = Fraction(255, max(high - low, 1))
    values = [math.floor((int(value) - low) * scale + Fraction(1, 2)) for value in pixels.ravel()]
    return np.array(values, np.uint8).reshape(pixels.shape)


def triangle_filter(pixels: np.ndarray, size: int) -> np.ndarray:
    """Bilinear with the footprint of an output pixel, in float64 and without rounding."""
    for axis in (0, 1):
        length = pixels.shape[axis]
        scale = length / size
        support = max(scale, 1.0)
        weights = np.zeros((size, length))
        for row in range(size):
            centre = (row + 0.5) * scale
            distance = np.abs(np.arange(length) + 0.5 - centre) / support
            weights[row] = np.clip(1 - distance, 0, None)
            weights[row] /= weights[row].sum()
        pixels = np.moveaxis(np.tensordot(weights, pixels, (1, axis)), 0, axis)
    return pixels


@pytest.fixture
def photo() -> np.ndarray:
    """A dim picture, values from 31 to 187."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(31, 188, (13, 17, 3))
    coarse[0, 0, 0], coarse[0, 0, 1] = 31, 187
    return np.kron(coarse, np.ones((20, 20, 1))).astype(np.uint8)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (31, 187), (3, 4), (90, 90), (0, 1), (200, 255)])
def test_the_darkest_value_becomes_0_and_the_brightest_255(low, high):
    pixels = np.linspace(low, high, 60).round().astype(np.uint8).reshape(4, 5, 3)
    np.testing.assert_array_equal(stretched(pixels), by_hand(pixels))


def test_a_crop_at_its_own_size_is_only_stretched(photo):
    box = CropBox((150.0, 120.0), 112.0)
    crop = crop_image(photo, box, 112, resampling="imresize")
    np.testing.assert_array_equal(crop, by_hand(integer_crop(photo, box)))
    assert (crop.min(), crop.max()) == (0, 255)


@pytest.mark.parametrize("size", [60, 150, 233])
def test_stretching_comes_before_scaling(photo, size):
    box = CropBox((150.0, 120.0), float(size))
    crop = crop_image(photo, box, 112, resampling="imresize")
    expected = triangle_filter(by_hand(integer_crop(photo, box)).astype(float), 112)
    assert np.abs(crop - expected).max() <= 1  # Pillow rounds after each axis
    plain = crop_image(photo, box, 112).astype(float)
    assert np.abs(crop - plain).max() > 20


def test_a_crop_with_black_and_white_in_it_is_as_without(photo):
    photo[130, 140] = 255
    reaching_out = CropBox((10.0, 120.0), 300.0)  # what lies outside the image is black
    np.testing.assert_array_equal(
        crop_image(photo, reaching_out, resampling="imresize"), crop_image(photo, reaching_out)
    )


def test_turned_crops_are_refused(photo):
    with pytest.raises(CropError, match="upright"):
        crop_image(photo, CropBox((150.0, 120.0), 112.0), rotation=5.0, resampling="imresize")
