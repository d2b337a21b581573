"""Models with crops of their own through every command: they work, or say in a line why not."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.figure_fixtures import draw_coarsely
from support.tiny_card import write_tiny_card, write_tiny_modern_card

from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps
from occlusion_toolkit.attention_maps.run import over_reference
from occlusion_toolkit.heatmaps.occlusion_maps import open_maps
from occlusion_toolkit.models.views import Frame

BOX = ("--bbox", 100, 60, 60, 200)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("cards")
    found = {"tiny": write_tiny_card(folder)}
    return found | {kind: write_tiny_modern_card(folder, kind) for kind in ("hmr2", "camerahmr")}


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "person.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (320, 260, 3), dtype=np.uint8)).save(path)
    return path


def test_a_heatmap_marks_what_the_model_cannot_see(cards, photo, tmp_path, cli):
    out = tmp_path / "out"
    words = ("heatmap", photo, "--model", cards["hmr2"], "--stride", 16, "--out", out, *BOX)
    code, said, err = cli(*words)
    assert code == 0, err
    maps = open_maps(out / "result.h5")
    seen = maps.seen()
    words = f"{int((~seen).sum())} windows lie where tiny-hmr2 cannot see"
    assert words in " ".join(said.split())
    assert not maps["displacement"].values[0][:, ~seen].any()
    own = maps.card.own_crop
    assert "32 px, square, 1 x the person's rectangle grown to 3:4" in own
    assert "windows lie in the reference square" in own
    all_windows, some = maps.table(), maps.table(seen_only=True)
    assert some.windows + some.unseen == all_windows.windows == 196
    assert some.overall.mean_mm == pytest.approx(
        all_windows.overall.mean_mm * all_windows.windows / some.windows, rel=1e-4
    )


def test_a_model_that_is_told_the_camera_needs_the_focal_length(cards, photo, tmp_path, cli):
    words = ("heatmap", photo, "--model", cards["camerahmr"], "--stride", 56, "--out", tmp_path / "o", *BOX)
    code, _, err = cli(*words)
    assert code == 1
    assert "--focal-length" in err
    assert cli(*words, "--focal-length", 900).code == 0
    assert cli(*words, "--focal-length", -3).code == 2


@pytest.mark.slow
def test_a_model_of_224_and_one_with_its_own_crops_are_compared_window_by_window(cards, tmp_path, cli):
    models = [word for name in ("tiny", "hmr2", "camerahmr") for word in ("--model", cards[name])]
    words = ("compare", *models, "--limit", 2, "--stride", 16, "--device", "cpu", "--example", "none")
    words += ("--metric", "displacement")
    code, _, err = cli(*words, "--out", tmp_path / "all", "--json")
    assert code == 0, err
    everything = json.loads((tmp_path / "all" / "comparison.json").read_text())
    surveys = sorted((tmp_path / "all" / "surveys").iterdir())
    again = ("compare", *surveys, "--seen-only", "--metric", "displacement", "--example", "none")
    code, _, err = cli(*again, "--out", tmp_path / "seen")
    assert code == 0, err
    seen = json.loads((tmp_path / "seen" / "comparison.json").read_text())
    assert (everything["seen_only"], seen["seen_only"]) == (False, True)

    def occluded(comparison: dict, model: str) -> float:
        (found,) = (entry for entry in comparison["models"] if entry["name"] == model)
        return found["quantities"]["occluded"]["mean"][-1]

    # Windows that the model does not see count as zero: without them its mean is larger.
    assert occluded(seen, "tiny-hmr2") > occluded(everything, "tiny-hmr2")


@pytest.mark.slow
def test_a_survey_keeps_what_is_seen_and_a_mesh_is_pooled_of_it(cards, tmp_path, cli):
    out = tmp_path / "out"
    words = ("mesh", "--model", cards["camerahmr"], "--limit", 2, "--stride", 56, "--device", "cpu")
    code, _, err = cli(*words, "--out", out)
    assert code == 0, err
    assert (out / "mesh.h5").is_file()


def test_an_evaluation_uses_the_models_own_crops(cards, tmp_path, cli):
    models = [word for name in ("hmr2", "camerahmr") for word in ("--model", cards[name])]
    code, out, err = cli("evaluate", *models, "--limit", 2, "--json", "--out", tmp_path)
    assert code == 0, err
    first, second = json.loads(out)["models"]
    assert "32 px" in first["protocol"]["own_crop"]
    assert "told the camera" in second["protocol"]["own_crop"]


def test_attention_of_a_decoder_has_a_map_for_each_layer(cards, photo, tmp_path, cli):
    out = tmp_path / "out"
    words = (
        "attention",
        photo,
        "--model",
        cards["hmr2"],
        "--out",
        out,
        *BOX,
        "--occlude",
        92,
        92,
        40,
        40,
        "--verbose",
    )
    code, said, err = cli(*words)
    assert code == 0, err
    maps = AttentionMaps.open(out / "attention.h5")
    assert maps.parts == ("layer 1", "layer 2", "mean over layers")
    assert "layer 1" in said
    for view in ("clean", "occluded"):
        np.testing.assert_allclose(maps.attention(view).sum((1, 2)), 1.0, atol=1e-4)
    assert not np.array_equal(maps.attention("clean"), maps.attention("occluded"))
    columns = maps.attention("clean").sum((0, 1)) > 0
    assert not columns[0]  # beside the middle columns nothing is looked at
    assert columns[len(columns) // 2]


def test_attention_in_one_patch_lies_over_that_patch():
    scale = 224 / 32
    frame = Frame(np.array([[scale, 0, 0], [0, scale, 0]]), 32, (0, 32, 0, 32))
    one = np.zeros((1, 4, 2), dtype=np.float32)
    one[0, 1, 1] = 1
    carried = over_reference(one, frame, (0, 32, 8, 24))
    rows, columns = np.nonzero(carried[0])
    cells = carried.shape[-1]
    assert (rows.min(), rows.max() + 1) == (cells // 4, cells // 2)
    assert (columns.min(), columns.max() + 1) == (cells // 2, 3 * cells // 4)


@pytest.mark.slow
def test_the_check_knows_what_a_card_says_of_its_crops(cards, tmp_path, cli):
    for name in ("hmr2", "camerahmr"):
        findings = {
            f["check"]: f for f in json.loads(cli("models", "check", cards[name], "--json").out)["findings"]
        }
        for check in ("shapes", "determinism", "batch invariance", "untouched input", "sight", "told camera"):
            assert findings[check]["passed"], findings[check]
    assert "changes outputs" in findings["told camera"]["message"]
    wrong = cards["hmr2"].read_text().replace("- 8\n  - 23", "- 9\n  - 20")
    assert wrong != cards["hmr2"].read_text()
    path = cards["hmr2"].with_name("tiny-wrong.yaml")
    path.write_text(wrong.replace("name: tiny-hmr2", "name: tiny-wrong"))
    code, out, _ = cli("models", "check", path, "--json")
    assert code == 1
    (sight,) = (f for f in json.loads(out)["findings"] if f["check"] == "sight")
    assert not sight["passed"]
    assert "correct the card" in sight["message"]
