"""Bodies painted with values: the right side, the right colour, nothing stretched, nothing made up."""

import numpy as np
import pytest
from PIL import Image
from support.synthetic_meshes import joined, sphere

from occlusion_toolkit.plotting.colormaps import ColourScale
from occlusion_toolkit.plotting.look import SEQUENTIAL
from occlusion_toolkit.plotting.mesh_views import (
    DARKEST,
    QUIET_COLOUR,
    SIDES,
    UNSEEN_GROUND,
    UNSEEN_LINE,
    body_views,
)

SCALE = ColourScale(SEQUENTIAL, 0.0, 100.0)


@pytest.fixture(scope="module")
def ball():
    vertices, faces = sphere(rings=16, radius=0.5)
    return vertices.numpy(), faces.numpy()


@pytest.fixture(scope="module")
def views(ball):
    return body_views(*ball, height_in=0.5, pixels_per_inch=200.0)


def colours_of(picture):
    """The colours of fully covered pixels, sRGB in [0, 1]."""
    return picture[picture[..., 3] == 255][:, :3] / 255


def test_a_ball_is_round_from_all_sides(views):
    assert [view.name for view in views.views] == list(SIDES) == ["front", "back", "left", "right"]
    for view in views.views:
        opaque = view.paint(np.zeros(17 * 32), SCALE)[..., 3] > 127
        rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
        assert len(rows) == pytest.approx(100, abs=2)
        assert len(columns) == pytest.approx(100, abs=2)
        assert opaque.sum() == pytest.approx(np.pi * 50**2, rel=0.02)


@pytest.mark.parametrize(
    ("name", "towards"),
    [("front", (0, 0, 1)), ("back", (0, 0, -1)), ("left", (1, 0, 0)), ("right", (-1, 0, 0))],
)
def test_each_view_shows_its_side(ball, views, name, towards):
    vertices, _ = ball
    (view,) = (view for view in views.views if view.name == name)
    height, width = view.shape
    facing = np.where(vertices @ np.array(towards) > 0.3, 100.0, 0.0)
    middle = view.paint(facing, SCALE)[height // 2, width // 2, :3] / 255
    assert np.allclose(middle / SEQUENTIAL(1.0)[:3], middle[0] / SEQUENTIAL(1.0)[0], atol=0.02)


def test_the_left_hand_is_on_the_viewers_right_in_front_and_in_the_picture_of_the_left_side(ball, views):
    vertices, _ = ball
    left = np.where(vertices[:, 0] > 0.35, 100.0, 0.0)
    hot = {view.name: view.paint(left, SCALE)[..., 0].astype(float) for view in views.views}
    middle = views.views[0].shape[1] // 2
    assert hot["front"][:, middle:].max() > 150 > hot["front"][:, :middle].max()
    assert hot["back"][:, :middle].max() > 150 > hot["back"][:, middle:].max()
    assert hot["left"].max() > 150 > hot["right"].max()


def test_values_are_interpolated_not_colours(ball):
    vertices, faces = ball
    # Half way between blue and cream, colours would mix to grey; values mix to the red of the middle.
    values = np.where(np.arange(len(vertices)) % 2 == 0, 0.0, 100.0)
    view = body_views(vertices, faces, 2.0, 200.0).views[0]
    drawn = colours_of(view.paint(values, SCALE))
    red = np.array(SEQUENTIAL(0.5)[:3])
    nearest = np.abs(drawn[:, :, None] - red[:, None] * np.linspace(DARKEST, 1, 20)).max(axis=1).min()
    assert nearest < 0.02


def test_shading_only_darkens_and_never_below_its_limit(ball, views):
    values = np.full(len(ball[0]), 60.0)
    colour = np.array(SEQUENTIAL(0.6)[:3])
    for view in views.views:
        factor = colours_of(view.paint(values, SCALE)) / colour
        assert factor.max() <= 1.01
        assert factor.min() >= DARKEST - 0.02
        assert factor.max() > 0.97  # somewhere the colour is that of the bar
        assert factor.std(axis=1).max() < 0.02  # the hue is never touched


def test_unseen_surface_is_hatched_and_seen_surface_is_not(ball, views):
    values = np.where(ball[0][:, 1] > 0, 50.0, np.nan)
    picture = views.views[0].paint(values, SCALE)
    height = picture.shape[0]
    upper, lower = colours_of(picture[: height // 2 - 5]), colours_of(picture[height // 2 + 5 :])
    assert np.ptp(lower, axis=1).max() < 0.03  # grey
    assert np.ptp(upper, axis=1).min() > 0.1  # coloured
    light, dark = UNSEEN_GROUND[0], UNSEEN_LINE[0]
    assert lower.max() > 0.95 * light  # the ground between lines
    assert lower.min() < 1.05 * dark  # the lines


def test_quiet_vertices_are_grey(ball, views):
    picture = views.views[0].paint(np.full(len(ball[0]), 90.0), SCALE, np.ones(len(ball[0]), dtype=bool))
    drawn = colours_of(picture)
    assert np.ptp(drawn, axis=1).max() < 0.02
    assert drawn.max() == pytest.approx(QUIET_COLOUR[0], abs=0.02)


def test_the_nearer_of_two_surfaces_is_painted():
    far, near = sphere(rings=8, radius=0.5), sphere(rings=8, radius=0.2)
    vertices, faces = joined(far, (near[0] + near[0].new_tensor([0, 0, 1.0]), near[1]))
    values = np.where(np.arange(len(vertices)) < len(far[0]), 0.0, 100.0)
    front, back = body_views(vertices.numpy(), faces.numpy(), 0.5, 200.0).views[:2]
    for view, hot in ((front, True), (back, False)):
        picture = view.paint(values, SCALE)
        assert (picture[picture.shape[0] // 2, picture.shape[1] // 2, 0] > 180) == hot


def test_a_row_of_views_is_as_wide_as_it_says(ball, views):
    picture = views.paint(np.zeros(len(ball[0])), SCALE)
    width, height = views.size_in
    assert Image.fromarray(picture).size == (round(width * 200), round(height * 200))
    for centre in views.centres_in():
        assert picture[picture.shape[0] // 2, round(centre * 200), 3] == 255
