import dataclasses

import h5py
import numpy as np
import pytest

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.evaluation.result import ARRAYS, EvaluationResult, read_evaluation, write_evaluation
from occlusion_toolkit.sweep.protocol import ProtocolCard

CARD = ProtocolCard(
    analysis="evaluate",
    read_outs=("error",),
    model_card="fake",
    body="open",
    joint_sets=("lsp14",),
    crop_rule="any",
    grid=None,
    occluder=None,
)


def result() -> EvaluationResult:
    generator = np.random.default_rng(0)
    return EvaluationResult(
        card=CARD,
        joint_names=("left_knee", "neck"),
        planned=5,
        batch_size=2,
        sequence_names=np.array(["straße_00".encode(), b"b"], "S255"),
        sequence=np.array([0, 0, 1]),
        frame=np.array([7, 8, 0]),
        person=np.array([0, 1, 0]),
        error_mm=generator.random((3, 2), np.float32),
        pa_error_mm=generator.random((3, 2), np.float32),
        pve_mm=generator.random(3, np.float32),
    )


def test_what_is_written_is_read_and_equal_results_give_equal_bytes(tmp_path):
    for name in ("one.h5", "two.h5"):
        write_evaluation(tmp_path / name, result())
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    found = read_evaluation(tmp_path / "one.h5")
    assert (found.card, found.joint_names, found.planned, found.batch_size) == (
        CARD,
        ("left_knee", "neck"),
        5,
        2,
    )
    assert found.sequences == ("straße_00", "b")
    assert len(found) == 3
    assert not found.complete
    for spec in ARRAYS:
        np.testing.assert_array_equal(getattr(found, spec.name), getattr(result(), spec.name))


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("samples", 6, "not possible"),
        ("samples", 0, "not possible"),
        ("planned", 2, "not possible"),
        ("sequences", 1, "has shape"),
        ("joints", 3, "2 names for 3 joints"),
        ("joint_names", "{}", "joint names"),
        ("batch_size", "many", "batch_size"),
        ("protocol_hash", "0" * 16, "changed after"),
        ("protocol", "{}", "malformed"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, attribute, value, reason):
    path = tmp_path / "result.h5"
    write_evaluation(path, result())
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = value
    with pytest.raises(ResultError, match=reason):
        read_evaluation(path)


def test_rows_of_no_sequence_are_refused(tmp_path):
    path = tmp_path / "result.h5"
    write_evaluation(path, dataclasses.replace(result(), sequence=np.array([0, 2, 1])))
    with pytest.raises(ResultError, match="belongs to no sequence"):
        read_evaluation(path)


def test_arrays_that_do_not_fit_the_joints_are_not_written(tmp_path):
    with pytest.raises(ResultError, match="error_mm must have shape"):
        write_evaluation(tmp_path / "r.h5", dataclasses.replace(result(), joint_names=("neck",)))
    assert not (tmp_path / "r.h5").exists()
