"""What crops truly show: places of joints, and what hides those out of sight."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.scene import SIGHTS, hidden_pixels, read_scene

WRIST = 7  # of the key points: the left one


@pytest.fixture
def person(tmp_path):
    """A picture of 100 x 80 pixels whose left forearm is a block; the crop reaches beyond its borders."""
    labels = np.zeros((80, 100), np.uint8)
    labels[20:40, 20:40] = 1 + PART_NAMES.index("left_elbow")
    labels[50:60, 20:40] = 1 + PART_NAMES.index("head")
    Image.fromarray(labels).save(tmp_path / "parts.png")
    return Sample(
        image_path=tmp_path / "image.png",
        sequence="a",
        frame=0,
        person=0,
        gender="neutral",
        box=CropBox((50.0, 40.0), 112.0),
        rotmats=np.tile(np.eye(3, dtype=np.float32), (24, 1, 1)),
        betas=np.zeros(10, np.float32),
        keypoints_px=np.zeros((18, 3), np.float32),
        part_path=tmp_path / "parts.png",
    )


def sight_at(person, x, y, confidence=1.0):
    points = np.zeros((18, 3), np.float32)
    points[WRIST] = x, y, confidence
    return read_scene(dataclasses.replace(person, keypoints_px=points), ("left_wrist", "head_top"))


@pytest.mark.parametrize(
    ("place", "sight"),
    [
        ((30, 30), "seen"),
        ((40, 30), "seen"),  # beside the block, within two pixels of the crop
        ((30, 55), "body"),
        ((70, 30), "thing"),
        ((30, 81), "frame"),  # in the crop, not in the picture
        ((30, 200), "frame"),
    ],
)
def test_what_hides_a_joint_is_what_the_mask_shows_in_its_place(person, place, sight):
    assert SIGHTS[sight_at(person, *place).sight[0]] == sight


def test_a_joint_that_nobody_found_is_undetected_and_one_that_is_no_key_point_unknown(person):
    scene = sight_at(person, 0, 0, confidence=0.0)
    assert [SIGHTS[sight] for sight in scene.sight] == ["undetected", "unknown"]
    assert np.isnan(scene.joints_px).all()


def test_a_joint_without_a_key_point_is_where_its_true_place_is_projected(person):
    joints = np.zeros((24, 3), np.float32)
    joints[SMPL24.index("left_wrist")] = 2.0, 0.3, 1.0  # 200 px to the right of the border
    camera = np.array([[100.0, 0, 50], [0, 100, 0], [0, 0, 1]])
    person = dataclasses.replace(person, joints_m=joints, intrinsics=camera)
    assert SIGHTS[sight_at(person, 0, 0, confidence=0.0).sight[0]] == "frame"
    joints[SMPL24.index("left_wrist")] = -0.2, 0.3, 1.0
    scene = sight_at(person, 0, 0, confidence=0.0)
    assert SIGHTS[scene.sight[0]] == "seen"
    np.testing.assert_allclose(scene.joints_px[0], (2 * 36.5, 2 * 46.5), atol=1e-4)


def test_without_a_mask_a_key_point_is_in_sight(person):
    scene = sight_at(dataclasses.replace(person, part_path=None), 70, 30)
    assert scene.parts is None
    assert SIGHTS[scene.sight[0]] == "seen"


def test_places_are_pixels_of_the_crop(person):
    # The crop begins at (-6, -16) and doubles the picture; a key point is the centre of its pixel.
    np.testing.assert_allclose(sight_at(person, 30, 30).joints_px[0], (2 * 36.5, 2 * 46.5))


def test_beyond_the_picture_there_is_nobody(person):
    labels = np.zeros((80, 100), np.uint8)
    labels[70:, 90:] = 1 + PART_NAMES.index("left_hand")
    labels[:10, :10] = 1 + PART_NAMES.index("head")
    Image.fromarray(labels).save(person.part_path)
    shown = np.zeros((224, 224), np.uint8)  # the crop begins at (-6, -16) and doubles the picture
    shown[32 : 32 + 160, 12 : 12 + 200] = labels.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(sight_at(person, 30, 30).parts, shown)


def test_hidden_pixels_are_counted_by_part():
    parts = np.zeros((10, 10), np.uint8)
    parts[2:4, 2:6] = 1
    parts[9, 9] = 24
    hidden = hidden_pixels(parts, np.array([[0, 3, 0, 3], [3, 10, 0, 10]]))
    assert hidden[0, 0] == 1
    assert hidden[1].tolist() == [4, *[0] * 22, 1]


def test_joints_of_the_shipped_people_lie_on_their_parts():
    people = open_dataset("open")
    names = ("left_ankle", "right_wrist", "left_hip", "neck", "head_top")
    scenes = [read_scene(people[index], names) for index in range(0, len(people), 10)]
    visible = np.mean([scene.visible[:4].mean() for scene in scenes])
    assert 0.6 < visible < 1  # some are hidden by the body itself or by things
    assert all(np.isnan(scene.joints_px[4]).all() for scene in scenes)  # no keypoint is the top of the head
    for scene in scenes:
        x, y = scene.joints_px[2].astype(int)
        if scene.visible[2]:
            assert scene.parts[y - 2 : y + 3, x - 2 : x + 3].any()
