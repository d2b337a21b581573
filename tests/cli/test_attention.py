"""The attention command as a user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from occlusion_toolkit.attention_maps.result import read_attention
from PIL import Image

from occlusion_toolkit.cli.main import main

PHOTO = Path(__file__).parents[2] / "examples" / "rendered-person.jpg"
TRUTH = PHOTO.with_suffix(".npz")


def run(*words: str | Path | int) -> int:
    """Exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        main(["attention", *map(str, words)])
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_a_photo_gives_maps_clean_and_occluded(tmp_path, capsys):
    out = tmp_path / "out"
    hidden = ("--occlude", 90, 30, 40, 40)
    assert run(PHOTO, "--ground-truth", TRUTH, *hidden, "--out", out, "--device", "cpu", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert len(summary["parts"]) == 24
    assert any(part["hidden"] for part in summary["parts"])
    assert {path.name for path in out.iterdir()} == {"attention.h5", "attention.png", "attention.pdf"}
    result = read_attention(out / "attention.h5")
    assert result.occluded.window.tolist() == [30, 70, 90, 130]
    np.testing.assert_allclose(result.attention.sum((1, 2)), 1, rtol=1e-4)
    with Image.open(out / "attention.png") as picture:
        assert min(picture.size) > 1000


@pytest.mark.slow
def test_without_an_occluder_the_table_has_clean_columns_alone(tmp_path, capsys):
    assert run(PHOTO, "--ground-truth", TRUTH, "--out", tmp_path / "out", "--device", "cpu") == 0
    table = capsys.readouterr().out
    assert "left hand" in table
    assert "occluded" not in table


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
def test_wrong_words_end_in_one_clear_line_and_write_nothing(case, tmp_path, capsys):
    words, code, hint = WRONG[case]
    out = tmp_path / "out"
    assert run(PHOTO, *words, "--out", out) == code
    said = capsys.readouterr().err
    assert hint in said
    assert "Traceback" not in said
    assert not out.exists()
