"""One person cut out of a photograph: whose box it is, and what must belong together."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.body_fixtures import tpose

from occlusion_toolkit.body.arrays import GENDERS
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.data.ground_truth import GroundTruth
from occlusion_toolkit.errors import CropError, GroundTruthError, ImageError, UsageError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.find.crop import Crop, read_crop

PIXELS = np.random.default_rng(0).integers(0, 256, (120, 100, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "person.png")
    return tmp_path / "person.png"


@pytest.fixture
def keypoints(tmp_path) -> Path:
    points = [[20.0 + k, 30.0 + 2 * k, 0.9] for k in range(25)]
    people = [{"pose_keypoints_2d": np.ravel(points).tolist()}]
    (tmp_path / "pose.json").write_text(json.dumps({"people": people}))
    return tmp_path / "pose.json"


@pytest.fixture
def truth(tmp_path) -> Path:
    np.savez(tmp_path / "truth.npz", pose=np.zeros(72), betas=np.zeros(10), bbox=[30, 20, 40, 60])
    return tmp_path / "truth.npz"


def test_the_box_given_wins_then_keypoints_then_the_truth(photo, keypoints, truth):
    given = read_crop(photo, bbox=(10, 10, 60, 90), ground_truth=truth)
    assert (given.box, given.box_rule) == (CropBox((40.0, 55.0), 108.0), "square, 1.2 x the box given")
    seen = read_crop(photo, keypoints=keypoints, ground_truth=truth)
    assert (seen.box.centre, seen.box_rule) == ((32, 54), "square, 1.2 x the keypoints given")
    true = read_crop(photo, ground_truth=truth)
    assert (true.box, true.box_rule) == (
        CropBox((50.0, 50.0), 72.0),
        "square, 1.2 x the box of the ground truth",
    )


def test_a_truth_that_names_its_image_goes_with_no_other_and_one_that_does_not_is_remarked(photo, truth):
    assert "does not say which image it belongs to; 'person.png' is assumed" in " ".join(
        read_crop(photo, ground_truth=truth).warnings
    )
    arrays = dict(np.load(truth))
    np.savez(truth, **arrays, image_sha256=sha256_file(photo))
    assert read_crop(photo, ground_truth=truth).warnings == ()
    Image.fromarray(PIXELS[::-1].copy()).save(photo)
    with pytest.raises(GroundTruthError, match="belongs to the image of sha256"):
        read_crop(photo, ground_truth=truth)


def test_the_truth_of_the_example_names_its_picture():
    examples = Path(__file__).parents[2] / "examples"
    rendered, truth = examples / "rendered-person.jpg", examples / "rendered-person.npz"
    assert read_crop(rendered, ground_truth=truth).warnings == ()
    with pytest.raises(GroundTruthError, match="belongs to the image"):
        read_crop(examples / "photo.jpg", ground_truth=truth)


def test_the_crop_is_that_of_the_box_and_knows_its_image(photo, truth):
    crop = read_crop(str(photo), bbox=[10.5, 10, 60, 90], ground_truth=str(truth))
    np.testing.assert_array_equal(crop.pixels, crop_image(PIXELS, CropBox((40.5, 55.0), 108.0), 224))
    assert (crop.file, crop.sha256) == ("person.png", sha256_file(photo))
    assert (crop.truth.topology, crop.truth_gender) == (None, "neutral")
    assert read_crop(photo, bbox=(1, 1, 9, 9)).truth is None


def test_a_truth_of_another_image_is_refused(photo):
    root = shipped("open-test")
    sequence = min(root.glob("sequenceFiles/test/*.pkl")).stem
    images = sorted((root / "imageFiles" / sequence).iterdir())
    frame = int(images[1].stem.removeprefix("image_"))
    truth = f"{root}:test/{sequence}:{frame}"
    assert read_crop(images[1], ground_truth=truth).truth.topology is not None
    with pytest.raises(GroundTruthError, match=r"belongs to the image .* is another one"):
        read_crop(images[0], ground_truth=truth)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"bbox": (1, 1, 9, 9), "keypoints": "x.json"}, UsageError, "bbox"),
        ({"bbox": (1, 1, 9)}, UsageError, "four numbers"),
        ({"bbox": (500, 500, 9, 9)}, CropError, "outside"),
        ({"bbox": (1, 1, 0, 9)}, CropError, "no area"),
        ({"bbox": (float("nan"), 1, 9, 9)}, CropError, "not finite"),
        ({"keypoints": "nowhere.json"}, CropError, "nowhere"),
        ({"bbox": (1, 1, 9, 9), "ground_truth": "nowhere.npz"}, GroundTruthError, "nowhere"),
    ],
    ids=str,
)
def test_what_gives_no_crop_is_a_clear_error(photo, arguments, error, words):
    with pytest.raises(error, match=words):
        read_crop(photo, **arguments)


def test_an_image_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"none\.jpg"):
        read_crop(tmp_path / "none.jpg", bbox=(1, 1, 9, 9))


@pytest.mark.parametrize(("stated", "body"), [(None, "neutral"), *((gender, gender) for gender in GENDERS)])
def test_ground_truth_is_measured_on_the_body_of_its_gender(stated, body):
    assert with_truth(GroundTruth(tpose(), has_camera=False, gender=stated)).truth_gender == body


def test_ground_truth_of_an_unknown_gender_is_an_error():
    with pytest.raises(GroundTruthError, match="'m', not one of neutral, male, female"):
        _ = with_truth(GroundTruth(tpose(), has_camera=False, gender="m")).truth_gender


def with_truth(truth: GroundTruth) -> Crop:
    return Crop(
        np.zeros((224, 224, 3), np.uint8), CropBox.whole_image(224, 224), "whole", "a.jpg", "0", truth
    )
