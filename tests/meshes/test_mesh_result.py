"""mesh.h5: what is read is what was written, and nothing else is accepted."""

import dataclasses

import h5py
import numpy as np
import pytest
from occlusion_toolkit.meshes.mesh_result import read_mesh, read_surface, write_mesh
from support.mesh_fixtures import ball_result, ball_surface

from occlusion_toolkit.errors import ResultError


@pytest.fixture
def stored(tmp_path):
    write_mesh(tmp_path / "mesh.h5", ball_result(), ball_surface())
    return tmp_path / "mesh.h5"


def assert_equal(read, written):
    for field in dataclasses.fields(written):
        one, other = getattr(read, field.name), getattr(written, field.name)
        if dataclasses.is_dataclass(other):
            assert_equal(one, other)
        elif isinstance(other, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        elif field.name == "pooled":
            for part, written_part in zip(one, other, strict=True):
                assert_equal(part, written_part)
        else:
            assert one == other


@pytest.mark.parametrize("read_outs", [("displacement",), ("displacement", "error", "increase")])
def test_a_result_read_again_is_the_one_written(tmp_path, read_outs):
    written = ball_result(read_outs)
    write_mesh(tmp_path / "mesh.h5", written, ball_surface())
    assert_equal(read_mesh(tmp_path / "mesh.h5"), written)


def test_the_surface_comes_with_it(stored):
    assert_equal(read_surface(stored), ball_surface())


def test_equal_results_give_equal_bytes(stored, tmp_path):
    write_mesh(tmp_path / "again.h5", ball_result(), ball_surface())
    assert (tmp_path / "again.h5").read_bytes() == stored.read_bytes()


def test_meshes_are_not_stored_with_another_body(tmp_path):
    with pytest.raises(ResultError, match="cannot be shown on 'ball'"):
        write_mesh(tmp_path / "mesh.h5", ball_result(body="smpl"), ball_surface())
    assert not (tmp_path / "mesh.h5").exists()


def point_outside(file):
    file["surface/faces"][0, 0] = 10_000


def change_the_card(file):
    file.attrs["protocol"] = file.attrs["protocol"].replace("pare-open", "hmr-open")


def link_elsewhere(file):
    del file["pooled/error"]
    file["pooled/error"] = h5py.ExternalLink("other.h5", "/pooled/error")


def claim_vertices(file):
    file.attrs["vertex_count"] = 10**9


def lose_an_array(file):
    del file["pooled/increase/hidden/sequences/variance"]


def lose_a_joint(file):
    file.attrs["joint_names"] = '["left_wrist"]'


def not_a_list(file):
    file.attrs["sequence_names"] = '{"indoors": 1}'


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (change_the_card, "card was changed"),
        (link_elsewhere, "is a link to another place"),
        (claim_vertices, "claims 1000000000 vertices"),
        (lose_an_array, "variance is missing"),
        (lose_a_joint, "has shape"),
        (not_a_list, "not a list of names"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(stored, damage, reason):
    with h5py.File(stored, "r+") as file:
        damage(file)
    with pytest.raises(ResultError, match=reason):
        read_mesh(stored)


def test_a_surface_whose_faces_point_outside_is_refused(stored):
    with h5py.File(stored, "r+") as file:
        point_outside(file)
    with pytest.raises(ResultError, match="outside 0"):
        read_surface(stored)


def test_a_file_of_another_kind_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs.update(kind="heatmap", schema=1)
    with pytest.raises(ResultError, match="holds 'heatmap', not 'mesh'"):
        read_mesh(tmp_path / "x.h5")
