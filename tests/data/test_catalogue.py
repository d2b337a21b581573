"""Data sets by name: which sequences and frames they hold, and what is said when they are not there."""

from pathlib import Path

import numpy as np
import pytest
from support.threedpw_fixtures import FRAMES, sequence, write_sequence

from occlusion_toolkit.data.catalogue import DATASETS, OCCLUDED_KINDS, TEST_SEQUENCES, open_dataset
from occlusion_toolkit.errors import DatasetError, UsageError
from occlusion_toolkit.files.shipped import shipped

OCCLUDED_IN_TEST = ["downtown_stairs_00", "flat_guitar_01", "flat_packBags_00", "outdoors_fencing_01"]


@pytest.fixture
def whole_3dpw(tmp_path) -> Path:
    """All kinds of 3DPW-OCC, each in a split where 3DPW could have it, and two sequences of other kinds."""
    for index, kind in enumerate(sorted(OCCLUDED_KINDS)):
        in_test = [name for name in OCCLUDED_IN_TEST if name.startswith(kind)]
        split = "test" if in_test else ("train", "validation")[index % 2]
        write_sequence(tmp_path, split, sequence(in_test[0] if in_test else f"{kind}_00"))
    write_sequence(tmp_path, "test", sequence("downtown_cafe_00"))
    write_sequence(tmp_path, "train", sequence("courtyard_dancing_01"))
    return tmp_path


def test_the_open_set_is_read_as_3dpw_is():
    people = open_dataset("open")
    assert (people.dataset, people.split, len(people), people.root) == (
        "open",
        "test",
        144,
        shipped("open-test"),
    )
    assert people.topology != "smpl"
    assert people.fingerprint == "0e27f79992b7b5133f1376e67cc1aa1f772174f4048451eb3f0f659c8c422e9d"


def test_3dpw_has_24_test_sequences_and_17_occluded_kinds():
    assert len(TEST_SEQUENCES) == 24
    assert len(OCCLUDED_KINDS) == 17
    kinds = {"_".join(name.split("_")[:2]) for name in TEST_SEQUENCES}
    assert sorted(kinds & OCCLUDED_KINDS) == [name.rsplit("_", 1)[0] for name in OCCLUDED_IN_TEST]


def test_3dpw_occ_takes_its_sequences_from_all_splits(whole_3dpw):
    people = open_dataset("3dpw-occ", whole_3dpw)
    assert (people.dataset, people.split) == ("3dpw-occ", "all")
    assert len(people) == 17 * FRAMES
    sequences = [person.sequence for person in people]
    assert sequences == sorted(sequences)
    assert {"_".join(name.split("_")[:2]) for name in sequences} == OCCLUDED_KINDS
    assert {name for name in sequences if name in TEST_SEQUENCES} == set(OCCLUDED_IN_TEST)


def test_3dpw_occ_names_the_kinds_that_are_missing(whole_3dpw):
    for name in ("outdoors_golf_00", "courtyard_box_00"):
        next(whole_3dpw.glob(f"sequenceFiles/*/{name}.pkl")).unlink()
    with pytest.raises(DatasetError, match=r"2 of its 17 kinds are missing: courtyard_box, outdoors_golf$"):
        open_dataset("3dpw-occ", whole_3dpw)


@pytest.mark.parametrize("name", ["3dpw", "3dpw-occ"])
def test_rendered_people_are_not_taken_for_3dpw(whole_3dpw, name):
    (whole_3dpw / "dataset.json").write_text('{"body": "open-adult-6000-v1"}')
    with pytest.raises(DatasetError, match=f"is not {name}.*open-adult-6000-v1.*--dataset open"):
        open_dataset(name, whole_3dpw)


def test_3dpw_occ_needs_all_splits(whole_3dpw):
    with pytest.raises(UsageError, match="no split 'test' here; give all"):
        open_dataset("3dpw-occ", whole_3dpw, "test")
    (whole_3dpw / "sequenceFiles" / "validation").rename(whole_3dpw / "validation")
    with pytest.raises(DatasetError, match="no split 'validation'; it has: test, train"):
        open_dataset("3dpw-occ", whole_3dpw)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_holds_the_sequences_of_its_folder(whole_3dpw, split):
    names = {path.stem for path in (whole_3dpw / "sequenceFiles" / split).iterdir()}
    assert {person.sequence for person in open_dataset("3dpw", whole_3dpw, split)} == names


def test_all_splits_together_hold_every_sequence_once(whole_3dpw):
    assert len(open_dataset("3dpw", whole_3dpw, "all")) == 19 * FRAMES
    write_sequence(whole_3dpw, "train", sequence("downtown_cafe_00"))
    with pytest.raises(DatasetError, match="in more than one split: downtown_cafe_00"):
        open_dataset("3dpw", whole_3dpw, "all")


def test_vibes_filter_needs_more_than_six_limb_joints_above_confidence_03(tmp_path):
    content = sequence("downtown_bar_00")
    content["poses2d"][0][:, 2] = 0.9
    content["poses2d"][0][0, 2, 2:14] = [0.31] * 7 + [0.3] * 5  # frame 0: seven
    content["poses2d"][0][1, 2, 2:14] = [0.31] * 6 + [0.3] * 6  # frame 1: six, and the face does not count
    content["poses2d"][0][2, 2, [0, 1, 14, 15, 16, 17]] = 0.0  # frame 2: all limbs, no face
    content["campose_valid"][0][3] = 0
    write_sequence(tmp_path, "test", content)
    spin, vibe = open_dataset("3dpw", tmp_path), open_dataset("3dpw", tmp_path, frame_filter="vibe")
    assert [person.frame for person in spin] == [0, 1, 2, 4]
    assert [person.frame for person in vibe] == [0, 2, 4]
    assert vibe.left_out["fewer than seven limb joints seen (VIBE's filter)"] == 1
    assert (spin.frame_filter, vibe.frame_filter) == ("spin", "vibe")
    assert vibe[1].box == spin[2].box
    assert spin.fingerprint != vibe.fingerprint


@pytest.mark.parametrize(
    ("name", "folder", "address"),
    [
        ("3dpw", "3dpw", "virtualhumans"),
        ("3dpw-occ", "3dpw", "virtualhumans"),
        ("3doh", "3doh", "yangangwang"),
    ],
)
def test_a_data_set_that_is_not_there_says_where_to_get_it_and_where_to_put_it(
    tmp_path, monkeypatch, name, folder, address
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    with pytest.raises(DatasetError) as caught:
        open_dataset(name)
    for words in (str(tmp_path / "data" / folder), address, "licence", "--root", "OCCLUSION_TOOLKIT_HOME"):
        assert words in str(caught.value)


def test_a_data_set_in_the_folder_of_the_toolkit_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    write_sequence(tmp_path / "data" / "3dpw", "test", sequence("downtown_bar_00"))
    assert len(open_dataset("3dpw")) == FRAMES


def test_arguments_that_do_not_go_together_are_usage_errors(tmp_path):
    with pytest.raises(UsageError, match="open, 3dpw, 3dpw-occ, 3doh"):
        open_dataset("coco")
    with pytest.raises(UsageError, match="--list"):
        open_dataset("open", people_list=tmp_path / "list.npz")
    with pytest.raises(UsageError, match="no split 'val' here; give train or validation or test or all"):
        open_dataset("3dpw", tmp_path, "val")


def test_the_command_line_offers_exactly_these_data_sets():
    from occlusion_toolkit.cli import dataset_options

    assert dataset_options._DATASETS == DATASETS


def test_unreadable_folders_are_an_error_of_the_data_set(tmp_path, monkeypatch):
    write_sequence(tmp_path, "test", sequence("downtown_bar_00"))

    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)  # the tests may run as root, whom no folder refuses
    with pytest.raises(DatasetError, match=r"imageFiles/downtown_bar_00 cannot be read: permission denied"):
        open_dataset("3dpw", tmp_path)


def test_the_box_of_the_open_set_is_made_from_its_keypoints():
    for person in open_dataset("open")[::17]:
        assert person.keypoints_px is not None
        seen = person.keypoints_px[person.keypoints_px[:, 2] > 0, :2]
        side = 1.2 * np.ptp(seen, axis=0).max()
        assert person.box.size == pytest.approx(side, rel=1e-5)
