"""Lists of people have a fixed order, a checksum that tells them apart, and evenly spaced samples."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import EvenlySpaced, PeopleList
from occlusion_toolkit.data.sample import Sample


def frame(sequence: str = "a", number: int = 0, person: int = 0, x: float = 50.0) -> Sample:
    return Sample(
        image_path=Path("image.jpg"),
        sequence=sequence,
        frame=number,
        person=person,
        gender="neutral",
        box=CropBox((x, 40.0), 100.0),
        rotmats=np.tile(np.eye(3, dtype=np.float32), (24, 1, 1)),
        betas=np.zeros(10, np.float32),
    )


def people(*frames: Sample) -> PeopleList:
    return PeopleList("3dpw", "test", Path("root"), "smpl", frames, {"rule": 3})


def test_order_is_by_sequence_person_and_frame():
    mixed = [frame("b", 1), frame("a", 7, 1), frame("b", 0), frame("a", 9)]
    order = [(item.sequence, item.person, item.frame) for item in people(*mixed)]
    assert order == [("a", 0, 9), ("a", 1, 7), ("b", 0, 0), ("b", 0, 1)]


def test_the_fingerprint_depends_on_who_is_in_the_list_and_on_nothing_else():
    reference = people(frame("a", 0), frame("a", 1))
    assert len(reference.fingerprint) == 64
    assert people(frame("a", 1), frame("a", 0)).fingerprint == reference.fingerprint
    betas = dataclasses.replace(frame("a", 1), betas=np.ones(10, np.float32))
    assert people(frame("a", 0), betas).fingerprint == reference.fingerprint
    assert people(frame("a", 0), frame("a", 1, x=50.001)).fingerprint == reference.fingerprint
    for other in (frame("b", 1), frame("a", 2), frame("a", 1, 1), frame("a", 1, x=50.02)):
        assert people(frame("a", 0), other).fingerprint != reference.fingerprint
    assert people(frame("a", 0)).fingerprint != reference.fingerprint


def test_indices_work_as_in_a_list():
    items = people(*(frame(number=number) for number in range(5)))
    assert [item.frame for item in items[1:4:2]] == [1, 3]
    assert items[-1].frame == 4
    assert [item.frame for item in reversed(items)] == [4, 3, 2, 1, 0]
    for outside in (5, -6):
        with pytest.raises(IndexError):
            items[outside]


@given(total=st.integers(1, 60), count=st.integers(1, 80))
def test_samples_are_evenly_spaced(total, count):
    sample = EvenlySpaced(people(*(frame(number=number) for number in range(total))), count)
    assert len(sample) == min(total, count)
    numbers = [item.frame for item in sample]
    assert numbers == list(sample.positions)
    assert numbers[0] == 0
    steps = np.diff([*numbers, total])
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1
    assert sample.left_out == {"rule": 3, "not chosen": total - len(sample)}


def test_a_sample_is_of_the_same_data_set_under_another_checksum():
    whole = open_dataset("open")
    sample = EvenlySpaced(whole, 72)
    assert {item.sequence for item in sample} == {item.sequence for item in whole}
    assert (sample.dataset, sample.split, sample.root) == (whole.dataset, whole.split, whole.root)
    assert (sample.topology, sample.frame_filter) == (whole.topology, whole.frame_filter)
    assert sample.fingerprint != whole.fingerprint
    assert EvenlySpaced(whole, 500).fingerprint == whole.fingerprint


def test_rotations_and_joints_of_the_open_set_are_one_body_in_the_camera_frame():
    body = load_open_body()
    for item in open_dataset("open")[::13]:
        parameters = BodyParameters(
            torch.from_numpy(item.rotmats[None]), torch.from_numpy(item.betas[None]), torch.zeros(1, 3)
        )
        joints = body.centred_joints(parameters, SMPL24)[0].numpy()
        assert item.joints_m is not None
        np.testing.assert_allclose(joints, item.joints_m - item.joints_m[0], atol=2e-5)
