"""The crops of HMR2.0 are the golden ones, and black, blurred and shifted where they should be."""

import json
from pathlib import Path

import numpy as np
import pytest

from occlusion_toolkit.data.bilinear import bilinear_crop, blur_sigma
from occlusion_toolkit.data.boxes import CropBox

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "hmr2_crop_golden.json").read_text())


def photo() -> np.ndarray:
    y, x, c = np.meshgrid(np.arange(480), np.arange(640), np.arange(3), indexing="ij")
    return np.round(127.5 + 60 * np.sin(x / 17 + c) + 60 * np.cos(y / 23 - 2 * c)).astype(np.uint8)


@pytest.mark.parametrize("size", [100.0, 512.0, 563.0, 564.0, 800.0])
def test_only_large_boxes_are_blurred(size: float):
    assert (blur_sigma(size, 256) > 0) == (size > 1.1 * 512)
    assert blur_sigma(800.0, 256) == 0.28125


def test_the_crop_is_black_where_the_image_ends_and_mixed_at_its_border():
    image = np.full((10, 10, 3), 200, np.uint8)
    crop = bilinear_crop(image, CropBox((0.0, 0.0), 8.0), 16)  # half a pixel a step; pixel 8 lies at 0
    assert crop[8, 8].tolist() == [200.0] * 3
    assert crop[8, 7].tolist() == [100.0] * 3
    assert not crop[8, :7].any()
    assert not bilinear_crop(image, CropBox((-50.0, 5.0), 8.0), 16).any()


def test_a_blur_of_the_slice_is_that_of_the_whole_image():
    from scipy.ndimage import gaussian_filter

    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    whole = gaussian_filter(image.astype(np.float32), (2.0, 2.0, 0.0), mode="nearest", truncate=4.0)
    box = CropBox((40.0, 30.0), 20.0)
    crop = bilinear_crop(image, box, 20, sigma=2.0)
    np.testing.assert_allclose(crop, whole[20:40, 30:50], atol=1e-3)
