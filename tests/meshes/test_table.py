"""Meshes as a table: which part of the body each joint depends on."""

import json

import numpy as np
import pytest
from support.mesh_fixtures import JOINTS, ball_mesh

from occlusion_toolkit.body.body_surface import display_surface
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.errors import ResultError


def test_the_table_weighs_vertices_by_how_often_they_were_seen():
    mesh = ball_mesh()
    table, count, parts = mesh.table(), mesh.count, mesh.surface.vertex_parts
    assert table.metric == "error"
    assert [joint.joint for joint in table.joints] == list(JOINTS)
    assert table.unseen == 2
    seen = count > 0
    for joint in (*table.joints, table.overall):
        mean = mesh.sel(joint=joint.joint).values
        assert joint.mean_mm == pytest.approx(np.repeat(mean[seen], count[seen]).mean(dtype=np.float64))
        owned = [seen & (parts == part) for part in range(3)]
        of_parts = [np.average(mean[own], weights=count[own]) for own in owned]
        assert joint.worst_part == JOINTS[int(np.argmax(of_parts))]
        assert joint.worst_part_mm == pytest.approx(max(of_parts))
    json.dumps(table.as_json(), allow_nan=False)


def test_own_neighbouring_and_other_parts_are_told_apart():
    surface = display_surface(load_open_body())
    mesh = ball_mesh(surface)
    parts = np.array([surface.part_names[part] for part in surface.vertex_parts])
    level = {"left_wrist": 9.0, "left_elbow": 5.0, "left_hand": 5.0}
    mesh.dataset["count"][:] = 1
    mesh.dataset["mean"][:] = np.array([level.get(part, 1.0) for part in parts])
    table = mesh.table("displacement")
    wrist = table.joints[0]
    assert (wrist.own_mm, wrist.neighbours_mm, wrist.elsewhere_mm) == (9.0, 5.0, 1.0)
    assert (wrist.worst_part, wrist.worst_part_mm) == ("left_wrist", 9.0)
    assert table.overall.own_mm is None


def test_meshes_that_show_nobody_are_an_error():
    mesh = ball_mesh()
    mesh.dataset["count"][:] = 0
    with pytest.raises(ResultError, match="shows any of the body"):
        mesh.table()


def test_in_a_notebook_the_table_names_every_joint():
    shown = ball_mesh().table("increase").to_html()
    assert all(f"<td>{joint.replace(chr(95), chr(32))}</td>" in shown for joint in (*JOINTS, "mean"))
    assert "pare-open on open test: increase" in shown
