"""Breaking sizes of regressors that break under a known number of hidden pixels, and of numbers by hand."""

import numpy as np
import pytest
import torch
import xarray as xr
from support.fakes import bent_elbow
from support.painted_people import painted_people
from support.survey_fixtures import make_survey

import occlusion_toolkit as ot
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize
from occlusion_toolkit.breaking_sizes.rule import area_mm, breaking_sizes, hurts_less, recovers
from occlusion_toolkit.breaking_sizes.run import sizes_of
from occlusion_toolkit.breaking_sizes.table import overall, pairs, pairs_table
from occlusion_toolkit.errors import GridError, GroundTruthError, ResultError, UsageError
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.grid import Grid

SIZES = (16, 48, 80, 112)
STRIDE = 56
BLOCK = (100, 140, 90, 150)
"""Where the regressor looks."""


def values_at(*of_sizes: float) -> np.ndarray:
    """Values of one place of one image."""
    return np.array(of_sizes, dtype=float)[None, :, None, None]


def test_the_smallest_size_over_the_threshold_breaks_whatever_larger_ones_do():
    assert breaking_sizes(values_at(1, 9, 2), (8, 24, 40), 5.0) == 24
    assert breaking_sizes(values_at(9, 9, 9), (8, 24, 40), 5.0) == 8
    assert np.isnan(breaking_sizes(values_at(1, 5, 2), (8, 24, 40), 5.0))  # not above it


def test_larger_hurts_less_beyond_a_millimetre_after_any_smaller_one():
    assert hurts_less(values_at(5, 6, 3.9))
    assert hurts_less(values_at(5, 3, 9))
    assert not hurts_less(values_at(1, 2, 3))
    assert not hurts_less(values_at(5, 4.5, 6))


def test_a_place_recovers_where_a_larger_square_does_not_break_it():
    assert recovers(values_at(9, 1, 1), 5.0)
    assert not recovers(values_at(1, 9, 9), 5.0)
    assert not recovers(values_at(1, 1, 1), 5.0)


def test_the_area_is_the_mean_height_of_the_curve_from_no_square_on():
    straight = np.array([[10.0, 40.0]])
    assert area_mm(straight, (10, 40), np.zeros(1)) == pytest.approx(20)
    flat = np.array([[7.0, 7.0]])
    assert area_mm(flat, (10, 40), np.full(1, 7.0)) == pytest.approx(7)


class Counter:
    """Bends the elbow where at least so many pixels of the block are grey, and no more than so many."""

    def __init__(self, least: int, most: int = 10**6) -> None:
        self.least, self.most, self.asked = least, most, 0

    def __call__(self, crops: torch.Tensor) -> ot.RegressorOutput:
        self.asked += len(crops)
        y0, y1, x0, x1 = BLOCK
        hidden = (crops[:, 0, y0:y1, x0:x1] == 0).sum(dim=(1, 2))
        return bent_elbow(1.5 * ((hidden >= self.least) & (hidden <= self.most)).float())


def hidden_pixels(size: int) -> np.ndarray:
    """How many pixels of the block the square of every place hides."""
    y0, y1, x0, x1 = Grid(size=size, stride=STRIDE).windows().T
    rows = (np.minimum(y1, BLOCK[1]) - np.maximum(y0, BLOCK[0])).clip(0)
    cols = (np.minimum(x1, BLOCK[3]) - np.maximum(x0, BLOCK[2])).clip(0)
    return (rows * cols).reshape(4, 4)


def expected_px(least: int, most: int = 10**6) -> np.ndarray:
    found = np.full((4, 4), np.nan)
    for size in reversed(SIZES):
        hidden = hidden_pixels(size)
        found[(hidden >= least) & (hidden <= most)] = size
    return found


def sweep_of(network: Counter, name: str = "counter", **settings: object) -> ot.OcclusionSweep:
    card = RegressorCard(name=name, title="t", description="d", body=OPEN_BODY_TOPOLOGY)
    model = LoadedRegressor(network, card, None, torch.device("cpu"))
    usual = {"stride": STRIDE, "device": "cpu", "engine": "dense", "metrics": {"mpjpe": ot.mpjpe}}
    return ot.OcclusionSweep(model, **usual | settings)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    return painted_people(folder, {"head": (10, 30, 160, 180)}, sequences=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def found(people, folder) -> BreakingSize:
    """Breaks from 400 hidden pixels on."""
    return ot.breaking_size(sweep_of(Counter(400)), people, sizes=SIZES, over_mm=10.0, keep=folder)


@pytest.fixture(scope="module")
def gentle(people) -> BreakingSize:
    """Breaks from 400 to 2100 hidden pixels, and not where more are hidden."""
    return ot.breaking_size(sweep_of(Counter(400, 2100), "gentle"), people, sizes=SIZES, over_mm=10.0)


def test_the_size_is_the_one_that_hides_enough_pixels(found):
    for image in found.dataset["breaking_px"].values:
        np.testing.assert_array_equal(image, expected_px(400))
    assert np.isnan(expected_px(400)).any()
    assert len(np.unique(expected_px(400)[np.isfinite(expected_px(400))])) >= 2
    assert set(found.smallest_px) == {48.0}


def test_every_size_breaks_the_places_where_it_hides_enough(found):
    moved = float(found.dataset["worst_mm"].max())
    for size in SIZES:
        one = found.dataset.sel(size=size)
        share = 100 * (hidden_pixels(size) >= 400).mean()
        np.testing.assert_allclose(one["over_share"], share)
        np.testing.assert_allclose(one["broken_share"], share)
        np.testing.assert_allclose(one["dose_mm"], share / 100 * moved, rtol=1e-4)
    np.testing.assert_array_equal(found.dataset["clean_mm"], 0)
    expected = area_mm(found.dataset["dose_mm"].values, SIZES, np.zeros(6))
    np.testing.assert_allclose(found.dataset["area_mm"], expected)


def test_nothing_is_taken_as_monotone(gentle):
    np.testing.assert_array_equal(gentle.dataset["breaking_px"][0], expected_px(400, 2100))
    over = np.stack([(hidden_pixels(s) >= 400) & (hidden_pixels(s) <= 2100) for s in SIZES])
    falls = (np.logical_or.accumulate(over) & ~over).any(axis=0)
    assert 0 < falls.sum() < over.any(axis=0).sum()
    np.testing.assert_allclose(gentle.dataset["less_share"], 100 * falls.mean())
    np.testing.assert_allclose(gentle.dataset["recovers"], 100 * falls.sum() / over.any(axis=0).sum())
    broken = 100 * over.any(axis=0).mean()
    np.testing.assert_allclose(gentle.dataset["broken_share"].sel(size=112), broken)
    assert float(gentle.dataset["over_share"].sel(size=112)[0]) < broken


def test_places_that_hide_enough_never_recover(found):
    assert (
        overall(found)["less_share"] == overall(found)["recovers"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    )


def test_pairs_count_where_the_first_breaks_under_a_smaller_square(found, people, folder):
    strong = ot.breaking_size(sweep_of(Counter(1000), "strong"), people, sizes=SIZES, over_mm=10.0)
    (numbers,) = pairs({"weak": found, "strong": strong}).values()
    weak_px, strong_px = (np.nan_to_num(expected_px(least), nan=np.inf) for least in (400, 1000))
    assert numbers["earlier"]["mean"] == pytest.approx(100 * (weak_px < strong_px).mean())
    assert numbers["earlier"]["mean"] > 0
    assert numbers["later"]["mean"] == 0
    assert numbers["area_mm"]["mean"] > 0
    assert numbers["area_mm"]["p"] == pytest.approx(2 / 2**6)
    assert "weak - strong" in pairs_table({"weak": found, "strong": strong}).index


def test_a_joint_that_does_not_move_does_not_break(people, folder):
    sweep = sweep_of(Counter(400))
    wrist, ankle = (
        ot.breaking_size(sweep, people, sizes=SIZES, joint=joint, keep=folder)
        for joint in ("left_wrist", "left_ankle")
    )
    np.testing.assert_array_equal(wrist.dataset["breaking_px"][0], expected_px(400))
    assert np.isnan(ankle.dataset["breaking_px"]).all()
    assert any(
        note.startswith("nothing breaks: the worst square of up to 112 px gives 0 mm") for note in ankle.notes
    )


def test_finished_sweeps_are_not_made_again_and_missing_ones_are(found, people, folder):
    counter = Counter(400)
    again = ot.breaking_size(sweep_of(counter), people, sizes=SIZES, over_mm=10.0, keep=folder)
    assert counter.asked == 0
    assert again.dataset.identical(found.dataset)
    (folder / "counter-80px" / "shards" / "shard-00000.h5").unlink()
    again = ot.breaking_size(sweep_of(counter), people, sizes=SIZES, over_mm=10.0, keep=folder)
    assert counter.asked == 6 * (16 + 1)
    assert again.dataset.identical(found.dataset)


@pytest.fixture(scope="module")
def crop(people):
    return ot.read_crop(people[0].image_path, bbox=(0, 0, 224 / 1.2, 224 / 1.2))


def test_one_photograph_without_truth_breaks_by_displacement(crop, tmp_path):
    counter = Counter(400)
    sweep = sweep_of(counter)
    one = ot.breaking_size(sweep, crop, sizes=SIZES, over_mm=10.0, keep=tmp_path)
    assert one.metric == "displacement"
    assert one.dataset["crop"].shape == (224, 224, 3)
    np.testing.assert_array_equal(one.dataset["breaking_px"][0], expected_px(400))
    asked = counter.asked
    ot.breaking_size(sweep, crop, sizes=SIZES, over_mm=10.0, keep=tmp_path)
    assert counter.asked == asked
    with pytest.raises(ResultError, match=r"choose another folder$"):
        ot.breaking_size(sweep.changed(stride=112), crop, sizes=SIZES, keep=tmp_path)
    with pytest.raises(GroundTruthError, match="needs ground truth"):
        ot.breaking_size(sweep, crop, sizes=SIZES, metric="increase", keep=tmp_path)


def test_what_is_stored_is_what_was_found(found, tmp_path):
    found.save(tmp_path / "a.h5")
    xr.testing.assert_equal(BreakingSize.open(tmp_path / "a.h5").dataset, found.dataset)
    found.save(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 1 + 6 * len(SIZES)
    assert found.summary()["sizes"]["48"]["people_broken"] == {"mean": 100.0, "low": 100.0, "high": 100.0}
    assert found.table().loc["16 px", "places broken so far, %"] == "0.0 [0.0, 0.0]"


def test_gaps_between_small_squares_and_too_few_sequences_are_said(found, people, folder, crop):
    assert any("squares of 16 to 48 px leave gaps at a stride of 56 px" in note for note in found.notes)
    assert not any("interval" in note for note in found.notes)
    few = sizes_of([make_survey(folder / f"few-{s}", grid=Grid(size=s, stride=56)) for s in (40, 80)])
    assert any("no intervals: 3 of the 6 sequences" in note for note in few.notes)
    assert few.summary()["sizes"]["40"]["dose_mm"]["low"] is None


WRONG = {
    "one size": ({"sizes": (40,)}, {}, UsageError, "two sizes or more"),
    "even and odd": ({"sizes": (8, 25)}, {}, UsageError, "half a pixel apart"),
    "larger than the crop": ({"sizes": (8, 300)}, {}, GridError, "does not fit a crop of 224 pixels"),
    "another grid": ({}, {"grid": "inside"}, UsageError, "take a centred one"),
    "no such joint": ({"joint": "tail"}, {}, UsageError, "there is no joint 'tail'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_asked_is_refused_before_any_sweep(case, people):
    arguments, settings, error, says = WRONG[case]
    counter = Counter(1)
    with pytest.raises(error, match=says):
        ot.breaking_size(sweep_of(counter, **settings), people, **{"sizes": SIZES} | arguments)
    assert counter.asked == 0


def test_sweeps_that_differ_in_more_than_the_size_are_refused(found, gentle, tmp_path):
    small = make_survey(tmp_path / "a", grid=Grid(size=40, stride=56))
    with pytest.raises(ResultError, match="model_card: fake and other"):
        sizes_of([small, make_survey(tmp_path / "b", grid=Grid(size=80, stride=56), model_card="other")])
    with pytest.raises(ResultError, match="places of the squares"):
        sizes_of([small, make_survey(tmp_path / "c", grid=Grid(size=80, stride=112))])
    other = BreakingSize(gentle.dataset.assign_attrs(over_mm=5.0))
    with pytest.raises(ResultError, match="differ in their threshold"):
        pairs({"one": found, "other": other})
