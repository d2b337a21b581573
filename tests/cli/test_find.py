"""`find` lists and draws people; `heatmap` and `attention` take the one that is meant."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.screens import rows_on_a_screen

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.find import crop as crops
from occlusion_toolkit.find.crop import read_crop
from occlusion_toolkit.find.drawing import drawing_names
from occlusion_toolkit.find.people import find_people

PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(PHOTO).pixels


@pytest.fixture(scope="module")
def two(photo, tmp_path_factory) -> Path:
    """The photograph with a smaller copy of itself on its right, half as large."""
    half = np.asarray(Image.fromarray(photo).resize((227, 230), Image.Resampling.BILINEAR))
    picture = np.full((460, 740, 3), 128, np.uint8)
    picture[:, :455] = np.asarray(Image.fromarray(photo).resize((455, 460), Image.Resampling.BILINEAR))
    picture[100:330, 480:707] = half
    path = tmp_path_factory.mktemp("two") / "two.png"
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture(scope="module")
def found_in_two(two):
    """Everybody in that picture, found once."""
    return find_people(two)


@pytest.fixture
def once(monkeypatch, found_in_two):
    """Nobody is looked for again."""
    monkeypatch.setattr(crops, "find_people", lambda _: found_in_two)


@pytest.fixture
def grey(tmp_path) -> Path:
    path = tmp_path / "grey.png"
    Image.new("RGB", (200, 100), "grey").save(path)
    return path


def test_find_lists_and_draws_everybody(cli, grey, tmp_path, photo):
    out = tmp_path / "drawn"
    ran = cli("find", PHOTO, grey, "--json", "--out", out)
    assert ran.code == 0
    answer = json.loads(ran.out)
    with_man, empty = answer["images"]
    assert empty["people"] == []
    assert (with_man["width"], with_man["height"]) == (910, 920)
    [man] = with_man["people"]
    assert man["bbox_xywh_px"] == pytest.approx([258, 107, 382, 707], abs=30)
    assert man["crop"]["side_px"] == pytest.approx(665, abs=20)
    assert set(man["landmarks_px"]) > {"nose", "left_wrist", "right_ankle"}
    assert answer["files"] == [str(out / "photo.png"), str(out / "grey.png")]
    with Image.open(out / "photo.png") as drawn:
        changed = np.argwhere((np.asarray(drawn.convert("RGB")) != photo).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert (left, top) < (258, 140)
    assert right > 640
    assert bottom > 790
    with Image.open(out / "grey.png") as drawn:
        assert len(drawn.getcolors() or ()) == 1


def test_the_table_says_where_people_are_or_that_nobody_is(cli, grey):
    ran = cli("find", PHOTO, grey, "--verbose")
    assert ran.code == 0
    assert "crop's side" in ran.out
    assert "0.95" in ran.out
    assert f"{grey}, 200 x 100 pixels: nobody found" in ran.out


def test_many_images_are_a_line_each_on_one_screen(cli, tmp_path, monkeypatch):
    monkeypatch.setattr("occlusion_toolkit.find.people.find_people", lambda _pixels: [])
    for number in range(25):
        Image.new("RGB", (20, 20), "grey").save(tmp_path / f"{number:03d}.png")
    ran = cli("find", tmp_path)
    assert ran.code == 0
    assert rows_on_a_screen(ran.out) <= 24
    assert "25 images, 0 people" in ran.out
    assert "and 7 more images" in ran.out


def test_a_drawing_replaces_nothing_unasked(cli, grey):
    before = grey.read_bytes()
    refused = cli("find", grey, "--out", grey.parent)
    assert refused.code == 1
    assert "grey.png' is there already; choose another --out, or --overwrite" in refused.err
    assert grey.read_bytes() == before


def test_a_file_that_is_no_image_ends_in_one_line_and_draws_nothing(cli, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    said = cli("find", PHOTO, text, "--out", tmp_path / "out")
    assert said.code == 1
    assert "text.jpg" in said.err
    assert not (tmp_path / "out").exists()


def test_drawings_of_images_of_one_name_do_not_replace_each_other():
    names = drawing_names([Path("a/x.jpg"), Path("b/x.png"), Path("b/y.png")])
    assert names == ["x.png", "x-2.png", "y.png"]


def test_the_largest_person_is_taken_and_everybody_listed(two, once):
    crop = read_crop(two)
    (said,) = crop.warnings
    assert said.startswith("2 people were found and the largest is taken; --person N takes another")
    assert "1: " in said
    assert "2: " in said
    assert crop.box.centre[0] < 455
    assert "1.2 x the keypoints that BlazePose found; person 1 of 2" in crop.box_rule


def test_another_person_can_be_taken(two, once):
    crop = read_crop(two, person=2)
    assert crop.box.centre[0] > 480
    assert "person 2 of 2" in crop.box_rule
    assert crop.warnings == ()


def test_a_person_who_is_not_there_is_an_error_that_counts_those_who_are(two, once):
    with pytest.raises(UsageError, match="no person 3: only 2 people were found"):
        read_crop(two, person=3)


def test_without_anybody_the_whole_image_is_taken_with_a_warning(grey):
    crop = read_crop(grey)
    assert crop.box == CropBox.whole_image(100, 200)
    assert "whole image" in crop.box_rule
    assert "nobody was found" in crop.warnings[0]
    with pytest.raises(UsageError, match="nobody was found"):
        read_crop(grey, person=1)


def test_a_person_cut_by_the_border_is_taken_with_a_warning(photo, tmp_path):
    Image.fromarray(photo[:600]).save(tmp_path / "cut.png")
    crop = read_crop(tmp_path / "cut.png")
    assert "reaches beyond the image" in crop.warnings[0]
    assert crop.box.centre[1] < 600


@pytest.mark.parametrize(
    "words",
    [
        ("heatmap", "--bbox", 1, 1, 9, 9, "--person", 2),
        ("attention", "--openpose", "x.json", "--person", 2),
        ("attention", "--ground-truth", "x.npz", "--person", 2),
        ("heatmap", "--person", 0),
    ],
)
def test_contradicting_words_are_refused(cli, words):
    command, *options = words
    refused = cli(command, PHOTO, *options)
    assert refused.code == 2
    assert "--person" in refused.err


def test_a_folder_stands_for_its_images(cli, grey):
    ran = cli("find", grey.parent, "--json")
    assert ran.code == 0
    assert str(grey) in [image["image"] for image in json.loads(ran.out)["images"]]
