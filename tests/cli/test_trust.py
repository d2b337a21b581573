"""`--trust-file` is on every command that opens files of others, and results say what was opened by it."""

import datetime
import json
import pickle
from pathlib import Path

import pytest
from support.figure_fixtures import draw_coarsely
from support.smpl_files_writer import shared_smpl_folder

from occlusion_toolkit.cli.main import cli as program
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.pickled_smpl import SMPL_DATA
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.sweep.maps import card_of, open_maps

READS_FILES_OF_OTHERS = (
    "body check",
    "compare",
    "evaluate",
    "heatmap",
    "mesh",
    "models check",
    "models import",
)


def with_a_foreign_object(source: Path, target: Path) -> str:
    """Copies a pickle with one object more, of a class that is not on any list; returns the checksum."""
    content = load_pickle(source, allow=SMPL_DATA)
    plain = {key: value for key, value in content.items() if type(value).__module__ in ("builtins", "numpy")}
    target.write_bytes(pickle.dumps(plain | {"made": datetime.date(2018, 9, 10)}))
    return sha256_file(target)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One sequence of the open test set, in a pickle that has to be trusted."""
    root = tmp_path / "people"
    (root / "sequenceFiles/test").mkdir(parents=True)
    (root / "imageFiles").symlink_to(shipped("open-test") / "imageFiles")
    (root / "dataset.json").symlink_to(shipped("open-test") / "dataset.json")
    source = min(shipped("open-test").glob("sequenceFiles/test/*.pkl"))
    with_a_foreign_object(source, root / "sequenceFiles/test" / source.name)
    return root


def pickle_in(root: Path) -> Path:
    (path,) = root.glob("sequenceFiles/test/*.pkl")
    return path


@pytest.mark.parametrize("words", READS_FILES_OF_OTHERS)
def test_every_command_that_reads_files_of_others_has_the_option(words: str):
    command = program
    for word in words.split():
        command = command.commands[word]  # type: ignore[attr-defined, assignment]
    assert "--trust-file" in {name for option in command.params for name in option.opts}


def test_an_evaluation_records_the_data_that_it_had_to_trust(cli, root: Path, tmp_path: Path):
    words = (
        "evaluate",
        "--model",
        "hmr-open",
        "--root",
        root,
        "--limit",
        "1",
        "--out",
        tmp_path / "out",
        "--json",
    )
    refused = cli(*words)
    assert refused.code == 1
    assert "datetime.date" in refused.err
    path = pickle_in(root)
    done = cli(*words, "--trust-file", "0" * 64, "--trust-file", sha256_file(path))
    assert done.code == 0
    (model,) = json.loads(done.out)["models"]
    assert model["protocol"]["trusted_files"] == [f"{path.name} sha256:{sha256_file(path)}"]


@pytest.mark.slow
def test_a_heatmap_records_the_ground_truth_that_it_had_to_trust(
    cli, root: Path, tmp_path: Path, monkeypatch
):
    draw_coarsely(monkeypatch)
    path, out = pickle_in(root), tmp_path / "out"
    image = min((root / "imageFiles" / path.stem).iterdir())
    truth = f"{root}:test/{path.stem}:{int(image.stem.removeprefix('image_'))}"
    words = (
        "heatmap",
        image,
        "--ground-truth",
        truth,
        "--stride",
        "112",
        "--joints",
        "head_top",
        "--out",
        out,
    )
    refused = cli(*words)
    assert refused.code == 1
    assert "--trust-file" in refused.err
    assert cli(*words, "--trust-file", sha256_file(path)).code == 0
    card = card_of(open_maps(out / "result.h5"))
    assert card.trusted_files == (f"{path.name} sha256:{sha256_file(path)}",)


def test_a_body_is_checked_once_it_is_trusted(cli, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = shared_smpl_folder(tmp_path_factory)
    for path in folder.iterdir():
        if "neutral" not in path.name:
            (tmp_path / path.name).symlink_to(path)
    (source,) = folder.glob("*neutral*")
    checksum = with_a_foreign_object(source, tmp_path / "SMPL_NEUTRAL.pkl")
    refused = cli("body", "check", tmp_path)
    assert refused.code == 1
    assert "datetime.date" in refused.err
    assert cli("body", "check", tmp_path, "--trust-file", checksum).code == 0


def test_a_malformed_checksum_is_refused_before_anything_is_read(cli, tmp_path: Path):
    refused = cli("evaluate", "--trust-file", "abc", "--out", tmp_path / "out")
    assert refused.code == 1
    assert "sha256sum" in refused.err
    assert not (tmp_path / "out").exists()
