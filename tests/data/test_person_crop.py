"""Boxes of data sets cut the very pixels that the published crop function cuts."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.published_lists import write_spin_list
from support.threedpw_fixtures import FRAMES, sequence, write_sequence

from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import integer_crop, sample_crop
from occlusion_toolkit.errors import CropError, ImageError
from occlusion_toolkit.files.images import read_image

GOLDEN = [
    case
    for case in json.loads((Path(__file__).parents[1] / "golden" / "crop_golden.json").read_text())
    if case["rot"] == 0
]


def with_box(root: Path, case: dict[str, object]) -> dict[str, object]:
    """A sequence whose keypoints span the box of a golden case, written under the root."""
    content = sequence("downtown_bar_00")
    (x, y), half = case["center"], 100 * case["scale"] / 1.2
    keypoints = content["poses2d"][0]
    keypoints[:, 2] = 0.0
    for index, (dx, dy) in enumerate([(-half, 0), (half, 0), (0, -half / 2), (0, half / 2)]):
        keypoints[:, :, index] = (x + dx, y + dy, 0.8)
    write_sequence(root, "test", content)
    return content


@pytest.mark.parametrize("case", GOLDEN)
def test_boxes_cut_the_pixels_of_the_published_crop_function(tmp_path, case):
    content = with_box(tmp_path, case)
    columns = {"center": [case["center"]] * FRAMES, "scale": [case["scale"]] * FRAMES}
    listed = write_spin_list(tmp_path / "list.npz", [content], **columns)
    for path in (None, listed):
        box = open_dataset("3dpw", tmp_path, people_list=path)[2].box
        assert box.scale == pytest.approx(case["scale"], rel=1e-12)
        assert box.corners() == (*case["ul"], *case["br"])
        np.testing.assert_allclose(box.transform(), case["T"], atol=1e-9)


def test_a_crop_is_cut_from_the_image_of_the_frame(tmp_path):
    pixels = (np.arange(480 * 640 * 3) % 251).reshape(480, 640, 3).astype(np.uint8)
    with_box(tmp_path, GOLDEN[1])
    for path in tmp_path.glob("imageFiles/*/*.jpg"):
        Image.fromarray(pixels).save(path, quality=95)
    person = open_dataset("3dpw", tmp_path)[0]
    side = person.box.corners()[2] - person.box.corners()[0]
    crop = sample_crop(person, side)  # at its own size nothing is resampled
    np.testing.assert_array_equal(crop, integer_crop(read_image(person.image_path).pixels, person.box))
    assert sample_crop(person).shape == (224, 224, 3)


def test_an_image_that_cannot_be_used_is_named(tmp_path):
    with_box(tmp_path, GOLDEN[0])
    person = open_dataset("3dpw", tmp_path)[1]
    with pytest.raises(ImageError, match=r"image_00001\.jpg"):  # empty
        sample_crop(person)
    Image.new("RGB", (32, 32)).save(person.image_path)
    with pytest.raises(CropError, match=r"image_00001\.jpg', person 0: .* outside the image"):
        sample_crop(person)
