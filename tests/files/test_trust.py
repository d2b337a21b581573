"""Code in a file runs only where its exact bytes are trusted, loudly and on record."""

import hashlib
import logging
import pickle
from pathlib import Path

import pytest
import torch

from occlusion_toolkit.errors import UnsafeFileError, UsageError
from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.trust import TrustedFile, TrustedFiles


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


READERS = {"x.pkl": load_pickle, "archive.ckpt": read_state_dict, "stream.pt": read_state_dict}


@pytest.fixture(params=READERS)
def hostile(request, tmp_path):
    """A file that touches `ran`, what reads it, and its checksum."""
    path, content = tmp_path / request.param, {"x": Touch(tmp_path / "ran"), "y": torch.ones(2).numpy()}
    if path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=path.suffix == ".ckpt")
    return path, READERS[request.param], hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_trusted_file_is_opened_with_a_warning_and_recorded(hostile, caplog):
    path, load, checksum = hostile
    trusted = TrustedFiles([checksum.upper()])
    with caplog.at_level(logging.WARNING):
        assert load(path, trusted=trusted)["y"].tolist() == [1, 1]
    assert (path.parent / "ran").exists()
    assert trusted.opened == (TrustedFile(path.name, checksum),)
    (record,) = caplog.records
    assert path.name in record.getMessage()
    assert checksum in record.getMessage()


def test_one_other_bit_is_another_file(hostile):
    path, load, checksum = hostile
    trusted = TrustedFiles([checksum])
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UnsafeFileError):
        load(path, trusted=trusted)
    assert not (path.parent / "ran").exists()
    assert trusted.opened == ()


@pytest.mark.parametrize("trusted", [None, TrustedFiles(), TrustedFiles(["0" * 64])])
def test_what_is_not_trusted_never_runs(hostile, trusted):
    path, load, _ = hostile
    with pytest.raises(UnsafeFileError, match="--trust-file"):
        load(path, trusted=trusted)
    assert not (path.parent / "ran").exists()


def test_a_damaged_trusted_file_is_a_typed_error(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"cos\nnothing\n.")
    checksum = hashlib.sha256(b"cos\nnothing\n.").hexdigest()
    with pytest.raises(UnsafeFileError, match=r"x\.pkl"):
        load_pickle(tmp_path / "x.pkl", trusted=TrustedFiles([checksum]))


@pytest.mark.parametrize("checksum", ["", "abc", "g" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"])
def test_only_whole_checksums_are_taken(checksum):
    with pytest.raises(UsageError, match="sha256"):
        TrustedFiles([checksum])
