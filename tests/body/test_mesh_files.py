"""PLY, GLB and CSV of values over vertices: what other programs read is what was written."""

import csv
import json
import struct

import numpy as np
import pytest
import trimesh
from support.synthetic_meshes import sphere

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.body.mesh_files import NO_VALUE, gltf_name, write_glb, write_ply, write_vertex_table
from occlusion_toolkit.errors import ResultError


@pytest.fixture
def surface():
    vertices, faces = sphere(rings=6, radius=0.5)
    parts = (vertices[:, 1] > 0).long().numpy()
    return BodySurface("ball", vertices.float().numpy(), faces.numpy(), parts, ("pelvis", "head"))


@pytest.fixture
def values(surface):
    rng = np.random.default_rng(0)
    columns = {
        name: rng.uniform(-9, 200, len(surface.vertices_m)).astype(np.float32)
        for name in ("error_left_wrist", "error_mean")
    }
    columns["error_mean"][3:5] = np.nan
    return columns


@pytest.fixture
def colours(surface):
    return np.random.default_rng(1).integers(0, 256, (len(surface.vertices_m), 3), dtype=np.uint8)


def gltf_header(path):
    """The JSON chunk of a GLB file."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length], parse_constant=pytest.fail)


def test_a_ply_opened_again_is_the_mesh_with_its_colours_and_raw_values(tmp_path, surface, values, colours):
    write_ply(tmp_path / "m.ply", surface, colours, values, "values in mm, protocol 0123")
    mesh = trimesh.load(tmp_path / "m.ply", process=False)
    np.testing.assert_array_equal(mesh.vertices, surface.vertices_m)
    np.testing.assert_array_equal(mesh.faces, surface.faces)
    np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], colours)
    read = mesh.metadata["_ply_raw"]["vertex"]["data"]
    for name, column in values.items():
        np.testing.assert_array_equal(np.ravel(read[name]), column)
    assert b"comment values in mm, protocol 0123\n" in (tmp_path / "m.ply").read_bytes()[:400]


def test_a_comment_cannot_end_the_header_of_a_ply(tmp_path, surface, colours):
    write_ply(tmp_path / "m.ply", surface, colours, {}, "a model\nelement vertex 3\nand an é")
    mesh = trimesh.load(tmp_path / "m.ply", process=False)
    assert mesh.vertices.shape == surface.vertices_m.shape


def test_a_glb_opened_again_is_the_mesh_with_all_attributes(tmp_path, surface, values, colours):
    write_glb(tmp_path / "m.glb", surface, colours, values, {"protocol": "0123"})
    scene = trimesh.load(tmp_path / "m.glb", process=False)
    (mesh,) = scene.geometry.values()
    np.testing.assert_array_equal(mesh.vertices, surface.vertices_m)
    np.testing.assert_array_equal(mesh.faces, surface.faces)
    for name, column in values.items():
        read = mesh.vertex_attributes[gltf_name(name)]
        assert read.dtype == np.float32
        np.testing.assert_array_equal(np.ravel(read), np.nan_to_num(column, nan=NO_VALUE))
    assert mesh.metadata["protocol"] == "0123"
    assert float(mesh.metadata["no_value"]) == NO_VALUE


def test_a_glb_holds_no_number_that_gltf_forbids(tmp_path, surface, values, colours):
    write_glb(tmp_path / "m.glb", surface, colours, values, {})
    header = gltf_header(tmp_path / "m.glb")  # fails on NaN or Infinity
    (primitive,) = header["meshes"][0]["primitives"]
    custom = set(primitive["attributes"]) - {"POSITION", "NORMAL", "COLOR_0"}
    assert custom == {"_ERROR_LEFT_WRIST", "_ERROR_MEAN"}
    accessor = header["accessors"][primitive["attributes"]["_ERROR_MEAN"]]
    assert (accessor["componentType"], accessor["min"][0]) == (5126, NO_VALUE)


def test_colours_of_a_glb_are_linear(tmp_path, surface):
    greys = np.full((len(surface.vertices_m), 3), 188, np.uint8)  # sRGB 188 is half of the light of 255
    write_glb(tmp_path / "m.glb", surface, greys, {}, {})
    (mesh,) = trimesh.load(tmp_path / "m.glb", process=False).geometry.values()
    colours = mesh.visual.vertex_attributes["color"]
    assert np.abs(colours[:, :3].astype(int) - 128).max() <= 1
    assert (colours[:, 3] == 255).all()


def test_names_that_gltf_would_confuse_are_refused(tmp_path, surface, values, colours):
    doubled = {"left wrist": values["error_mean"], "left_wrist": values["error_mean"]}
    with pytest.raises(ResultError, match="share a name"):
        write_glb(tmp_path / "m.glb", surface, colours, doubled, {})


def test_the_table_has_a_line_per_vertex_and_empty_fields_for_no_value(tmp_path, surface, values):
    count = np.arange(len(surface.vertices_m))
    write_vertex_table(tmp_path / "v.csv", surface, {"count": count, **values})
    with (tmp_path / "v.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["vertex"]) for line in lines] == list(range(len(surface.vertices_m)))
    assert [line["part"] for line in lines] == [surface.part_names[k] for k in surface.vertex_parts]
    assert [int(line["count"]) for line in lines] == count.tolist()
    read = np.array([float(line["error_mean"] or "nan") for line in lines])
    np.testing.assert_allclose(read, values["error_mean"], atol=5e-5)
    assert lines[3]["error_mean"] == ""


@pytest.mark.parametrize(("write", "last"), [(write_ply, [""]), (write_glb, [{}])])
def test_values_of_another_mesh_are_refused(tmp_path, surface, colours, write, last):
    with pytest.raises(ResultError, match=r"(?i)error_mean do not have one value"):
        write(tmp_path / "m", surface, colours, {"error_mean": np.zeros(3, np.float32)}, *last)
    assert list(tmp_path.iterdir()) == []
