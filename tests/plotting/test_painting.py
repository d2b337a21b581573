"""Cells, colours and words of the maps."""

import numpy as np
import pytest

from occlusion_toolkit.plotting.colormaps import ColourScale, own_scale, scale_for
from occlusion_toolkit.plotting.look import DIVERGING, SEQUENTIAL
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title, range_text, window_text
from occlusion_toolkit.plotting.painting import NO_CELL, detail_of, grey_backdrop, paint_cells, paint_over
from occlusion_toolkit.sweep.grid import Grid

GRIDS = [
    Grid("centred", 40, 8),
    Grid("centred", 40, 7),
    Grid("centred", 16, 56),
    Grid("inside", 40, 12),
    Grid("script", 40, 40),
]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_every_cell_is_drawn_over_exactly_its_block(grid):
    values = np.arange(len(grid), dtype=np.float64).reshape(grid.rows, grid.cols)
    painted = paint_cells(values, grid.cells(), 224)
    for value, (y0, y1, x0, x1) in zip(values.ravel(), grid.cells(), strict=True):
        assert (painted[y0:y1, x0:x1] == value).all()
        assert (painted == value).sum() == (y1 - y0) * (x1 - x0)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_smoothing_covers_the_same_area_and_stays_between_the_values(grid):
    values = np.random.default_rng(0).uniform(10, 90, (grid.rows, grid.cols))
    sharp = paint_cells(values, grid.cells(), 224)
    smooth = paint_cells(values, grid.cells(), 224, "linear")
    assert np.array_equal(np.isnan(sharp), np.isnan(smooth))
    assert np.nanmin(smooth) >= values.min() - 1e-9
    assert np.nanmax(smooth) <= values.max() + 1e-9
    assert not np.array_equal(sharp, smooth, equal_nan=True)


def test_smoothing_passes_through_the_values_at_the_centres_of_the_cells():
    grid = Grid("centred", 21, 7)  # an odd stride has a pixel at the centre of each block
    values = np.random.default_rng(0).uniform(0, 1, (grid.rows, grid.cols))
    assert np.allclose(paint_cells(values, grid.cells(), 224, "linear")[3::7, 3::7], values)


def test_a_map_of_one_cell_can_be_smoothed():
    grid = Grid("centred", 40, 224)
    assert (paint_cells(np.array([[5.0]]), grid.cells(), 224, "linear") == 5).all()


def test_cells_keep_their_edges_in_the_picture_and_what_is_no_cell_is_grey():
    painted = np.full((224, 224), np.nan)
    painted[8:16, 24:32] = 70.0
    picture = paint_over(np.zeros((448, 448)), painted, ColourScale(SEQUENTIAL, 0.0, 100.0))
    cell = np.zeros((448, 448), dtype=bool)
    cell[16:32, 48:64] = True
    assert len(np.unique(picture[cell], axis=0)) == 1
    assert (picture[~cell] == round(255 * NO_CELL)).all()
    assert np.ptp(picture[20, 50].astype(int)) > 20


def photographs():
    """Grounds that a map may lie over: even ones, noise, stripes and edges between black and white."""
    rng = np.random.default_rng(0)
    for level in (0, 128, 255):
        yield f"even {level}", np.full((224, 224, 3), level, np.uint8)
    yield "noise", rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    halves = np.zeros((224, 224, 3), np.uint8)
    halves[:, 112:] = 255
    yield "halves", halves
    stripes = np.zeros((224, 224, 3), np.uint8)
    stripes[np.arange(224) % 12 < 6] = 255
    yield "stripes", stripes


@pytest.mark.parametrize(("ground", "crop"), list(photographs()))
@pytest.mark.parametrize("metric", ["error", "increase"])
def test_a_colour_can_be_read_off_the_bar_whatever_lies_beneath(ground, crop, metric):
    scale = scale_for(metric, np.array([-100.0, 100.0]))
    detail = detail_of(crop, 224)
    for value in np.linspace(-100, 100, 9):
        bar = lab(scale.colours(np.array([value])))
        shown = lab(paint_over(detail, np.full((224, 224), value), scale).reshape(-1, 3) / 255)
        distance = np.linalg.norm(shown - bar, axis=-1).max()
        assert distance < (1 if ground.startswith("even") else 12), (value, distance)


def test_the_photograph_can_still_be_seen_under_every_colour():
    crop = np.zeros((224, 224, 3), np.uint8)
    crop[80:140, 80:140] = 255
    scale = ColourScale(SEQUENTIAL, 0.0, 100.0)
    for value in np.linspace(0, 100, 9):
        shown = lab(paint_over(detail_of(crop, 224), np.full((224, 224), value), scale) / 255)
        assert np.ptp(shown[110, 60:100, 0]) > 4


def lab(colours):
    """CIELAB of sRGB colours in [0, 1], daylight D65."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear @ np.array(to_xyz).T / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.moveaxis(np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def test_the_backdrop_is_grey_and_keeps_clear_of_black_and_white():
    crop = np.zeros((30, 30, 3), dtype=np.uint8)
    crop[:, 15:] = 255
    backdrop = grey_backdrop(crop, 60)
    assert backdrop.shape == (60, 60)
    assert 0.05 < backdrop.min() < 0.3
    assert 0.8 < backdrop.max() < 1.0


def lightness(colours):
    """CIE L* of sRGB colours."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


def test_lightness_rises_evenly_with_the_value():
    steps = np.diff(lightness(ColourScale(SEQUENTIAL, 0.0, 1.0).colours(np.linspace(0, 1, 33))))
    assert steps.min() > 0
    assert steps.max() < 3 * steps.mean()


def test_zero_is_the_lightest_of_the_signed_scale_and_both_sides_have_one_slope():
    scale = scale_for("pa_increase", np.array([-20.0, 0.0, 80.0]))
    assert scale.fraction(np.array([0.0])) == 0.5
    assert lightness(scale.colours(np.linspace(-80, 80, 33))).argmax() == 16
    assert (scale.low, scale.high) == (-20, 80)
    assert scale.colormap is DIVERGING


def test_displacement_starts_at_zero_and_error_at_its_least_value():
    values = np.array([[12.0, 143.0], [np.nan, 60.0]])
    assert scale_for("mine_displacement", values).low == 0
    assert own_scale("mine_displacement", values).low == 12
    assert (scale_for("error", values).low, scale_for("error", values).high) == (12, 143)


@pytest.mark.parametrize("metric", ["error", "increase", "mine_displacement"])
@pytest.mark.parametrize("values", [np.full((2, 2), 7.0), np.zeros((2, 2)), np.full((2, 2), np.nan)])
def test_maps_without_any_contrast_have_colours_too(metric, values):
    for scale in (scale_for(metric, values), own_scale(metric, values)):
        assert np.isfinite(scale.colours(values)).all()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([12.4, 143.2], "12–143 mm"),
        ([-8.0, 95.0], "−8…95 mm"),
        ([-0.2, 3.0], "0–3 mm"),
        ([np.nan, 5.0], "5–5 mm"),
        ([np.nan], "no values"),
    ],
)
def test_ranges_are_whole_millimetres(values, text):
    assert range_text(np.array(values)) == text


def test_the_words_say_which_metric_it_is():
    assert joint_title("left_wrist") == "left wrist"
    assert axis_label("displacement") == "displacement from the clean prediction [mm]"
    assert axis_label("pa_error") == "error, Procrustes-aligned [mm]"
    assert axis_label("mine_increase") == "increase of the error over the clean image by mine [mm]"


def test_windows_are_half_open_ranges_wherever_they_are_named():
    assert window_text((48, 88, 92, 132)) == "rows 48-88, columns 92-132"
    assert window_text((48, 88, 92, 132), words=False) == "48-88, 92-132"
