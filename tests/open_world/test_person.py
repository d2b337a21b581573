"""A dressed person is skinned as the body model is, stands on the floor and is seen where the camera says."""

import numpy as np
import pytest
import torch

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.open_world.camera import Camera, draw_framing, look_at, place_camera, sun_matrix
from occlusion_toolkit.open_world.person import Layer
from occlusion_toolkit.open_world.rig import (
    PARENTS,
    axis_angle_from_rotmats,
    rotmats_from_axis_angle,
    vertex_normals,
)
from occlusion_toolkit.open_world.seat import seat_block
from occlusion_toolkit.open_world.sequence import draw_person
from occlusion_toolkit.open_world.wardrobe import load_wardrobe


def some_pose(seed: int) -> np.ndarray:
    return rotmats_from_axis_angle(np.random.default_rng(seed).normal(0.0, 0.4, (24, 3)))


def test_axis_angle_round_trip():
    rotmats = some_pose(0)
    assert np.allclose(rotmats_from_axis_angle(axis_angle_from_rotmats(rotmats)), rotmats, atol=1e-12)


def test_parents_are_those_of_the_body():
    assert tuple(load_open_body().arrays.parents.tolist()) == PARENTS


@pytest.mark.parametrize("seed", [0, 1])
def test_skin_and_joints_are_those_of_the_body_model(seed: int):
    person = draw_person(np.random.default_rng(seed), load_wardrobe(), "train")
    rotmats = some_pose(seed)
    vertices, _, joints = person.dressed.mesh.posed(person.dressed.joints, rotmats)
    betas = torch.tensor(person.betas, dtype=torch.float32)[None]
    body = load_open_body()
    truth = body(
        BodyParameters(
            torch.tensor(rotmats, dtype=torch.float32)[None], betas, torch.tensor([[1.0, 0.0, 0.0]])
        )
    )
    assert np.abs(vertices[: body.num_vertices] - truth.vertices[0].numpy()).max() < 1e-5
    assert np.abs(joints - truth.joints[0].numpy()).max() < 1e-5


def test_clothes_lie_outside_the_skin():
    wardrobe = load_wardrobe()
    for seed in range(4):
        dressed = draw_person(np.random.default_rng(seed), wardrobe, "test").dressed
        used = np.unique(dressed.faces[Layer.LOWER if Layer.LOWER in dressed.faces else Layer.SKIRT])
        lifted = dressed.mesh.vertices[used] - dressed.rest[used]
        outwards = np.einsum("va,va->v", lifted, dressed.mesh.normals[used])
        assert np.median(outwards) > 0.003
        assert (outwards > 0.0).mean() > 0.98


def test_every_layer_has_labels_of_parts():
    dressed = draw_person(np.random.default_rng(3), load_wardrobe(), "train").dressed
    assert dressed.parts.min() >= 1.0
    assert dressed.parts.max() <= 24.0
    assert set(np.unique(dressed.parts[dressed.faces[Layer.SHOES]])) <= {5.0, 6.0, 8.0, 9.0, 11.0, 12.0}


def test_vertex_normals_of_a_cube_point_away_from_its_centre():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))])
    normals = vertex_normals(corners, faces)
    assert (np.einsum("va,va->v", normals, corners) > 0.9).all()


def test_clip_matrix_puts_points_where_the_camera_projects_them():
    intrinsics = np.array([[300.0, 0.0, 120.0], [0.0, 310.0, 70.0], [0.0, 0.0, 1.0]])
    camera = Camera(look_at(np.array([1.0, 1.5, 4.0]), np.array([0.0, 1.0, 0.0]), 0.1), intrinsics, 200, 160)
    points = np.random.default_rng(0).normal(0.0, 0.5, (50, 3))
    pixels, depth = camera.project(points)
    assert (depth > 0).all()
    clip = np.concatenate([points, np.ones((50, 1))], axis=1) @ camera.view_projection().T
    device = clip[:, :3] / clip[:, 3:]
    # A pixel's centre is half a pixel inside its left and top edge; the device's y points up.
    assert np.allclose((device[:, 0] + 1) * 100 - 0.5, pixels[:, 0], atol=1e-6)
    assert np.allclose((1 - device[:, 1]) * 80 - 0.5, pixels[:, 1], atol=1e-6)
    assert (np.abs(device[:, 2]) < 1).all()


def test_camera_sees_what_it_looks_at_in_the_middle_and_upright():
    eye, target = np.array([2.0, 1.4, 3.0]), np.array([0.0, 0.9, 0.0])
    camera = Camera(
        look_at(eye, target, 0.0), np.array([[200.0, 0, 50], [0, 200.0, 50], [0, 0, 1.0]]), 101, 101
    )
    pixels, _ = camera.project(np.array([target, [0.0, 1.2, 0.0]]))
    assert np.allclose(pixels[0], 50.0)
    assert pixels[1, 1] < pixels[0, 1]
    assert np.allclose(camera.position, eye)


def test_framed_people_fill_most_of_the_picture():
    for seed in range(40):
        draw = np.random.default_rng(seed)
        framing = draw_framing(draw, 1.7, 320, 320, close_share=0.0)
        camera, _ = place_camera(draw, framing, 320, 320, indoor=bool(seed % 2))
        pixels, _ = camera.project(np.array([[0.0, 0.0, 0.0], [0.0, 1.7, 0.0]]))
        assert 0.5 * 320 < pixels[0, 1] - pixels[1, 1] < 0.95 * 320
        assert pixels.min() > -20
        assert pixels.max() < 340


def test_sun_looks_along_its_direction():
    direction = np.array([0.3, 0.8, 0.52])
    direction /= np.linalg.norm(direction)
    matrix = sun_matrix(direction, np.array([0.0, 1.0, 0.0]), 2.0)
    high, low = (
        matrix @ np.append(np.array([0.0, 1.0, 0.0]) + offset * direction, 1.0) for offset in (1.0, -1.0)
    )
    assert np.allclose(high[:2], low[:2], atol=1e-9)
    assert high[2] < low[2]


def test_seat_reaches_from_the_floor_to_the_thighs():
    wardrobe = load_wardrobe()
    body = wardrobe.body.vertices - wardrobe.body.vertices.min(axis=0) * [0.0, 1.0, 0.0]
    block = seat_block(np.random.default_rng(0), body, wardrobe.body.parts, 0.7)
    assert block is not None
    assert block[:, 1].min() == pytest.approx(0.0, abs=0.01)
    thighs = body[np.isin(wardrobe.body.parts, (0, 1, 2)), 1]
    assert thighs.min() < block[:, 1].max() < thighs.min() + 1.0
    assert (block[:, 9] == 0).all()
