"""Meshes as a container: read by names, stored bit by bit; a file that is not exactly that is refused."""

import csv

import h5py
import numpy as np
import pytest
import trimesh
import xarray as xr
from support.mesh_fixtures import JOINTS, SEQUENCES, ball_mesh, ball_surface

from occlusion_toolkit.body.mesh_files import NO_VALUE
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.files.netcdf import save_dataset
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh


@pytest.fixture
def stored(tmp_path):
    ball_mesh().save(tmp_path / "mesh.h5")
    return tmp_path / "mesh.h5"


@pytest.mark.parametrize("changes", [{"truth": False}, {}, {"metrics": ("mpjpe", "pa_mpjpe", "mine")}])
def test_meshes_read_again_are_the_ones_written(tmp_path, changes):
    written = ball_mesh(**changes)
    written.save(tmp_path / "mesh.h5")
    read = SensitivityMesh.open(tmp_path / "mesh.h5")
    xr.testing.assert_equal(read.dataset, written.dataset)
    assert (read.card, read.metric, read.metrics) == (written.card, written.metric, written.metrics)
    assert (read.joints, read.sequences, read.num_images) == ((*JOINTS, "mean"), SEQUENCES, 90)
    for name in ("vertices_m", "faces", "vertex_parts"):
        np.testing.assert_array_equal(getattr(read.surface, name), getattr(ball_surface(), name))
    assert read.surface.part_names == JOINTS


def test_equal_meshes_give_equal_bytes(stored, tmp_path):
    ball_mesh().save(tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == stored.read_bytes()


def test_plain_xarray_opens_the_file(stored):
    with xr.open_dataset(stored) as dataset:
        mean = dataset["mean"].sel(metric="error", where="cell", joint="neck", over="frames").values
    np.testing.assert_array_equal(mean, ball_mesh().sel(metric="error", joint="neck").values)


def test_statistics_are_read_by_names():
    mesh = ball_mesh()
    assert mesh.metric == "error"
    assert mesh.sel().dims == ("joint", "vertex")
    for statistic in ("mean", "variance", "ci_low", "ci_high"):
        for over in ("frames", "sequences"):
            found = mesh.sel(
                metric="increase", joint="neck", where="hidden", statistic=statistic, over=over
            ).values
            level = ("frames", "sequences").index(over)
            np.testing.assert_array_equal(found, mesh.dataset[statistic].values[level, 2, 1, 2])
    assert (mesh.count == 0).sum() == 2


@pytest.mark.parametrize(
    ("names", "held"), [({"metric": "pa_error"}, "displacement, error"), ({"joint": "nose"}, "neck, mean")]
)
def test_what_the_meshes_do_not_hold_is_an_error_that_says_what_they_hold(names, held):
    with pytest.raises(UsageError, match=held):
        ball_mesh().sel(**names)


def test_vertices_can_be_read_in_a_table_program(tmp_path):
    mesh = ball_mesh()
    mesh.save(tmp_path / "vertices.csv")
    with (tmp_path / "vertices.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for metric in mesh.metrics:
        read = [float(line[f"{metric}_neck_mm"] or "nan") for line in lines]
        np.testing.assert_allclose(read, mesh.sel(metric=metric, joint="neck").values, atol=6e-5)
    assert [int(line["count"]) for line in lines] == mesh.count.tolist()


def test_viewer_files_hold_what_the_meshes_hold(tmp_path):
    mesh, seen = ball_mesh(), ball_mesh().count > 0
    mesh.save(tmp_path / "mesh.glb")
    (glb,) = trimesh.load(tmp_path / "mesh.glb", process=False).geometry.values()
    assert len(glb.vertex_attributes) == 3 * 4 + 1
    for joint in mesh.joints:
        mesh.save(tmp_path / f"{joint}.ply", joint=joint)
        mean = mesh.sel(joint=joint).values
        ply = trimesh.load(tmp_path / f"{joint}.ply", process=False)
        np.testing.assert_array_equal(np.ravel(ply.metadata["_ply_raw"]["vertex"]["data"]["error_mm"]), mean)
        attribute = np.ravel(glb.vertex_attributes[f"_ERROR_{joint.upper()}"])
        np.testing.assert_array_equal(attribute, np.where(seen, mean, np.float32(NO_VALUE)))
        assert len(np.unique(ply.visual.vertex_colors[seen], axis=0)) > 20
        assert len(np.unique(ply.visual.vertex_colors[~seen], axis=0)) == 1


def test_a_suffix_of_no_mesh_is_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"\.h5, \.glb, \.ply or \.csv, not as 'mesh\.obj'"):
        ball_mesh().save(tmp_path / "mesh.obj")


def change_the_card(file):
    file.attrs["protocol"] = file.attrs["protocol"].replace("pare-open", "hmr-open")


def link_elsewhere(file):
    del file["variance"]
    file["variance"] = h5py.ExternalLink("other.h5", "/variance")


def lose_an_array(file):
    del file["variance"]


def point_outside(file):
    file["faces"][0, 0] = 10_000


def name_another_part(file):
    file["vertex_part"][0] = 3


def show_what_is_not_held(file):
    file.attrs["metric"] = "pa_error"


def lose_a_vertex(file):
    file["vertices_m"][0] = np.nan


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (change_the_card, "card was changed"),
        (link_elsewhere, "is a link to another place"),
        (lose_an_array, "variance is missing"),
        (point_outside, "faces has numbers outside 0"),
        (name_another_part, "vertex_part has numbers outside 0..2"),
        (show_what_is_not_held, "a metric to show that it does not hold"),
        (lose_a_vertex, "finite points"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(stored, damage, reason):
    with h5py.File(stored, "r+") as file:
        damage(file)
        del file.attrs["content_sha256"]  # which would tell
    with pytest.raises(ResultError, match=reason):
        SensitivityMesh.open(stored)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda dataset: dataset.isel(metric=[0, 1]), "its metric is not displacement, error, increase"),
        (lambda dataset: dataset.isel(where=[0, 2, 1]), "its where is not cell, hidden, elsewhere"),
        (lambda dataset: dataset.drop_vars("sequence"), "sequence does not hold names"),
        (lambda dataset: dataset.assign(count=dataset["count"].astype("f4")), "count has dimensions"),
        (lambda dataset: dataset.transpose("vertex", ...), "has dimensions"),
    ],
)
def test_a_file_of_another_layout_is_refused(tmp_path, change, reason):
    save_dataset(tmp_path / "mesh.h5", change(ball_mesh().dataset), "mesh", 2)
    with pytest.raises(ResultError, match=reason):
        SensitivityMesh.open(tmp_path / "mesh.h5")


def test_a_file_of_another_kind_is_refused(tmp_path):
    save_dataset(tmp_path / "x.h5", ball_mesh().dataset, "maps", 2)
    with pytest.raises(ResultError, match="holds 'maps', not 'mesh'"):
        SensitivityMesh.open(tmp_path / "x.h5")
