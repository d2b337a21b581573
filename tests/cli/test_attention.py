"""The attention command as a user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps

PHOTO = Path(__file__).parents[2] / "examples" / "rendered-person.jpg"
TRUTH = PHOTO.with_suffix(".npz")
COMMAND = ("attention", PHOTO, "--device", "cpu")


@pytest.mark.slow
def test_a_photo_gives_maps_clean_and_occluded(tmp_path, cli):
    hidden, out = ("--occlude", 90, 30, 40, 40), tmp_path / "out"
    ran = cli(*COMMAND, "--ground-truth", TRUTH, *hidden, "--out", out, "--json")
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert len(summary["parts"]) == 24
    assert any(part["hidden"] for part in summary["parts"])
    assert {path.name for path in out.iterdir()} == {"attention.h5", "attention.png", "attention.pdf"}
    maps = AttentionMaps.open(out / "attention.h5")
    assert maps.window == (30, 70, 90, 130)
    np.testing.assert_allclose(maps.attention().sum((1, 2)), 1, rtol=1e-4)
    with Image.open(out / "attention.png") as picture:
        assert min(picture.size) > 1000


@pytest.mark.slow
def test_without_an_occluder_the_table_has_clean_columns_alone(tmp_path, cli):
    words = (*COMMAND, "--ground-truth", TRUTH, "--out", tmp_path / "out")
    ran = cli(*words, "--verbose")
    assert ran.code == 0
    assert "left hand" in ran.out
    assert "occluded" not in ran.out
    brief = cli(*words)
    assert brief.code == 0
    assert len(brief.out.splitlines()) <= 24
    assert max(map(len, brief.out.splitlines()[:-1])) <= 80
    other = cli(*words, "--occlude", 90, 30, 40, 40)
    assert other.code == 1
    assert "holds another result, of rendered-person.jpg" in other.err
    assert cli(*words, "--occlude", 90, 30, 40, 40, "--overwrite").code == 0


WRONG = {
    "two boxes": (("--bbox", 1, 1, 9, 9, "--openpose", "x.json"), 2, "one of"),
    "a network without attention": (("--model", "hmr-open"), 1, "no part attention"),
    "an empty rectangle": (("--occlude", 10, 10, 0, 5), 1, "occludes nothing"),
    "a rectangle outside": (("--occlude", 300, 10, 5, 5), 1, "outside"),
    "an unknown model": (("--model", "pare-opne"), 1, "pare-open"),
    "an unknown device": (("--device", "abacus"), 1, "abacus"),
    "another body": (("--body", "smpl"), 1, "pare-open"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_end_in_one_clear_line_and_write_nothing(case, tmp_path, cli):
    words, code, hint = WRONG[case]
    box = () if "--bbox" in words else ("--bbox", 60, 10, 100, 200)  # so that nobody is looked for
    ran = cli(*COMMAND, *box, *words, "--out", tmp_path / "out")
    assert ran.code == code
    assert hint in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out").exists()
