"""People are found where they are, however they are turned, however many, and nobody where nobody is."""

import doctest
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import occlusion_toolkit.find.people
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.find.candidates import tiles_of
from occlusion_toolkit.find.people import find_people
from occlusion_toolkit.find.person import LANDMARKS, FoundPerson
from occlusion_toolkit.models.backbones.blazepose import blazepose_full
from occlusion_toolkit.models.blazepose_weights import load_blazepose

PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"
HAND_DRAWN = (258.0, 107.0, 382.0, 707.0)

Rectangle = tuple[float, float, float, float]


def overlap(one: Rectangle, other: Rectangle) -> float:
    """Intersection over union of two rectangles (x, y, width, height)."""
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(np.add(one[:2], one[2:]), np.add(other[:2], other[2:]))
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def square(box: CropBox) -> Rectangle:
    (x, y), side = box.centre, box.size
    return x - side / 2, y - side / 2, side, side


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(PHOTO).pixels


@pytest.fixture(scope="module")
def found(photo) -> FoundPerson:
    [person] = find_people(photo)
    return person


def test_the_man_in_the_photograph_is_found_where_a_hand_drew_him(found):
    assert overlap(found.bbox_xywh, HAND_DRAWN) > 0.9
    assert found.score > 0.9


def test_the_crop_is_that_of_the_keypoints_placed_by_hand(found):
    from occlusion_toolkit.data.boxes import read_openpose

    by_hand = CropBox.from_keypoints(read_openpose(PHOTO.with_name("photo_keypoints.json")).points)
    assert overlap(square(found.box), square(by_hand)) > 0.8


def test_metric_points_stand_upright_like_the_man(found):
    at = {name: found.world_m[index] for index, name in enumerate(LANDMARKS)}
    hips = (at["left_hip"] + at["right_hip"]) / 2
    shoulders = (at["left_shoulder"] + at["right_shoulder"]) / 2
    assert np.abs(hips).max() < 0.05
    assert 0.35 < hips[1] - shoulders[1] < 0.7  # metres; y points down


def test_every_example_in_the_documentation_runs():
    failures, tried = doctest.testmod(occlusion_toolkit.find.people)
    assert tried
    assert not failures


def test_another_landmark_network_can_look(photo, found):
    network = load_blazepose("blazepose-full", blazepose_full)
    [same] = find_people(photo, network=network)
    np.testing.assert_allclose(same.landmarks_px, found.landmarks_px, atol=0.1)
    torch.nn.init.constant_(network.presence.bias, -100.0)  # one that is sure of nobody
    assert find_people(photo, network=network) == []


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_picture_shows_the_same_person_turned(photo, found, quarters):
    [turned] = find_people(np.ascontiguousarray(np.rot90(photo, quarters)))
    height, width = photo.shape[:2]
    points = found.landmarks_px
    for _ in range(quarters):  # counter-clockwise: x becomes y from the bottom
        points, (height, width) = np.column_stack([points[:, 1], width - points[:, 0]]), (width, height)
    apart = np.linalg.norm(turned.landmarks_px - points, axis=1)
    assert np.median(apart) < 0.05 * found.box.size


def test_metric_points_turn_with_the_picture(photo, found):
    [upside_down] = find_people(np.ascontiguousarray(photo[::-1, ::-1]))
    torso = [
        LANDMARKS.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")
    ]
    np.testing.assert_allclose(upside_down.world_m[torso], found.world_m[torso] * (-1, -1, 1), atol=0.1)


def test_a_person_of_ninety_pixels_is_found(photo):
    small = crop_image(photo, CropBox((449.0, 460.0), 850.0), 112)
    [person] = find_people(small)
    assert 80 < person.bbox_xywh[3] < 105


def test_a_picture_of_few_pixels_is_taken_without_a_stumble(photo):
    for side in (16, 24, 40):
        people = find_people(crop_image(photo, CropBox((449.0, 460.0), 850.0), side))
        assert all(person.box.size < 5 * side for person in people)


def test_a_person_larger_than_the_picture_is_found_and_known_to_be_cut(photo):
    people = find_people(photo[100:500, 250:650].copy())
    assert people
    assert people[0].reaches_beyond(400, 400)
    (x, y), side = people[0].box.centre, people[0].box.size
    assert max(abs(x - 200), abs(y - 200)) < 200
    assert side < 1.3 * 1.2 * 400  # the crop is of what is in the picture


def test_of_two_people_the_larger_comes_first(photo):
    picture = np.full((920, 1500, 3), 128, np.uint8)
    picture[:, :910] = photo
    picture[300:760, 1000:1455] = np.asarray(Image.fromarray(photo).resize((455, 460)))
    large, small = find_people(picture)
    assert overlap(large.bbox_xywh, HAND_DRAWN) > 0.8
    x, y, width, height = (value / 2 for value in HAND_DRAWN)
    assert overlap(small.bbox_xywh, (1000 + x, 300 + y, width, height)) > 0.8


EMPTY = {
    "grey": np.full((200, 300, 3), 128, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8),
    "a board of squares": np.kron(np.indices((10, 12)).sum(0) % 2, np.ones((20, 20)))
    .astype(np.uint8)[..., None]
    .repeat(3, axis=2)
    * 255,
    "a thin strip": np.full((16, 2000, 3), 200, np.uint8),
    "sixteen pixels": np.full((16, 16, 3), 90, np.uint8),
}


@pytest.mark.parametrize("name", EMPTY)
def test_nobody_is_found_where_nobody_is(name):
    assert find_people(EMPTY[name]) == []


def test_nobody_is_found_in_the_photograph_without_its_man(photo):
    assert find_people(photo[:, 680:].copy()) == []


def test_the_picture_stays_as_it_is(photo):
    before = photo.copy()
    find_people(photo)
    np.testing.assert_array_equal(photo, before)


def test_tiles_cover_the_picture_and_overlap():
    for parts in (2, 4, 6):
        seen = np.zeros((600, 1000), int)
        for tile in tiles_of(600, 1000, parts):
            (x, y), half = tile.centre, tile.size / 2
            top, left = max(0, round(y - half)), max(0, round(x - half))
            seen[top : round(y + half), left : round(x + half)] += 1
        assert seen.min() >= 1
        assert np.median(seen) >= 2
    assert tiles_of(100, 160, 2) == []


@pytest.fixture(scope="module")
def open_test() -> ThreeDPW:
    return ThreeDPW(shipped("open-test"), "test")


@pytest.mark.slow
def test_people_of_the_open_test_set_are_found_in_their_boxes(open_test):
    """Those whom neither furniture nor the border hides; one frame of each sequence."""
    overlaps = []
    for position in range(0, len(open_test), 2):
        sample = open_test.sample_at(position)
        if joints_in_sight(sample) < 23:
            continue
        people = find_people(read_image(sample.image_path).pixels)
        overlaps.append(overlap(square(people[0].box), square(sample.box)) if people else 0.0)
    assert len(overlaps) > 40
    assert np.mean(np.array(overlaps) >= 0.8) >= 0.95


def joints_in_sight(sample: Sample) -> int:
    """How many of the 24 true joints lie where the person's mask is."""
    with Image.open(sample.part_path) as mask:
        person = np.asarray(mask) > 0
    points = sample.joints_m @ sample.intrinsics.T
    x, y = np.floor(points[:, :2] / points[:, 2:]).astype(int).T
    height, width = person.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return int(person[y[inside], x[inside]].sum())


@pytest.mark.slow
def test_forty_people_are_found_one_by_one(open_test):
    crowd = np.zeros((1000, 1600, 3), np.uint8)
    places = []
    for number in range(40):
        frame = open_test.sample_at(number * 2 % len(open_test))
        x, y = number % 8 * 200, number // 8 * 200
        picture = Image.fromarray(read_image(frame.image_path).pixels)
        crowd[y : y + 200, x : x + 200] = np.asarray(picture.resize((200, 200), Image.Resampling.BILINEAR))
        places.append((x, y))
    people = find_people(crowd)
    middles = [np.floor(np.array(person.box.centre) / 200) * 200 for person in people]
    assert len({tuple(middle) for middle in middles}) >= 36
    assert len(people) <= 42
    sizes = [person.box.size for person in people]
    assert sizes == sorted(sizes, reverse=True)
