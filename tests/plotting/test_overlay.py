"""Shaded bodies over photographs."""

import numpy as np
import pytest
import torch
from support.synthetic_meshes import joined, rectangle, sphere

from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.plotting.overlay import composite, render_body
from occlusion_toolkit.plotting.shading import crease_darkening, shade, vertex_normals

CAMERA = torch.tensor([1.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def ball():
    vertices, faces = sphere(rings=24, radius=0.5)
    return vertices.float(), faces


def test_normals_of_a_sphere_point_away_from_its_centre(ball):
    vertices, faces = ball
    normals = vertex_normals(vertices[None], faces)[0]
    inner = vertices[:, 1].abs() < 0.49  # the poles are many vertices in one place
    assert ((normals * vertices).sum(-1)[inner] > 0.5 * 0.99).all()


def test_a_vertex_without_a_face_has_no_normal():
    vertices, faces = rectangle(0, 0, 1, 1, 0)
    lonely = torch.cat([vertices, torch.ones(1, 3, dtype=vertices.dtype)])
    assert torch.equal(vertex_normals(lonely[None], faces)[0, -1], torch.zeros(3, dtype=vertices.dtype))


def test_light_comes_from_the_upper_left_of_the_viewer():
    towards = torch.tensor([[-0.5, -0.5, -0.7], [0.5, 0.5, -0.7]])
    lit, shadow = shade(towards, torch.full((2, 3), 0.6)).mean(-1)
    assert lit > shadow + 0.1


def test_both_sides_of_a_surface_are_lit_as_seen():
    normals = torch.tensor([[0.1, -0.3, -0.9], [-0.1, 0.3, 0.9]])
    one, other = shade(normals, torch.full((2, 3), 0.5))
    assert torch.allclose(one, other)


def test_shading_keeps_the_order_of_colours_and_stays_in_range():
    normals = torch.nn.functional.normalize(
        torch.randn(500, 3, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    bright, dark = shade(normals, torch.full((500, 3), 1.0)), shade(normals, torch.full((500, 3), 0.3))
    assert (bright >= dark).all()
    assert bright.max() <= 1
    assert dark.min() >= 0


def test_creases_darken_what_lies_behind_and_nothing_else():
    vertices, faces = joined(rectangle(0, 0, 60, 60, 1.0), rectangle(20, 0, 40, 60, 0.8))
    fragments = rasterize(vertices[None], faces, 60, 80)
    factors = crease_darkening(fragments, radius_px=3.0, depth_scale=0.1)[0]
    assert (factors[:, 20:40] > 0.999).all()
    assert (factors[10:50, 19] < 0.9).all()
    assert (factors[:, 61:] == 1).all()
    assert factors[30, 5] > 0.99


def test_opacity_is_the_area_of_the_pixel_that_the_body_covers():
    vertices, faces = rectangle(-0.5, -0.5, 0.25, 0.5, 0.0)  # 12 by 16 of 32 pixels, whole pixels
    layer = render_body(vertices, faces, CAMERA, 32)
    assert np.array_equal(layer[..., 3] == 1, layer[..., 3] > 0)
    assert layer[..., 3].sum() == 12 * 16
    half = rectangle(-0.5, -0.5, 0.25 + 1 / 32, 0.5, 0.0)  # half a pixel wider
    assert render_body(*half, CAMERA, 32, supersampling=4)[16, 20, 3] == pytest.approx(0.5)


def test_the_picture_does_not_depend_on_supersampling_where_nothing_changes(ball):
    coarse, fine = (render_body(*ball, CAMERA, 48, supersampling=n) for n in (1, 4))
    inner = np.s_[18:30, 18:30]
    assert np.abs(coarse[inner] - fine[inner]).max() < 0.03


def test_transparent_pixels_are_black_and_opaque_ones_keep_their_colour(ball):
    layer = render_body(*ball, CAMERA, 48)
    assert (layer[layer[..., 3] == 0] == 0).all()
    rim = (layer[..., 3] > 0) & (layer[..., 3] < 1)
    assert rim.any()
    assert layer[rim][:, :3].mean() > 0.2  # not darkened by the empty samples


def test_every_vertex_can_have_its_own_colour(ball):
    vertices, faces = ball
    colours = torch.where(
        vertices[:, :1] < 0, torch.tensor([[0.9, 0.1, 0.1]]), torch.tensor([[0.1, 0.1, 0.9]])
    )
    layer = render_body(vertices, faces, CAMERA, 48, colours=colours)
    assert layer[24, 16, 0] > 2 * layer[24, 16, 2]
    assert layer[24, 32, 2] > 2 * layer[24, 32, 0]


def test_the_photograph_stays_untouched_beside_the_body(ball):
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    layer = render_body(*ball, CAMERA, 48)
    picture = composite(image, layer)
    outside = layer[..., 3] == 0
    assert np.array_equal(picture[outside], image[outside])
    assert not np.array_equal(picture[24, 24], image[24, 24])


def test_opacity_mixes_body_and_photograph():
    layer = np.ones((4, 4, 4), dtype=np.float32)
    assert (composite(np.zeros((4, 4, 3), dtype=np.uint8), layer, opacity=0.4) == 102).all()


def test_an_estimate_that_is_not_finite_draws_nothing(ball):
    vertices, faces = ball
    assert not render_body(vertices * float("nan"), faces, CAMERA, 16).any()
