from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner
from support import training_files as files
from support.training_fixtures import PARE, link_people, recipe_content

from occlusion_toolkit.body.joints49 import Joints49
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.cli.main import cli as program
from occlusion_toolkit.errors import DatasetError, UsageError
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.training.curves import read_log


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe_content(steps=3, validate_every=3)))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return link_people(tmp_path / "people")


def test_run_stops_goes_on_and_ends_with_a_card(recipe: Path, data: Path, tmp_path: Path) -> None:
    line = [str(recipe), "--data", str(data), "--out", str(tmp_path / "run"), "--workers", "0"]
    stopped = CliRunner().invoke(program, ["train", *line, "--max-time", "0"], catch_exceptions=False)
    assert "6 people of synthetic" in stopped.output  # four of the ten are held out
    assert "Stopped at step 1 of 3" in stopped.output
    refused = CliRunner().invoke(program, ["train", *line])
    assert "--resume" in str(refused.exception)
    finished = CliRunner().invoke(program, ["train", *line, "--resume"], catch_exceptions=False)
    assert "step 3 of 3" in finished.output
    assert "samples/s" in finished.output
    assert "tiny-best.yaml" in finished.output
    assert (tmp_path / "run" / "tiny-best.yaml").is_file()


def test_another_number_of_people_is_held_out(recipe: Path, data: Path, tmp_path: Path) -> None:
    line = [str(recipe), "--data", str(data), "--out", str(tmp_path / "run"), "--workers", "0"]
    ran = CliRunner().invoke(
        program, ["train", *line, "--max-time", "0", "--held-out", "7"], catch_exceptions=False
    )
    assert "3 people of synthetic" in ran.output  # of ten
    assert yaml.safe_load(recipe.read_text())["train"]["held_out"] == 4


def test_run_starts_from_the_weights_of_another(recipe: Path, data: Path, tmp_path: Path) -> None:
    line = [str(recipe), "--data", str(data), "--cache", str(tmp_path / "cache"), "--workers", "0"]
    CliRunner().invoke(program, ["train", *line, "--out", str(tmp_path / "first")], catch_exceptions=False)
    first = load_regressor(tmp_path / "first" / "tiny-last.yaml")
    still = recipe_content(steps=1, validate_every=1, optimisation={"learning_rate": 1e-12})
    recipe.write_text(yaml.safe_dump(still | {"name": "tuned"}))
    words = [
        "--out",
        str(tmp_path / "second"),
        "--start-from",
        str(tmp_path / "first/weights/tiny-last.safetensors"),
    ]
    CliRunner().invoke(program, ["train", *line, *words], catch_exceptions=False)
    second = load_regressor(tmp_path / "second" / "tuned-last.yaml")
    for before, after in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.allclose(before, after, atol=1e-6)
    assert second.card.training is not None
    assert (
        second.card.training.started_from == "tiny-last.safetensors"
    )  # no folders of this machine on a card


def test_missing_data_are_explained_as_by_data_check(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    refused = CliRunner().invoke(program, ["train", str(recipe), "--out", str(tmp_path / "run")])
    checked = CliRunner().invoke(program, ["data", "check", str(recipe), "--verbose"])
    assert "Make it with `occlusion-toolkit synthesize --split train`" in str(refused.exception)
    assert str(refused.exception) in checked.output
    assert not (tmp_path / "run").exists()


def test_a_recipe_is_named_like_a_model(tmp_path: Path) -> None:
    refused = CliRunner().invoke(program, ["train", "pare-opn", "--out", str(tmp_path / "run")])
    assert isinstance(refused.exception, UsageError)
    found = CliRunner().invoke(
        program, ["train", "pare-open", "--data", f"synthetic={tmp_path}", "--out", str(tmp_path)]
    )
    assert isinstance(found.exception, DatasetError)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "elsewhere"], "no folder 'elsewhere'"),
        (["--data", "h36m=."], "no data set 'h36m'; it has synthetic"),
        (["--data", ".", "--data", "synthetic=."], "a data set has two folders"),
        (["--devices", "0"], "devices"),
    ],
)
def test_wrong_words_are_usage_errors(recipe: Path, words: list[str], message: str) -> None:
    refused = CliRunner().invoke(program, ["train", str(recipe), "--out", "x", *words])
    assert refused.exit_code == 2
    assert message in refused.output


def test_people_without_bodies_cannot_be_held_out(recipe: Path, tmp_path: Path) -> None:
    body = load_open_body()
    files.write_h36m(tmp_path / "h36m", files.make_people(body, Joints49(body.arrays), 3))
    content = recipe_content(data=[{"shares": {"h36m": 1.0}}], held_out=2, supervision=None)
    recipe.write_text(yaml.safe_dump(content))
    line = [str(recipe), "--data", str(tmp_path / "h36m"), "--out", str(tmp_path / "run")]
    refused = CliRunner().invoke(program, ["train", *line])
    assert "None of the first 2 people of h36m has a body" in str(refused.exception)


@pytest.mark.slow
def test_rendered_and_published_sets_are_mixed(data: Path, tmp_path: Path) -> None:
    """The people once as cached crops, once as 3DPW's layout is read, with part labels rendered."""
    stages = [{"shares": {"synthetic": 1.0}, "steps": 1}, {"shares": {"synthetic": 0.2, "3dpw-train": 0.8}}]
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(recipe_content(data=stages)))
    line = [str(path), "--data", str(data), "--data", f"3dpw-train={data}", "--out", str(tmp_path / "run")]
    mixed = CliRunner().invoke(
        program, ["train", *line, "--fast-dev-run", "--workers", "0"], catch_exceptions=False
    )
    assert "6 people of synthetic, 10 people of 3dpw-train" in mixed.output
    assert "step 2 of 2" in mixed.output
    assert any((tmp_path / "run" / "cache" / "3dpw-train").rglob("*.npy"))


@pytest.mark.slow
def test_published_files_train_a_network_end_to_end(tmp_path: Path) -> None:
    """COCO-EFT first, then the mix with other sets, objects of Pascal VOC: as `pare-r50` and Table 2."""
    body = load_open_body()
    joints = Joints49(body.arrays)
    folders = {name: tmp_path / name for name in ("coco-eft", "h36m", "mpi-inf-3dhp", "3doh-train", "voc")}
    files.write_eft(folders["coco-eft"], files.make_people(body, joints, 8, seed=1))
    files.write_h36m(folders["h36m"], files.make_people(body, joints, 3, seed=2))
    files.write_mpi_inf(folders["mpi-inf-3dhp"], files.make_people(body, joints, 4, seed=3))
    files.write_threedoh(folders["3doh-train"], files.make_people(body, joints, 3, seed=4))
    files.write_voc(folders["voc"])
    stages = [
        {"shares": {"coco-eft": 1.0}, "steps": 1},
        {"shares": {"h36m": 0.3, "coco-eft": 0.3, "mpi-inf-3dhp": 0.2, "3doh-train": 0.2}},
    ]
    augmentation = {
        "resolution": 56,
        "occlusion": {"objects": "voc"},
        "random_crop": {"probability": 1.0, "from_step": 1},
    }
    as_published = {
        "initial_weights": "published",
        "projection": "perspective",
        "supervision": {"by": "heatmaps and joints", "until_step": 3},
    }
    content = recipe_content(
        PARE | {"corrects_mean": False},
        data=stages,
        augmentation=augmentation,
        steps=4,
        validate_every=2,
        **as_published,
    )
    path = tmp_path / "published.yaml"
    path.write_text(yaml.safe_dump(content))
    given = [word for name, folder in folders.items() for word in ("--data", f"{name}={folder}")]
    line = [str(path), *given, "--out", str(tmp_path / "run"), "--workers", "0"]
    done = CliRunner().invoke(program, ["train", *line], catch_exceptions=False)
    for people in ("4 people of coco-eft", "3 people of h36m", "4 people of mpi-inf-3dhp"):
        assert people in done.output
    assert "3 people of 3doh-train" in done.output
    assert "step 4 of 4" in done.output
    trained = load_regressor(tmp_path / "run" / "tiny-last.yaml")
    assert trained(torch.randn(1, 3, 224, 224)).rotmats.isfinite().all()
    assert not (tmp_path / "run" / "cache" / "coco-eft").exists()  # joints need no part labels
    logged = read_log(tmp_path / "run")
    for name in ("heatmaps", "heatmap_joints"):
        assert logged[f"loss/{name}"].values[0] > 0
        assert logged[f"loss/{name}"].values[-1] == 0
