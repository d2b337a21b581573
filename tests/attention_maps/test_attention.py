"""Part attention: known shares and spreads, what is stored is what is drawn, and clear refusals."""

import dataclasses

import h5py
import numpy as np
import pytest
import torch
from occlusion_toolkit.attention_maps.result import read_attention, write_attention
from occlusion_toolkit.heatmaps.run import Photograph
from support.equality import assert_equal
from support.figure_fixtures import fake_attention, fake_body
from support.figure_texts import assert_texts_fit, texts
from torch import nn

from occlusion_toolkit.attention_maps.figure import attention_figure
from occlusion_toolkit.attention_maps.run import run_attention, visible_parts
from occlusion_toolkit.attention_maps.table import (
    attention_figures,
    cells_touched,
    summarise_attention,
)
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.heatmaps.table import parameters_of
from occlusion_toolkit.models.base import RegressorOutput, part_attention
from occlusion_toolkit.models.registry import LoadedRegressor, load_card
from occlusion_toolkit.sweep.occluders import parse_occluder


class Bright(nn.Module):
    """Looks for every part where the crop is bright, in 7 x 7 cells."""

    def __init__(self, attends: bool = True) -> None:
        super().__init__()
        self.attends = attends

    def forward(self, crops: torch.Tensor) -> RegressorOutput:
        body = parameters_of(fake_body())
        logits = nn.functional.adaptive_avg_pool2d(crops.mean(1, keepdim=True), 7).expand(-1, 25, -1, -1)
        return RegressorOutput(body.rotmats, body.betas, body.camera, logits if self.attends else None)


def bright(**settings) -> LoadedRegressor:
    return LoadedRegressor(Bright(**settings), load_card("pare-open"), "0" * 64, torch.device("cpu"))


@pytest.fixture
def photograph(tmp_path) -> Photograph:
    from PIL import Image
    from support.figure_fixtures import fake_crop

    path = tmp_path / "light.png"
    Image.fromarray(fake_crop()).save(path)
    return Photograph(path, read_image(path), CropBox.whole_image(224, 224), "whole image")


def test_attention_in_one_cell_has_no_spread_and_even_attention_has_all():
    one, even = np.zeros((4, 4)), np.full((4, 4), 1 / 16)
    one[1, 2] = 1
    cells = np.zeros((4, 4), dtype=bool)
    cells[1, 1:3] = True
    assert attention_figures(one, cells).on_part == 1
    assert attention_figures(one, cells).spread == pytest.approx(0)
    assert attention_figures(even, cells).on_part == pytest.approx(2 / 16)
    assert attention_figures(even, cells).spread == pytest.approx(1)
    assert attention_figures(even, np.zeros((4, 4), dtype=bool)).on_part is None


def test_attention_spread_over_k_cells_counts_k_cells():
    for filled in (2, 5, 11):
        weights = np.zeros(16)
        weights[:filled] = 1 / filled
        figures = attention_figures(weights.reshape(4, 4), np.ones((4, 4), dtype=bool))
        assert figures.spread == pytest.approx((filled - 1) / 15)


def test_one_pixel_touches_one_cell():
    region = np.zeros((224, 224), dtype=bool)
    region[31, 64] = True
    cells = cells_touched(region, (7, 14))
    assert np.argwhere(cells).tolist() == [[0, 4]]


def test_the_summary_compares_the_same_cells_clean_and_occluded():
    summary = summarise_attention(fake_attention())
    head = summary.parts[PART_NAMES.index("head")]
    assert (head.area, head.clean.on_part) == (1 / 49, 1)
    assert head.occluded.on_part == pytest.approx(1 / 49)
    assert head.hidden == pytest.approx(24 / 32)
    assert [part.part for part in summary.hidden] == ["head"]
    assert {part.area for part in summary.parts if part.part != "head"} == {0}


def test_a_person_seen_from_the_front_has_the_head_on_top_and_left_on_the_right():
    labels = visible_parts(parameters_of(fake_body()), load_open_body())
    rows, columns = {}, {}
    for name in ("head", "left_hand", "right_hand", "left_foot", "right_foot"):
        y, x = np.nonzero(labels == PART_NAMES.index(name) + 1)
        rows[name], columns[name] = y.mean(), x.mean()
    assert rows["head"] < rows["left_hand"] < rows["left_foot"]
    assert columns["right_hand"] < columns["head"] < columns["left_hand"]
    assert set(np.unique(labels)) <= set(range(25))


def test_the_network_sees_the_occluder_and_both_maps_are_kept(photograph):
    result = run_attention(
        bright(), load_open_body(), photograph, parse_occluder("grey", 1), (0, 224, 160, 192)
    )
    ((_, _, _, column),) = np.argwhere(result.attention[None] == result.attention.max())[:1]
    assert column == 6  # the lightest
    assert result.occluded.attention[0, :, 5].max() < result.attention[0, :, 5].max()
    np.testing.assert_array_equal(result.occluded.crop[:, :160], result.crop[:, :160])
    np.testing.assert_allclose(result.occluded.attention.sum((1, 2)), 1, rtol=1e-5)
    assert result.card.occluder.startswith("grey")


def test_without_a_window_the_clean_crop_alone_is_kept(photograph):
    result = run_attention(bright(), load_open_body(), photograph)
    assert result.occluded is None
    assert result.card.occluder is None
    logits = nn.functional.adaptive_avg_pool2d(torch.zeros(1, 25, 7, 7), 7)
    assert part_attention(logits).shape[1:] == result.attention.shape


def test_a_network_without_attention_is_refused_by_name(photograph):
    with pytest.raises(UsageError, match="pare-open has no part attention"):
        run_attention(bright(attends=False), load_open_body(), photograph)


@pytest.mark.parametrize("window", [(5, 5, 0, 10), (0, 10, 9, 5), (224, 230, 0, 10), (-9, 0, 0, 10)])
def test_a_rectangle_that_occludes_nothing_is_refused(window, photograph):
    with pytest.raises(UsageError):
        run_attention(bright(), load_open_body(), photograph, parse_occluder("grey", 1), window)


@pytest.mark.parametrize("occluded", [True, False])
def test_a_result_is_read_back_bit_by_bit(occluded, tmp_path):
    write_attention(tmp_path / "attention.h5", fake_attention(occluded=occluded))
    assert_equal(read_attention(tmp_path / "attention.h5"), fake_attention(occluded=occluded))


def test_labels_of_no_part_are_refused(tmp_path):
    path = tmp_path / "attention.h5"
    labels = fake_attention().part_labels + 24
    write_attention(path, dataclasses.replace(fake_attention(), part_labels=labels))
    with pytest.raises(ResultError, match="part_labels"):
        read_attention(path)


def test_absurd_sizes_are_refused(tmp_path):
    path = tmp_path / "attention.h5"
    write_attention(path, fake_attention())
    with h5py.File(path, "r+") as file:
        file.attrs["rows"] = 10**9
    with pytest.raises(ResultError, match="sizes"):
        read_attention(path)


@pytest.mark.parametrize("occluded", [True, False])
def test_the_figure_names_every_part_and_no_text_collides(occluded):
    figure = attention_figure(fake_attention(occluded=occluded))
    assert_texts_fit(figure)
    shown = texts(figure)
    assert {name.replace("_", " ") for name in PART_NAMES} <= set(shown)
    assert ("100 → 2 %" if occluded else "100 %") in shown
