"""The lists of SPIN and PARE give the people of the official files; what is wrong in one is said at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.published_lists import spin_columns, write_pare_list, write_spin_list
from support.threedpw_fixtures import FRAMES, sequence, write_sequence

from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.published_list import locate_below
from occlusion_toolkit.errors import DatasetError, UnsafeFileError, UsageError

NAMES = ("downtown_bar_00", "downtown_stairs_00", "flat_guitar_01")


def contents() -> list[dict[str, Any]]:
    """Three test sequences, the second with two people of which the first is not tracked at first."""
    items = [sequence(name, people=2 if name == NAMES[1] else 1) for name in NAMES]
    items[1]["campose_valid"][0][:2] = 0
    items[2]["poses2d"][0][:, 2, 7:] = 0.0
    return items


@pytest.fixture
def root(tmp_path) -> Path:
    for content in contents():
        write_sequence(tmp_path, "test", content)
    return tmp_path


def from_list(root: Path, path: Path, name: str = "3dpw", split: str | None = None) -> People:
    return open_dataset(name, root, split, people_list=path)


def assert_same_people(first: People, second: People) -> None:
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        for field in ("sequence", "frame", "person", "gender", "image_path"):
            assert getattr(one, field) == getattr(other, field)
        np.testing.assert_allclose(one.rotmats, other.rotmats, atol=1e-6)
        np.testing.assert_allclose(one.betas, other.betas, rtol=1e-6)
        np.testing.assert_allclose(one.box.centre, other.box.centre, rtol=1e-9)
        np.testing.assert_allclose(one.box.size, other.box.size, rtol=1e-9)
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_spins_list_gives_the_same_people_whatever_its_order(root, order):
    items = contents()
    path = write_spin_list(root / "3dpw_test.npz", [items[index] for index in order])
    official = open_dataset("3dpw", root)
    assert len(official) == 4 * FRAMES - 2
    assert_same_people(from_list(root, path), official)


def test_pares_list_gives_the_same_people_split_by_split(root, tmp_path):
    other = sequence("outdoors_golf_00")
    write_sequence(root, "validation", other)
    (root / "sequenceFiles" / "train").mkdir()
    path = write_pare_list(root / "3dpw_all_test_with_mmpose.npz", [other, *contents()])
    assert_same_people(from_list(root, path), open_dataset("3dpw", root, "test"))
    everybody = from_list(root, path, split="all")
    assert len(everybody) == 5 * FRAMES - 2
    assert_same_people(everybody, open_dataset("3dpw", root, "all"))
    assert from_list(root, path).left_out == {"of other sequences": FRAMES}


def test_an_incomplete_list_says_so_and_is_read(root, caplog):
    from_list(root, write_spin_list(root / "list.npz", contents()))
    assert "21 of 3DPW's 24 test sequences are missing" in caplog.text


def refusal(root: Path, path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        from_list(root, path)
    return str(caught.value)


def test_every_problem_of_a_list_is_said_at_once(root):
    columns = spin_columns(contents())
    columns["pose"][3][0] = np.nan
    columns["scale"][1] = 0.0
    columns["gender"][4] = "x"
    columns["imgname"][0] = "/etc/image_00000.jpg"
    columns["imgname"][2] = "../imageFiles/downtown_bar_00/image_00000.jpg"
    message = refusal(root, write_spin_list(root / "list.npz", contents(), **columns))
    for words in (
        "pose has NaN or infinite values in 1 rows, row 3 first",
        "scale is not positive in 1 rows, row 1 first",
        "gender is not m, f or n in 1 rows, row 4 first",
        "2 images are missing, ../imageFiles/downtown_bar_00/image_00000.jpg first",
    ):
        assert words in message


@pytest.mark.parametrize("name", ["../a/b.jpg", "a\\..\\..\\b.jpg", "/a/b.jpg", "C:\\a\\b.jpg", "", "."])
def test_images_are_only_looked_for_below_the_data_set(name):
    assert locate_below(name, Path) is None
    assert locate_below("a\\b.jpg", Path) == locate_below("a/b.jpg", Path) == Path("a/b.jpg")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("center", np.ones((3, 2)), "center has shape (3, 2), not (18, 2)"),
        ("pose", np.ones((18, 24, 3)), "pose has shape (18, 24, 3), not (18, 72)"),
        ("shape", np.ones((18, 300)), "shape has shape (18, 300), not (18, 10)"),
        ("scale", np.array(["a"] * 18), "scale does not hold numbers"),
        ("gender", np.array(["m"] * 17), "gender has 17 rows, imgname 18"),
        ("gender", np.ones(18, bool), "gender is not a column of texts"),
        (
            "imgname",
            np.array(["imageFiles/downtown_bar_00/"] * 18),
            "row 0 has the image downtown_bar_00, not one like",
        ),
    ],
)
def test_a_wrong_column_is_named(root, name, value, words):
    assert words in refusal(root, write_spin_list(root / "list.npz", contents(), **{name: value}))


def test_missing_columns_are_named_together(root):
    columns = spin_columns(contents())
    np.savez(root / "list.npz", imgname=columns["imgname"], center=columns["center"])
    message = refusal(root, root / "list.npz")
    for name in ("scale", "pose", "shape", "gender"):
        assert f"{name} is missing" in message


def test_missing_images_are_counted(root):
    for frame in (1, 4):
        (root / "imageFiles" / NAMES[0] / f"image_{frame:05d}.jpg").unlink()
    (root / "imageFiles" / NAMES[2] / "image_00000.jpg").unlink()
    message = refusal(root, write_spin_list(root / "list.npz", contents()))
    assert "3 images are missing, imageFiles/downtown_bar_00/image_00001.jpg first" in message


def test_images_of_other_splits_need_not_exist(root):
    path = write_pare_list(root / "list.npz", [sequence("outdoors_golf_00"), *contents()])
    assert len(from_list(root, path)) == 4 * FRAMES - 2
    with pytest.raises(DatasetError, match="5 images are missing, imageFiles/outdoors_golf_00"):
        from_list(root, path, split="all")


def test_3dpw_occ_from_a_list_needs_all_its_kinds(root):
    with pytest.raises(DatasetError, match="15 of its 17 kinds are missing: courtyard_backpack"):
        from_list(root, write_spin_list(root / "list.npz", contents()), "3dpw-occ")


def test_people_who_take_turns_in_a_list_are_refused(root):
    columns = {key: values[::-1] for key, values in spin_columns(contents()).items()}
    assert "not one person after the other" in refusal(
        root, write_spin_list(root / "list.npz", contents(), **columns)
    )


def test_objects_in_a_list_are_never_opened(root):
    path = write_spin_list(root / "list.npz", contents(), shape=np.array([{}] * 18, object))
    for content in (path.read_bytes(), b"PK\x03\x04 broken", path.read_bytes()[:-100]):
        path.write_bytes(content)
        with pytest.raises(UnsafeFileError, match=r"list\.npz"):
            from_list(root, path)
    with pytest.raises(UnsafeFileError, match=r"none\.npz"):
        from_list(root, root / "none.npz")


def test_what_a_list_cannot_tell_is_a_usage_error(root):
    path = write_spin_list(root / "list.npz", contents())
    with pytest.raises(UsageError, match="has no split 'train' here; give test or all"):
        from_list(root, path, split="train")
    with pytest.raises(UsageError, match="no keypoints"):
        open_dataset("3dpw", root, frame_filter="vibe", people_list=path)
