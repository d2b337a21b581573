"""From a survey to files and a table: mesh.h5, vertices.csv and the parts each joint depends on."""

import csv
import json

import numpy as np
import pytest
from occlusion_toolkit.meshes.mesh_result import read_mesh, read_surface
from occlusion_toolkit.meshes.run import make_mesh
from support.mesh_fixtures import JOINTS, ball_result, ball_surface
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import display_surface
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.meshes.table import summarise_mesh


def test_a_survey_becomes_files_that_agree_with_each_other(tmp_path):
    survey = make_survey(tmp_path / "survey")
    (tmp_path / "out").mkdir()
    seen = []
    result, surface = make_mesh(
        survey, Bodies(), tmp_path / "out", progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (survey.num_images, survey.num_images)
    stored = read_mesh(tmp_path / "out" / "mesh.h5")
    assert stored.card == result.card
    np.testing.assert_array_equal(stored.of("error").frames.mean, result.of("error").frames.mean)
    np.testing.assert_array_equal(read_surface(tmp_path / "out" / "mesh.h5").faces, surface.faces)
    with (tmp_path / "out" / "vertices.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == result.num_vertices
    mean = result.of("increase").frames.mean[0]
    read = [float(line[f"increase_{result.joint_names[0]}_mm"] or "nan") for line in lines]
    np.testing.assert_allclose(read, mean, atol=5e-5)
    assert [int(line["count"]) for line in lines] == result.of("increase").frames.count.tolist()


def test_the_table_weighs_vertices_by_how_often_they_were_seen():
    result, surface = ball_result(), ball_surface()
    table = summarise_mesh(result, surface)
    assert table.quantity == "error"
    assert [joint.joint for joint in table.joints] == list(JOINTS)
    assert table.unseen == 2
    statistics = result.of("error").frames
    seen = statistics.count > 0
    for row, joint in enumerate((*table.joints, table.overall)):
        values = np.repeat(statistics.mean[row][seen], statistics.count[seen])
        assert joint.mean_mm == pytest.approx(values.mean())
        parts = [
            np.average(statistics.mean[row][seen & own], weights=statistics.count[seen & own])
            for own in (surface.vertex_parts == part for part in range(3))
        ]
        assert joint.worst_part == JOINTS[int(np.argmax(parts))]
        assert joint.worst_part_mm == pytest.approx(max(parts))
    json.dumps(table.as_json(), allow_nan=False)


def test_own_neighbouring_and_other_parts_are_told_apart():
    body = load_open_body()
    surface = display_surface(body)
    result = ball_result(body=surface.topology)
    parts = np.array([surface.part_names[part] for part in surface.vertex_parts])
    level = {"left_wrist": 9.0, "left_elbow": 5.0, "left_hand": 5.0}
    mean = np.array([level.get(part, 1.0) for part in parts])
    statistics = result.of("displacement").frames
    statistics = type(statistics)(
        np.ones(len(mean), np.int64), *(np.tile(mean, (len(JOINTS) + 1, 1)) for _ in range(4))
    )
    pooled = tuple(type(maps)(maps.read_out, maps.rule, statistics, statistics) for maps in result.pooled)
    table = summarise_mesh(type(result)(**{**vars(result), "pooled": pooled}), surface, "displacement")
    wrist = table.joints[0]
    assert (wrist.own_mm, wrist.neighbours_mm, wrist.elsewhere_mm) == (9.0, 5.0, 1.0)
    assert (wrist.worst_part, wrist.worst_part_mm) == ("left_wrist", 9.0)
    assert table.overall.own_mm is None


def test_a_survey_that_shows_nobody_is_an_error():
    result = ball_result(("displacement",))
    result.pooled[0].frames.count[:] = 0
    with pytest.raises(ResultError, match="shows any of the body"):
        summarise_mesh(result, ball_surface())


def test_the_display_pose_is_an_a_pose_with_the_arms_before_the_body():
    surface = display_surface(load_open_body())
    points = surface.vertices_m
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(low + high, 0, atol=1e-5)
    width, height, depth = high - low
    assert height > 1.6 > 1.1 > width > 0.8
    assert depth < 0.6
    hands = {
        side: points[surface.vertex_parts == surface.part_names.index(f"{side}_hand")].mean(axis=0)
        for side in ("left", "right")
    }
    np.testing.assert_allclose(hands["left"] * [-1, 1, 1], hands["right"], atol=2e-3)
    assert hands["left"][0] > 0.3  # x points to the body's left
    trunk = points[surface.vertex_parts == surface.part_names.index("spine2")]
    assert hands["left"][2] > trunk[:, 2].max()  # in front: it does not hide the flank from the side
