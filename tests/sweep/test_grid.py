import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occlusion_toolkit.errors import GridError
from occlusion_toolkit.sweep.grid import Grid

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "occlusion_windows_golden.json").read_text())
TILING_STRIDES = [1, 2, 4, 7, 8, 14, 16, 28, 32, 56, 112, 224]

sizes = st.integers(1, 224)
tiling_strides = st.sampled_from(TILING_STRIDES)


def coverage(rectangles: np.ndarray, resolution: int = 224) -> np.ndarray:
    """How many rectangles cover each pixel."""
    corners = np.zeros((resolution + 1, resolution + 1), int)  # the count is their double running sum
    y0, y1, x0, x1 = rectangles.T
    for rows, cols, sign in ((y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)):
        np.add.at(corners, (rows, cols), sign)
    return corners.cumsum(0).cumsum(1)[:resolution, :resolution]


def flipped(rectangles: np.ndarray, grid: Grid) -> np.ndarray:
    """The same rectangles in a horizontally flipped crop, in the order of the flipped grid."""
    y0, y1, x0, x1 = rectangles.T
    mirrored = np.stack([y0, y1, grid.resolution - x1, grid.resolution - x0], axis=1)
    return mirrored.reshape(grid.rows, grid.cols, 4)[:, ::-1].reshape(-1, 4)


@pytest.mark.parametrize("case", GOLDEN)
def test_script_windows_are_those_of_the_public_script(case):
    resolution, size, stride = map(int, case.split("_"))
    grid = Grid("script", size, stride, resolution)
    assert (grid.rows, grid.cols) == (GOLDEN[case]["grid"],) * 2
    np.testing.assert_array_equal(grid.windows(), GOLDEN[case]["windows_y0y1x0x1"])


def test_default_windows_are_centred_on_8_pixel_blocks():
    grid = Grid()
    spans = [tuple(map(int, window[2:])) for window in grid.windows()[: grid.cols]]
    assert (grid.rows, grid.cols) == (28, 28)
    assert spans[:4] == [(0, 24), (0, 32), (0, 40), (8, 48)]  # centres 4, 12, 20, 28
    assert spans[-2:] == [(192, 224), (200, 224)]


def test_rows_go_from_top_to_bottom_and_columns_from_left_to_right():
    grid = Grid("script", 40, 40)
    windows = grid.windows().reshape(grid.rows, grid.cols, 4)
    assert (np.diff(windows[:, 0, 0]) > 0).all()
    assert (np.diff(windows[0, :, 2]) > 0).all()


@given(size=sizes, stride=tiling_strides)
def test_centred_cells_tile_the_crop(size, stride):
    grid = Grid("centred", size, stride)
    assert len(grid) == len(grid.cells()) == (224 // stride) ** 2
    assert (coverage(grid.cells()) == 1).all()


@given(size=sizes, stride=tiling_strides)
def test_centred_windows_have_full_size_unless_the_border_clips_them(size, stride):
    windows = Grid("centred", size, stride).windows()
    y0, y1 = windows[:, 0], windows[:, 1]
    clipped = (y0 == 0) | (y1 == 224)
    assert ((y1 - y0)[~clipped] == size).all()
    assert ((y1 - y0)[clipped] <= size).all()
    assert (y1 > y0).all()


@given(size=sizes, stride=tiling_strides)
def test_window_centres_are_block_centres_or_half_a_pixel_up_and_left(size, stride):
    grid = Grid("centred", size, stride)
    windows, cells = grid.windows(), grid.cells()
    whole = (windows[:, 0] > 0) & (windows[:, 1] < 224)
    offset = (windows[whole, :2].sum(axis=1) - cells[whole, :2].sum(axis=1)) / 2
    assert (offset == (0.0 if (size - stride) % 2 == 0 else -0.5)).all()


@given(size=sizes, stride=tiling_strides)
def test_centred_windows_are_symmetric_under_flips(size, stride):
    grid = Grid("centred", size, stride)
    shift = np.abs(flipped(grid.windows(), grid) - grid.windows()).max()
    if (size - stride) % 2 == 0:
        assert shift == 0
    else:
        assert shift <= 1  # half a pixel off centre on either side
    np.testing.assert_array_equal(flipped(grid.cells(), grid), grid.cells())


@given(stride=tiling_strides, slack=st.integers(0, 20))
def test_every_pixel_is_hidden_by_some_window_when_windows_touch(stride, slack):
    windows = Grid("centred", min(224, stride + slack), stride).windows()
    assert (coverage(windows) >= 1).all()


@given(size=sizes, stride=st.integers(1, 224))
def test_inside_windows_are_whole_and_the_lattice_is_centred(size, stride):
    grid = Grid("inside", size, stride)
    windows = grid.windows()
    assert (windows[:, 1] - windows[:, 0] == size).all()
    assert (windows[:, 3] - windows[:, 2] == size).all()
    above, below = windows[0, 0], 224 - windows[-1, 1]
    assert 0 <= below - above <= 1
    assert above + below < stride  # no further window would fit


@given(kind=st.sampled_from(["inside", "script"]), size=sizes, stride=st.integers(1, 224))
def test_cells_never_overlap_and_lie_in_the_crop(kind, size, stride):
    try:
        cells = Grid(kind, size, stride).cells()
    except GridError:
        return
    assert (cells >= 0).all()
    assert (cells <= 224).all()
    first_row = cells[cells[:, 0] == cells[0, 0]]
    assert (first_row[1:, 2] == first_row[:-1, 3]).all()
    assert (cells[:, 3] > cells[:, 2]).all()


def test_cell_lies_in_the_middle_of_its_window():
    np.testing.assert_array_equal(Grid("inside", 40, 8).cells()[0], [16, 24, 16, 24])
    np.testing.assert_array_equal(Grid("script", 40, 40).cells(), Grid("script", 40, 40).windows())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 225}, ["225", "1 to 224"]),
        ({"size": 0}, ["1 to 224"]),
        ({"stride": 0}, ["1 or more"]),
        ({"stride": -8}, ["1 or more"]),
        ({"stride": 9}, ["9", "8 and 14"]),
        ({"stride": 100}, ["56 and 112"]),
        ({"stride": 300}, ["224"]),
        ({"kind": "script", "size": 8, "stride": 56}, ["outside the crop", "at most the size"]),
    ],
)
def test_numbers_that_do_not_fit_are_an_error_that_names_what_does(arguments, words):
    with pytest.raises(GridError) as caught:
        Grid(**arguments)
    for word in words:
        assert word in str(caught.value)
