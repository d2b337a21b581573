"""Equal protocols have equal hashes; whatever changes a number's meaning changes the hash and is named."""

import hashlib

import numpy as np
import pytest
from pydantic import ValidationError
from support.fakes import fake_card as card

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.protocol import ProtocolCard, library_versions

OTHER_VALUES = {
    "analysis": "mesh",
    "metrics": ("mpjpe", "mine"),
    "model_card": "hmr-open",
    "weights_sha256": "1" * 64,
    "body": "smpl",
    "joint_set": "smpl24",
    "crop_rule": "as given",
    "own_crop": "256 px, square",
    "grid": Grid("inside"),
    "occluder": {"name": "noise", "seed": 7},
    "precision": "bf16",
    "compiled": True,
    "engine": "incremental",
    "rasterizer": "pytorch3d",
    "dataset": "3dpw",
    "split": "test",
    "ground_truth_body": "smpl",
    "gender_rule": "neutral",
    "frame_filter": "vibe",
    "skipped": 3,
    "pve_alignment": "pelvis",
    "people_sha256": "c" * 64,
    "trusted_files": ("body.pkl sha256:" + "d" * 64,),
    "toolkit_version": "9.9",
    "libraries": {"torch": "0"},
}


def test_the_hash_is_sixteen_digits_and_depends_on_content_alone():
    assert card().hash == card().hash
    assert len(card().hash) == 16
    assert int(card().hash, 16) >= 0
    assert card(libraries={"a": "1", "b": "2"}).hash == card(libraries={"b": "2", "a": "1"}).hash


def test_every_field_is_tried_below():
    assert set(OTHER_VALUES) == set(ProtocolCard.model_fields)


@pytest.mark.parametrize("field", sorted(OTHER_VALUES))
def test_every_field_changes_the_hash(field):
    assert card(**{field: OTHER_VALUES[field]}).hash != card().hash


@pytest.mark.parametrize("field", sorted(OTHER_VALUES))
def test_differences_name_the_fields_that_matter_and_only_those(field):
    lines = card().differences(card(**{field: OTHER_VALUES[field]}))
    if field in ProtocolCard.MAY_DIFFER:
        assert lines == []
    else:
        assert len(lines) == 1
        assert lines[0].startswith(f"{field}: ")


def test_a_card_survives_its_json():
    assert ProtocolCard.model_validate_json(card().canonical_json()) == card()


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"weights_sha256": "abc"},
        {"precision": "fp8"},
        {"occluder": {"colour": "grey"}},
        {"occluder": "grey"},
        {"body": None},
    ],
)
def test_malformed_cards_are_refused(wrong):
    with pytest.raises(ValidationError):
        card(**wrong)


def test_where_the_picture_of_an_occluder_lies_does_not_matter():
    spec = {"name": "image", "file": "mug.png", "sha256": "0" * 64}
    here, there = card(occluder=spec), card(occluder=spec | {"file": "elsewhere/cup.png"})
    assert here.differences(there) == []
    assert here.differences(card(occluder=spec | {"sha256": "1" * 64}))


def test_a_card_without_windows_says_so_where_they_are_needed():
    assert card().windows == Grid()
    with pytest.raises(ResultError, match="'heatmap' has no windows"):
        _ = card(grid=None).windows


def test_cards_cannot_be_changed():
    with pytest.raises(ValidationError):
        card().body = "smpl"


def test_checksums_are_sha256_of_the_bytes(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "weights").write_bytes(content)
    assert sha256_file(tmp_path / "weights") == hashlib.sha256(content).hexdigest()


def test_a_checksum_of_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(ResultError, match=r"missing\.bin"):
        sha256_file(tmp_path / "missing.bin")


def test_the_libraries_that_numbers_depend_on_are_recorded():
    versions = library_versions()
    assert versions["torch"][0].isdigit()
    assert versions["numpy"] == np.__version__
