"""The z-buffer against pictures that can be worked out by hand, and against a loop over every pixel."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from support.synthetic_meshes import joined, rectangle, sphere

from occlusion_toolkit.body import rasterize as module
from occlusion_toolkit.body.rasterize import interpolate, rasterize

TRIANGLE = torch.tensor([[0.0, 0.0, 1.0], [0.0, 4.0, 2.0], [4.0, 0.0, 5.0]])
ONE_FACE = torch.tensor([[0, 1, 2]])


def naive_owner(vertices, faces, height, width):
    """Nearest covering face of each pixel by the definition, in exact integer arithmetic for the cover."""
    fixed = (vertices[:, :2].double() * 4096).round().long().tolist()
    owner = torch.full((height, width), -1)
    nearest = torch.full((height, width), math.inf)
    for index, (a, b, c) in enumerate(faces.tolist()):
        for row in range(height):
            for column in range(width):
                p = (column * 4096 + 2048, row * 4096 + 2048)
                edges = [
                    (t[0] - s[0]) * (p[1] - s[1]) - (p[0] - s[0]) * (t[1] - s[1])
                    for s, t in ((fixed[b], fixed[c]), (fixed[c], fixed[a]), (fixed[a], fixed[b]))
                ]
                total = sum(edges)
                if total == 0 or not (min(edges) >= 0 or max(edges) <= 0):
                    continue
                z = sum(e / total * float(vertices[k, 2]) for e, k in zip(edges, (a, b, c), strict=True))
                depth = torch.tensor(z, dtype=torch.float32)
                if depth < nearest[row, column]:
                    nearest[row, column], owner[row, column] = depth, index
    return owner


def test_pixels_with_their_centre_inside_or_on_the_border_are_covered():
    fragments = rasterize(TRIANGLE[None], ONE_FACE, 5, 6)
    row, column = torch.meshgrid(torch.arange(5), torch.arange(6), indexing="ij")
    # The hypotenuse x + y = 4 goes through the centres with row + column = 3.
    assert torch.equal(fragments.covered[0], row + column <= 3)


def test_depth_and_weights_are_linear_in_the_image():
    fragments = rasterize(TRIANGLE[None].double(), ONE_FACE, 4, 4)
    covered = fragments.covered[0]
    row, column = torch.nonzero(covered, as_tuple=True)
    x, y = column + 0.5, row + 0.5
    assert torch.allclose(fragments.depth[0][covered], (1 + y / 4 * 1 + x / 4 * 4).double())
    expected = torch.stack([1 - x / 4 - y / 4, y / 4, x / 4], -1).double()
    assert torch.allclose(fragments.barycentric[0][covered], expected)
    assert (fragments.depth[0][~covered] == math.inf).all()
    assert (fragments.barycentric[0][~covered] == 0).all()


def test_a_pixel_on_a_shared_edge_belongs_to_the_face_of_least_index():
    vertices, faces = rectangle(0, 0, 6, 6, 1.0)
    row, column = torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")
    first = rasterize(vertices[None], faces, 6, 6).face[0]
    assert torch.equal(first == 0, row >= column)
    swapped = rasterize(vertices[None], faces.flip(0), 6, 6).face[0]
    assert torch.equal(swapped == 0, row <= column)


def test_of_two_identical_faces_the_first_wins():
    fragments = rasterize(TRIANGLE[None], ONE_FACE.repeat(4, 1), 4, 4)
    assert set(fragments.face.unique().tolist()) == {-1, 0}


def test_crossing_planes_swap_owners_where_they_cross():
    flat, faces = rectangle(0, 0, 20, 10, 0.0)
    rising, falling = flat.clone(), flat.clone()
    rising[:, 2], falling[:, 2] = flat[:, 0], 14.0 - flat[:, 0]
    vertices, faces = joined((rising, faces), (falling, faces))
    owner = rasterize(vertices[None], faces, 10, 20).face[0] // 2
    expected = (torch.arange(20) + 0.5 > 7.0).long().expand(10, 20)  # x = 14 - x at x = 7
    assert torch.equal(owner, expected)


def test_negative_depths_are_nearer_than_positive_ones():
    vertices, faces = joined(
        rectangle(0, 0, 4, 4, 0.5), rectangle(0, 0, 4, 4, -2.0), rectangle(0, 0, 4, 4, -1.0)
    )
    assert (rasterize(vertices[None], faces, 4, 4).face // 2 == 1).all()


def test_a_sphere_has_the_depth_of_a_sphere():
    vertices, faces = sphere(rings=60)
    placed = vertices * 40 + torch.tensor([50.2, 49.7, 0.0])
    fragments = rasterize(placed[None], faces, 100, 100)
    row, column = torch.meshgrid(torch.arange(100) + 0.5, torch.arange(100) + 0.5, indexing="ij")
    squared = (column - 50.2) ** 2 + (row - 49.7) ** 2
    inside = squared < 39**2
    assert fragments.covered[0][inside].all()
    assert not fragments.covered[0][squared > 40**2].any()
    deviation = fragments.depth[0][inside] + torch.sqrt(1600 - squared[inside])
    assert deviation.abs().max() < 0.8  # the facets' sagitta, steepest at the rim
    assert deviation.abs().median() < 0.05


def test_culling_back_faces_changes_nothing_on_a_closed_mesh():
    vertices, faces = sphere()
    placed = (vertices * 20 + 25)[None]
    both = rasterize(placed, faces, 50, 50)
    front = rasterize(placed, faces, 50, 50, cull_backfaces=True)
    # A silhouette that passes exactly through a pixel's centre may be owned by either side.
    assert (both.face != front.face).float().mean() < 0.002
    assert not rasterize(placed, faces.flip(1), 50, 50, cull_backfaces=True).depth.lt(25).any()


def test_an_arm_in_front_hides_the_body_whatever_the_order_of_faces():
    body, arm = rectangle(2, 0, 8, 10, 1.0), rectangle(0, 4, 10, 6, 0.7)
    expected = torch.full((10, 10), -1)
    expected[:, 2:8] = 0
    expected[4:6] = 1
    for order in ((body, arm), (arm, body)):
        vertices, faces = joined(*order)
        owner = rasterize(vertices[None], faces, 10, 10).face[0]
        part = torch.where(owner >= 0, owner // 2, owner)
        if order[0] is arm:
            part = torch.where(part >= 0, 1 - part, part)
        assert torch.equal(part, expected)


# Eighths of a pixel: corners and edges often pass exactly through pixel centres.
_EIGHTHS = st.integers(-24, 100).map(lambda n: n / 8)


@given(st.lists(st.tuples(_EIGHTHS, _EIGHTHS, st.integers(-3, 3).map(float)), min_size=6, max_size=6))
def test_owners_agree_with_a_loop_over_every_pixel(corners):
    vertices = torch.tensor(corners)
    faces = torch.tensor([[0, 1, 2], [3, 4, 5], [1, 4, 2]])
    assert torch.equal(rasterize(vertices[None], faces, 9, 12).face[0], naive_owner(vertices, faces, 9, 12))


def test_neighbouring_faces_leave_no_crack():
    generator = torch.Generator().manual_seed(0)
    side = 21
    grid = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy"), -1).double()
    inner = torch.zeros(side, side, 1)
    inner[1:-1, 1:-1] = 0.45
    grid += inner * (2 * torch.rand(side, side, 2, generator=generator).double() - 1)
    vertices = torch.cat([grid.reshape(-1, 2) * 2.7, torch.zeros(side * side, 1)], 1)
    index = torch.arange(side * side).reshape(side, side)
    a, b, c, d = (t.reshape(-1) for t in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    assert rasterize(vertices[None], faces, 54, 54).covered.all()


def test_unusable_faces_are_skipped_and_the_rest_drawn():
    vertices = torch.cat(
        [
            TRIANGLE,
            torch.tensor(
                [[math.nan, 0, 0], [math.inf, 1, 1], [1e30, 2, 0], [2, 2, 0], [2, 2, 0], [3, 3, math.nan]]
            ),
        ]
    )
    faces = torch.tensor([[0, 1, 3], [0, 4, 2], [6, 7, 1], [0, 2, 8], [0, 1, 2]])
    owner = rasterize(vertices[None], faces, 4, 4).face
    assert set(owner.unique().tolist()) == {-1, 4}


def test_a_face_far_larger_than_the_image_covers_all_of_it():
    vertices = torch.tensor([[-1e7, -1e7, 1.0], [-1e7, 3e7, 1.0], [3e7, -1e7, 1.0]])
    assert rasterize(vertices[None], ONE_FACE, 7, 9).covered.all()


def test_nothing_to_draw_gives_an_empty_picture():
    fragments = rasterize(TRIANGLE[None] + 100, ONE_FACE, 4, 5)
    assert fragments.face.shape == (1, 4, 5)
    assert not fragments.covered.any()


def test_images_of_a_batch_do_not_touch_each_other():
    vertices, faces = sphere(rings=12)
    batch = torch.stack([vertices * 8 + 10, vertices * 5 + 7, vertices * 9 + 30])
    together = rasterize(batch, faces, 20, 24)
    for index, alone in enumerate(batch):
        single = rasterize(alone[None], faces, 20, 24)
        assert torch.equal(together.face[index], single.face[0])
        assert torch.equal(together.depth[index], single.depth[0])
        assert torch.equal(together.barycentric[index], single.barycentric[0])


def test_the_number_of_passes_does_not_change_the_picture(monkeypatch):
    vertices, faces = sphere(rings=12)
    placed = (vertices * 12 + 15)[None]
    whole = rasterize(placed, faces, 30, 30)
    monkeypatch.setattr(module, "_PAIRS_PER_PASS", 7)
    pieces = rasterize(placed, faces, 30, 30)
    assert torch.equal(whole.face, pieces.face)
    assert torch.equal(whole.depth, pieces.depth)


def test_interpolating_the_vertices_gives_back_the_pixel_centres():
    vertices, faces = sphere(rings=20)
    placed = (vertices * 9 + 12)[None]
    fragments = rasterize(placed, faces, 24, 24)
    values = interpolate(fragments, faces, placed)
    _, row, column = torch.nonzero(fragments.covered, as_tuple=True)
    assert torch.allclose(values[:, 0], column.double() + 0.5, atol=1e-3)  # about four subpixels
    assert torch.allclose(values[:, 1], row.double() + 0.5, atol=1e-3)
    assert torch.allclose(values[:, 2], fragments.depth[fragments.covered])


def test_the_result_has_the_type_of_the_vertices():
    assert rasterize(TRIANGLE[None].double(), ONE_FACE, 4, 4).depth.dtype == torch.float64
    assert rasterize(TRIANGLE[None].float(), ONE_FACE, 4, 4).barycentric.dtype == torch.float32


@pytest.mark.gpu
def test_a_gpu_gives_the_same_owners():
    vertices, faces = sphere()
    placed = (vertices * 50 + 60)[None].float()
    on_cpu = rasterize(placed, faces, 120, 120)
    on_gpu = rasterize(placed.cuda(), faces.cuda(), 120, 120)
    assert torch.equal(on_cpu.face, on_gpu.face.cpu())
