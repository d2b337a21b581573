"""Visible vertices against geometry that can be worked out by hand, and against rays."""

import math

import pytest
import torch
from support.body_fixtures import random_people
from support.synthetic_meshes import joined, rectangle, sphere

from occlusion_toolkit.body.camera import DEPTH_TOLERANCE_M, project_to_crop, vertex_visibility
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import rasterize

WHOLE_CROP = torch.tensor([[1.0, 0.0, 0.0]])  # -1 m to 1 m is the crop


def seen(vertices, faces, camera=WHOLE_CROP, **options):
    return vertex_visibility(vertices[None].float(), faces, camera, **options).visible[0]


@pytest.fixture(scope="module")
def body():
    return load_open_body()


def framed(vertices):
    """Cameras that fill 80 % of the crop with each body."""
    low, high = vertices[..., :2].amin(dim=1), vertices[..., :2].amax(dim=1)
    scale = 1.6 / (high - low).amax(dim=1, keepdim=True)
    return torch.cat([scale, -(low + high) / 2], dim=1)


def test_of_a_sphere_the_half_that_faces_the_camera_is_visible_up_to_the_limb():
    radius, rings = 0.7, 60
    vertices, faces = sphere(rings, radius)
    visible = seen(vertices, faces)
    towards = -vertices[:, 2]
    two_pixels = 4 / 224
    clear_of_limb = vertices[:, :2].norm(dim=1) < radius - two_pixels
    assert visible[(towards > 0) & clear_of_limb].all()
    assert visible[(towards > 0) & ~clear_of_limb].float().mean() > 0.8
    # Half a face beyond the limb: vertices there still have a face that the camera sees.
    assert not visible[towards < -radius * math.sin(math.pi / rings)].any()


def test_a_plane_hides_exactly_what_is_behind_it():
    steps = torch.linspace(-0.8, 0.8, 9, dtype=torch.float64)
    grid = torch.stack([*torch.meshgrid(steps, steps, indexing="xy"), torch.full((9, 9), 2.0)], -1)
    index = torch.arange(81).reshape(9, 9)
    a, b, c, d = (t.reshape(-1) for t in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    back = (grid.reshape(-1, 3), torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)]))
    front = rectangle(-0.5, -0.3, 0.3, 0.7, 1.0)
    visible = seen(*joined(back, front))
    x, y, _ = back[0].unbind(-1)
    behind = (x > -0.5) & (x < 0.3) & (y > -0.3) & (y < 0.7)
    assert torch.equal(visible[:81], ~behind)
    assert visible[81:].all()


@pytest.mark.parametrize(("gap", "expected"), [(0.5, True), (1.5, False)], ids=["within", "beyond"])
def test_a_vertex_within_the_depth_tolerance_behind_a_surface_is_visible(gap, expected):
    sheet = rectangle(-0.5, -0.5, 0.5, 0.5, 1.0)
    small = rectangle(-0.1, -0.1, 0.1, 0.1, 1.0 + gap * DEPTH_TOLERANCE_M)
    assert seen(*joined(sheet, small))[4:].tolist() == [expected] * 4
    assert seen(*joined(sheet, small), tolerance_m=2 * DEPTH_TOLERANCE_M)[4:].all()


def test_a_slanted_surface_does_not_hide_its_own_vertices():
    steps = torch.linspace(-0.1, 0.1, 60, dtype=torch.float64)  # three vertices in a pixel
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    vertices = torch.stack([x, y, 8 * x], -1).reshape(-1, 3)  # 83 degrees: 7 cm in a pixel
    index = torch.arange(3600).reshape(60, 60)
    a, b, c, d = (t.reshape(-1) for t in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    assert seen(vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])).all()


def test_a_surface_seen_from_behind_is_not_visible():
    vertices, faces = rectangle(-0.5, -0.5, 0.5, 0.5, 1.0)
    assert seen(vertices, faces).all()
    assert not seen(vertices, faces.flip(1)).any()


def test_vertices_outside_the_crop_or_nowhere_are_not_visible():
    vertices, faces = rectangle(-1.5, -0.5, 0.5, 0.5, 1.0)
    assert seen(vertices, faces).tolist() == [False, False, True, True]
    vertices[2, 1] = math.nan
    assert seen(vertices, faces).tolist() == [False, False, False, False]


def test_a_vertex_on_the_far_border_is_outside_and_one_on_the_near_border_inside():
    vertices, faces = rectangle(-1.0, -1.0, 1.0, 1.0, 1.0)
    assert seen(vertices, faces).tolist() == [True, False, False, False]


def test_pixels_are_those_of_the_projection():
    vertices, faces = sphere(rings=8, radius=0.5)
    camera = torch.tensor([[1.1, 0.2, -0.1]])
    pixel = vertex_visibility(vertices[None].float(), faces, camera, 96).pixel
    assert torch.equal(pixel, project_to_crop(vertices[None].float(), camera, 96)[..., :2])


def upright(poses=None):
    """A standing open body that faces the camera; axis-angle turns about x, y or z by joint name."""
    rotmats = torch.eye(3).repeat(1, 24, 1, 1)
    rotmats[0, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    for name, (axis, degrees) in (poses or {}).items():
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        turn = torch.eye(3)
        turn[i, i], turn[j, j], turn[i, j], turn[j, i] = cos, cos, -sin, sin
        rotmats[0, SMPL24.index(name)] = turn
    return BodyParameters(rotmats, torch.zeros(1, 10), torch.zeros(1, 3))


def test_an_arm_before_the_chest_hides_the_chest_behind_it_and_nothing_else(body):
    # Upper arm forwards, forearm across.
    vertices = body(upright({"left_shoulder": ("y", -75), "left_elbow": ("y", -85)})).vertices
    camera = framed(vertices)
    arm = [SMPL24.index(name) for name in ("left_shoulder", "left_elbow", "left_wrist", "left_hand")]
    is_arm = torch.isin(body.vertex_parts, torch.tensor(arm))
    without_arm = body.faces[~is_arm[body.faces].any(dim=1)]
    whole = vertex_visibility(vertices, body.faces, camera)
    bare = vertex_visibility(vertices, without_arm, camera)
    trunk = [SMPL24.index(name) for name in ("spine2", "spine3", "left_collar", "right_collar")]
    hidden = (bare.visible & ~whole.visible)[0] & ~is_arm
    assert hidden.sum() > 50
    assert torch.isin(body.vertex_parts[hidden], torch.tensor(trunk)).all()
    # What disappears is where the arm is drawn, to a pixel; where it is drawn, nothing else is seen.
    column, row = whole.pixel[0].long().unbind(-1)
    owner = rasterize(project_to_crop(vertices, camera), body.faces, 224, 224).face[0]
    drawn = (owner >= 0) & is_arm[body.faces[owner.clamp_min(0)]].any(dim=-1)
    assert grown(drawn)[row, column][hidden].all()
    assert not (whole.visible[0] & ~is_arm & ~grown(~drawn)[row, column]).any()


def grown(mask):
    """A mask (H, W) and its neighbouring pixels."""
    return torch.nn.functional.max_pool2d(mask[None].float(), 3, 1, 1)[0] > 0


def test_every_person_of_a_batch_is_seen_as_alone(body):
    people = random_people(3, seed=1)
    vertices = body(people).vertices
    camera = framed(vertices)
    together = vertex_visibility(vertices, body.faces, camera)
    for number in range(3):
        one = slice(number, number + 1)
        alone = vertex_visibility(vertices[one], body.faces, camera[one])
        assert torch.equal(alone.visible, together.visible[one])
        assert torch.equal(alone.pixel, together.pixel[one])


def hidden_by_rays(points, faces, vertices):
    """Whether another face is before a vertex at its exact projection, for some vertices: every face."""
    points = points.double()
    triangles = points[faces]
    x, y, z = points[vertices, None].unbind(-1)
    weights = []
    for corner in range(3):
        one, other = triangles[:, (corner + 1) % 3], triangles[:, (corner + 2) % 3]
        weights.append(
            (other[:, 0] - one[:, 0]) * (y - one[:, 1]) - (x - one[:, 0]) * (other[:, 1] - one[:, 1])
        )
    edges = torch.stack(weights, -1)
    share = edges / edges.sum(-1, keepdim=True)
    before = (share * triangles[None, :, :, 2]).sum(-1) < z
    own = (faces[None] == vertices[:, None, None]).any(-1)
    return ((share >= 0).all(-1) & before & ~own).any(dim=1)


def test_on_random_bodies_the_z_buffer_agrees_with_rays_but_for_edges_of_a_pixel(body):
    probed = torch.arange(0, body.num_vertices, 20)
    vertices = body(random_people(1, seed=3)).vertices
    camera = framed(vertices)
    facing = vertex_visibility(vertices, body.faces, camera, tolerance_m=math.inf).visible
    hidden = torch.stack([hidden_by_rays(p, body.faces, probed) for p in project_to_crop(vertices, camera)])
    exact = ~hidden & facing[:, probed]
    seen_now = vertex_visibility(vertices, body.faces, camera).visible[:, probed]
    assert (seen_now & ~exact).sum() < 0.06 * exact.sum()
    assert (~seen_now & exact).sum() < 0.06 * exact.sum()
    # The finer the pixels, the nearer to the rays: what is missing are edges, not regions.
    fine = vertex_visibility(vertices, body.faces, camera, 4 * 224, tolerance_m=0.0025).visible[:, probed]
    assert (fine != exact).sum() < 0.6 * (seen_now != exact).sum()


@pytest.mark.gpu
def test_a_gpu_sees_the_same(body):
    vertices = body(random_people(2, seed=5)).vertices
    camera = framed(vertices)
    on_cpu = vertex_visibility(vertices, body.faces, camera)
    on_gpu = vertex_visibility(vertices.cuda(), body.faces.cuda(), camera.cuda())
    assert (on_cpu.visible != on_gpu.visible.cpu()).float().mean() < 1e-3
