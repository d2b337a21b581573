"""Part attention: known shares and spreads, what is stored is what is drawn, and clear refusals."""

import numpy as np
import pytest
import torch
import xarray as xr
from support.figure_fixtures import fake_attention, fake_crop, fake_maps
from support.figure_texts import assert_texts_fit, texts
from torch import nn

from occlusion_toolkit.attention_maps import run
from occlusion_toolkit.attention_maps.attention_maps import KIND, LAYOUT, AttentionMaps
from occlusion_toolkit.attention_maps.run import attention, visible_parts
from occlusion_toolkit.attention_maps.table import attention_figures, cells_touched
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.files.netcdf import save_dataset
from occlusion_toolkit.find.crop import Crop
from occlusion_toolkit.heatmaps.table import estimate
from occlusion_toolkit.models.base import RegressorOutput, part_attention

BODIES = Bodies()
STANDING = estimate(fake_maps(), "clean")
CROP = Crop(fake_crop(), CropBox.whole_image(224, 224), "whole image", "light.png", "0" * 64)


class Bright(nn.Module):
    """Looks for every part where the crop is bright, in 7 x 7 cells."""

    def __init__(self, attends: bool = True) -> None:
        super().__init__()
        self.attends = attends

    def forward(self, crops: torch.Tensor) -> RegressorOutput:
        logits = nn.functional.adaptive_avg_pool2d(crops.mean(1, keepdim=True), 7).expand(-1, 25, -1, -1)
        return RegressorOutput(
            STANDING.rotmats, STANDING.betas, STANDING.camera, logits if self.attends else None
        )


def look(model: nn.Module | None = None, **options) -> AttentionMaps:
    return attention(model or Bright(), CROP, device="cpu", bodies=BODIES, **options)


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
    summary = fake_attention().table()
    head = summary.parts[PART_NAMES.index("head")]
    assert (head.area, head.clean.on_part) == (1 / 49, 1)
    assert head.occluded.on_part == pytest.approx(1 / 49)
    assert head.hidden == pytest.approx(24 / 32)
    within = AttentionMaps(fake_attention().dataset.assign_attrs(window="[8, 20, 4, 24]")).table()
    hidden = within.parts[PART_NAMES.index("head")].hidden
    assert hidden == pytest.approx(12 * 20 / 32**2)  # ends are exclusive
    assert [part.part for part in summary.hidden] == ["head"]
    assert {part.area for part in summary.parts if part.part != "head"} == {0}


def test_a_person_seen_from_the_front_has_the_head_on_top_and_left_on_the_right():
    labels = visible_parts(STANDING, load_open_body())
    rows, columns = {}, {}
    for name in ("head", "left_hand", "right_hand", "left_foot", "right_foot"):
        y, x = np.nonzero(labels == PART_NAMES.index(name) + 1)
        rows[name], columns[name] = y.mean(), x.mean()
    assert rows["head"] < rows["left_hand"] < rows["left_foot"]
    assert columns["right_hand"] < columns["head"] < columns["left_hand"]
    assert set(np.unique(labels)) <= set(range(25))


def test_the_network_sees_the_occluder_and_both_maps_are_kept():
    maps = look(occlude=(0, 224, 160, 192))
    clean, under = maps.attention("clean"), maps.attention("occluded")
    assert (np.argwhere(clean == clean.max())[:, 2] == 6).all()  # the lightest column
    assert under[0, :, 5].max() < clean[0, :, 5].max()
    np.testing.assert_array_equal(maps.crop("occluded")[:, :160], maps.crop("clean")[:, :160])
    assert (maps.crop("occluded")[:, 160:192] == [124, 116, 104]).all()
    np.testing.assert_allclose(under.sum((1, 2)), 1, rtol=1e-5)
    assert maps.card.occluder == {"name": "grey", "rgb": [124, 116, 104]}
    assert (maps.window, maps.views) == ((0, 224, 160, 192), ("clean", "occluded"))


def test_without_a_window_the_clean_crop_alone_is_kept():
    maps = look()
    assert (maps.views, maps.window, maps.card.occluder) == (("clean",), None, None)
    assert part_attention(torch.zeros(1, 25, 7, 7)).shape[1:] == maps.attention().shape


def test_a_network_without_attention_is_refused_by_name():
    with pytest.raises(UsageError, match="bright has no part attention"):
        look(Bright(attends=False))


@pytest.mark.parametrize("window", [(5, 5, 0, 10), (0, 10, 9, 5), (224, 230, 0, 10), (-9, 0, 0, 10)])
def test_a_rectangle_that_occludes_nothing_is_refused_before_anything_is_loaded(window, monkeypatch):
    monkeypatch.delattr(run, "load_regressor")
    with pytest.raises(UsageError):
        look(occlude=window)


@pytest.mark.parametrize("occluded", [True, False])
def test_attention_is_read_back_bit_by_bit_and_opens_in_plain_xarray(occluded, tmp_path):
    maps = fake_attention(occluded=occluded)
    maps.save(tmp_path / "attention.h5")
    stored = AttentionMaps.open(tmp_path / "attention.h5")
    xr.testing.assert_identical(stored.dataset, maps.dataset.assign_attrs(kind=KIND, layout=LAYOUT))
    assert (stored.window, stored.file, stored.card) == (maps.window, maps.file, maps.card)
    assert stored.table() == maps.table()
    with xr.open_dataset(tmp_path / "attention.h5") as plain:
        assert float(plain["attention"].sel(view="clean", part="left_knee").sum()) == pytest.approx(1)


CONTRADICTIONS = {
    "labels of no part": (lambda maps: maps.assign(segmentation=maps["segmentation"] + 24), "0..24"),
    "no segmentation": (lambda maps: maps.drop_vars("segmentation"), "no segmentation"),
    "no attention": (lambda maps: maps.drop_vars("attention"), "no attention"),
    "crop of floats": (lambda maps: maps.assign(crop=maps["crop"] / 2), "no crop"),
    "parts by number": (lambda maps: maps.assign_coords(part=range(24)), "24 of the body"),
    "other parts": (lambda maps: maps.isel(part=slice(None, None, -1)), "24 of the body"),
    "a crop that is not square": (lambda maps: maps.isel(y=slice(9)), "sizes"),
    "no cells": (lambda maps: maps.isel(row=slice(0)), "sizes"),
    "other views": (lambda maps: maps.assign_coords(view=["a", "b"]), "views are a, b"),
    "a view without a window": (lambda maps: maps.assign_attrs(window="{"), "window"),
    "half a window": (lambda maps: maps.assign_attrs(window="[1, 2]"), "no rectangle"),
    "no card": (lambda maps: maps.assign_attrs(protocol=""), "protocol card is malformed"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_file_that_is_no_attention_is_refused(case, tmp_path):
    change, words = CONTRADICTIONS[case]
    save_dataset(tmp_path / "attention.h5", change(fake_attention().dataset), KIND, LAYOUT)
    with pytest.raises(ResultError, match=words) as caught:
        AttentionMaps.open(tmp_path / "attention.h5")
    assert "attention.h5" in str(caught.value)


@pytest.mark.parametrize("occluded", [True, False])
def test_the_figure_names_every_part_and_no_text_collides(occluded):
    figure = fake_attention(occluded=occluded).plot()
    assert_texts_fit(figure)
    shown = texts(figure)
    assert {name.replace("_", " ") for name in PART_NAMES} <= set(shown)
    assert ("100 → 2 %" if occluded else "100 %") in shown
