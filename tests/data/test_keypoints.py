"""OpenPose files give the most prominent person's keypoints, or one clear line."""

import json
from pathlib import Path

import numpy as np
import pytest

from occlusion_toolkit.data.boxes import read_openpose
from occlusion_toolkit.errors import CropError


def person(x: float, size: float, confidence: float = 0.9, count: int = 25) -> list[float]:
    """Keypoints on a diagonal of the given size; the last one is not seen."""
    points = [[x + size * k / count, size * k / count, confidence] for k in range(count - 1)]
    return [value for point in [*points, [0.0, 0.0, 0.0]] for value in point]


def write(folder: Path, *people: object, name: str = "pose_keypoints_2d") -> Path:
    path = folder / "photo_keypoints.json"
    path.write_text(json.dumps({"version": 1.3, "people": [{name: points} for points in people]}))
    return path


@pytest.mark.parametrize(("count", "layout"), [(25, "BODY_25"), (18, "COCO_18")])
@pytest.mark.parametrize("name", ["pose_keypoints_2d", "pose_keypoints"])
def test_both_layouts_of_old_and_new_files_are_read(tmp_path, count, layout, name):
    read = read_openpose(write(tmp_path, person(10, 100, count=count), name=name))
    assert read.layout == layout
    np.testing.assert_array_equal(read.points.ravel(), person(10, 100, count=count))
    assert read.warnings == ()


def test_the_most_prominent_of_several_people_is_used_with_a_warning(tmp_path):
    bystander, subject, ghost = person(0, 50), person(300, 400), person(600, 800, confidence=0.05)
    read = read_openpose(write(tmp_path, bystander, subject, ghost))
    assert read.points[0, 0] == 300
    assert "3 people" in read.warnings[0]


def test_people_without_keypoints_are_no_reason_to_warn(tmp_path):
    read = read_openpose(write(tmp_path, [0.0] * 75, person(300, 400)))
    assert read.warnings == ()


def refusal(path: Path) -> str:
    with pytest.raises(CropError) as caught:
        read_openpose(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


def test_a_file_that_shows_nobody_is_refused(tmp_path):
    assert "nobody" in refusal(write(tmp_path))
    assert "nobody" in refusal(write(tmp_path, [0.0] * 75))


def test_other_numbers_of_keypoints_are_named(tmp_path):
    assert "17 keypoints" in refusal(write(tmp_path, person(0, 10, count=17)))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    path = write(tmp_path, person(0, 10))
    path.write_text(path.read_text().replace("0.9", value, 1))
    assert "finite" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b"null",
        b'{"people": 3}',
        b'{"people": [3]}',
        b'{"people": [{}]}',
        b'{"people": [{"pose_keypoints_2d": "abc"}]}',
        b'{"people": [{"pose_keypoints_2d": [1, 2]}]}',
        b'{"people": [{"pose_keypoints_2d": [[1], [2, 3]]}]}',
        b'{"people": [{"pose_keypoints_2d": null}]}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    assert "not OpenPose" in refusal(path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.json")
    assert "directory" in refusal(tmp_path)
