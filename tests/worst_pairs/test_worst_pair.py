"""Worst pairs of regressors that break under two given squares, and of searches whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from support.fakes import PointNetwork, TinyNetwork, bent_elbow
from support.figure_fixtures import draw_coarsely
from support.painted_people import painted_people
from support.people_in_crops import random_crop
from support.tiny_card import write_tiny_modern_card

import occlusion_toolkit as ot
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import normalise
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.errors import GroundTruthError, UsageError
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.worst_pairs.rule import pair_size, worst_of
from occlusion_toolkit.worst_pairs.table import pairs
from occlusion_toolkit.worst_pairs.worst_pair import WorstPair

PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"
GRID = Grid(size=57, stride=56)
PLACES = len(GRID)
HEAD, FOOT = (30, 82), (196, 138)
"""Row and column of the two pixels that the regressor needs; in the third and the fifteenth window."""


@pytest.mark.parametrize("size", [2, 3, 40, 57, 120])
def test_a_pair_covers_no_more_than_the_square_and_no_larger_pair_does(size):
    side = pair_size(size)
    assert 2 * side**2 <= size**2 < 2 * (side + 1) ** 2


def test_the_sizes_of_the_documentation():
    assert (pair_size(40), pair_size(57)) == (28, 40)


def searched(table: np.ndarray, beam: int) -> tuple[object, list[int]]:
    """What is found where the pairs have these values, and beside which first squares all were tried."""
    asked: list[int] = []

    def scan(firsts):
        asked.extend(firsts)
        return {first: table[first] for first in firsts}

    return worst_of(table.diagonal().copy(), beam, scan), asked


def symmetric(seed: int) -> np.ndarray:
    table = np.random.default_rng(seed).uniform(0, 100, (12, 12))
    return np.maximum(table, table.T)


@pytest.mark.parametrize("seed", range(20))
def test_no_exchange_of_one_square_makes_the_found_pair_worse(seed):
    table = symmetric(seed)
    best, asked = searched(table, 2)
    assert best.value == table[best.first, best.second]
    assert best.value == max(table[best.first].max(), table[best.second].max())
    assert best.scans == len(asked) == len(set(asked))


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_all_places_finds_the_worst_pair(seed):
    table = symmetric(seed)
    assert searched(table, 12)[0].value == table.max()


class NeedsOneOfTwo:
    """Bends the elbow where both pixels are grey; a little where one is, if it is told to."""

    def __init__(self, hint: float = 0.0) -> None:
        self.hint, self.asked = hint, 0

    def __call__(self, crops: torch.Tensor) -> ot.RegressorOutput:
        self.asked += len(crops)
        hidden = [(crops[:, 0, row, col] == 0).float() for row, col in (HEAD, FOOT)]
        return bent_elbow(1.5 * hidden[0] * hidden[1] + self.hint * (hidden[0] + hidden[1]))


def sweep_of(network: NeedsOneOfTwo | TinyNetwork, **settings: object) -> ot.OcclusionSweep:
    card = RegressorCard(name="needy", title="t", description="d", body=OPEN_BODY_TOPOLOGY)
    model = LoadedRegressor(network, card, None, torch.device("cpu"))
    usual = {"size": 57, "stride": 56, "device": "cpu", "engine": "dense", "metrics": {"mpjpe": ot.mpjpe}}
    return ot.OcclusionSweep(model, **usual | settings)


def hides(window: np.ndarray, pixel: tuple[int, int]) -> bool:
    y0, y1, x0, x1 = window
    return bool(y0 <= pixel[0] < y1 and x0 <= pixel[1] < x1)


def require_both_hidden(found: WorstPair) -> None:
    for one, other in found.dataset["pair_windows"].values:
        assert hides(one, HEAD) + hides(other, HEAD) == 1
        assert hides(one, FOOT) + hides(other, FOOT) == 1


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return painted_people(tmp_path_factory.mktemp("people"), {"head": (10, 30, 160, 180)}, sequences=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def found(people, folder) -> WorstPair:
    return ot.worst_pair(sweep_of(NeedsOneOfTwo(hint=0.01)), people, beam=1, keep=folder)


def test_the_worst_pair_is_exactly_the_two_places_that_must_both_be_hidden(found):
    require_both_hidden(found)
    both, one = found.dataset["pair_mm"].values, found.dataset["single_mm"].values
    assert (both > 15).all()
    assert (one < 1).all()
    np.testing.assert_allclose(found.dataset["alone_mm"].values, one[:, None].repeat(2, axis=1), atol=1e-3)
    assert (found.dataset["passes"] == (2 + 2) * (PLACES + 1)).all()  # both places, and the two sizes alone


def test_where_neither_square_alone_does_anything_all_pairs_find_it(people):
    blind = NeedsOneOfTwo()
    one = ot.worst_pair(sweep_of(blind), EvenlySpaced(people, 1), beam=PLACES)
    require_both_hidden(one)
    assert float(one.dataset["single_mm"][0]) == 0
    assert not any("worse pairs may exist" in note for note in one.notes)


def test_the_estimate_of_a_pair_is_that_of_a_pass_that_saw_both_squares(found):
    for windows in found.dataset["pair_windows"].values:
        hidden = np.zeros((224, 224), bool)
        for y0, y1, x0, x1 in windows:
            hidden[y0:y1, x0:x1] = True
        assert hidden.sum() <= 57**2
    bent = bent_elbow(torch.tensor([1.5 + 0.02]))
    np.testing.assert_allclose(found.dataset["rotmats"].sel(under="pair")[0], bent.rotmats[0], atol=1e-6)
    still = bent_elbow(torch.tensor([0.0]))
    np.testing.assert_allclose(found.dataset["rotmats"].sel(under="clean")[0], still.rotmats[0], atol=1e-6)


def test_who_was_searched_is_not_searched_again(found, people, folder):
    network = NeedsOneOfTwo(hint=0.01)
    again = ot.worst_pair(sweep_of(network), people, beam=1, keep=folder)
    assert network.asked == 0
    xr.testing.assert_identical(again.dataset, found.dataset)
    (folder / "worst-pair-00003.h5").unlink()
    ot.worst_pair(sweep_of(network), people, beam=1, keep=folder)
    assert network.asked == 4 * (PLACES + 1)
    other = NeedsOneOfTwo(hint=0.01)
    ot.worst_pair(sweep_of(other), people, beam=2, keep=folder)
    assert other.asked > network.asked  # another beam may find other pairs


def test_a_photograph_without_truth_is_thrown_off_its_own_estimate(people):
    crop = ot.read_crop(people[0].image_path, bbox=(18.66, 18.66, 224 / 1.2, 224 / 1.2))
    sweep = sweep_of(NeedsOneOfTwo(hint=0.01))
    one = ot.worst_pair(sweep, crop, beam=1)
    assert one.metric == "displacement"
    require_both_hidden(one)
    assert float(one.dataset["clean_mm"][0]) == 0
    assert one.summary()["worse_mm"]["low"] is None
    with pytest.raises(GroundTruthError, match="needs ground truth"):
        ot.worst_pair(sweep, crop, metric="increase")


def naive(network: TinyNetwork, pixels: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Mean displacement of the joints with each pair of windows painted grey, one crop after the other."""
    clean, found = normalise(pixels), np.zeros((len(windows), len(windows)))
    body = load_open_body()

    def joints(crop: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            output = network(crop[None])
        return body.centred_joints(BodyParameters(output.rotmats, output.betas, output.camera), LSP14)[0]

    for one, first in enumerate(windows):
        for other, second in enumerate(windows):
            crop = clean.clone()
            for y0, y1, x0, x1 in (first, second):
                crop[:, y0:y1, x0:x1] = 0
            found[one, other] = 1000 * (joints(crop) - joints(clean)).norm(dim=1).mean()
    return found


def test_all_pairs_of_a_network_are_those_of_a_naive_loop():
    network, crop = TinyNetwork().eval(), random_crop()
    sweep = sweep_of(network, stride=112, size=101)
    one = ot.worst_pair(sweep, crop, beam=4)
    expected = naive(network, crop.pixels, Grid(size=71, stride=112).windows())
    assert float(one.dataset["pair_mm"][0]) == pytest.approx(expected.max(), rel=1e-4)
    single = naive(network, crop.pixels, Grid(size=101, stride=112).windows()).diagonal().max()
    assert float(one.dataset["single_mm"][0]) == pytest.approx(single, rel=1e-4)
    np.testing.assert_array_less(one.dataset["alone_mm"][0], expected.max() + 1e-3)


def test_joints_alone_are_drawn_as_sticks(monkeypatch, tmp_path):
    draw_coarsely(monkeypatch)
    model = ot.load_regressor(PointNetwork().eval(), name="points", body="joints")
    sweep = ot.OcclusionSweep(model, size=57, stride=112, device="cpu")
    ot.worst_pair(sweep, random_crop(), beam=1).plot(tmp_path / "sticks.png")
    assert (tmp_path / "sticks.png").stat().st_size > 10_000


def test_networks_with_crops_of_their_own_see_both_squares(tmp_path):
    sweep = ot.OcclusionSweep(str(write_tiny_modern_card(tmp_path)), size=101, stride=112, device="cpu")
    crop = ot.read_crop(PHOTO, bbox=(258, 107, 382, 707))
    one = ot.worst_pair(sweep, crop, beam=4)
    alone = one.dataset["alone_mm"].values[0]
    assert float(one.dataset["pair_mm"][0]) > alone.max() > 0
    assert not np.array_equal(*one.dataset["pair_windows"].values[0])


def test_numbers_of_the_table_are_those_of_the_images(found, tmp_path):
    told, data = found.summary(), found.dataset
    worse = (data["pair_mm"] - data["single_mm"]).values
    assert told["worse_mm"]["mean"] == pytest.approx(worse.mean())
    assert told["worse_share"] == {"mean": 100.0, "low": 100.0, "high": 100.0}
    sums = data["pair_mm"].values - data["alone_mm"].values.sum(axis=1)
    assert told["beyond_sum_mm"]["mean"] == pytest.approx(sums.mean())
    (numbers,) = pairs({"one": found, "other": found}).values()
    assert numbers["worse_mm"]["mean"] == 0
    found.save(tmp_path / "a.h5")
    xr.testing.assert_equal(WorstPair.open(tmp_path / "a.h5").dataset, data)
    found.save(tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 6


def test_what_limits_the_answer_is_said(found):
    said = " ".join(found.notes)
    assert f"tried beside 1 of {PLACES} first ones" in said
    assert "squares of 40 px leave gaps at a stride of 56 px" in said
    assert "interval" not in said


WRONG = {
    "no beam": ({"beam": 0}, {}, "a beam of 0"),
    "too small": ({}, {"size": 1}, "cannot be halved"),
    "no such joint": ({"joint": "tail"}, {}, "there is no joint 'tail'"),
    "a metric that is not measured": ({"metric": "pa_increase"}, {}, "no pa_increase"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_asked_is_refused(case, people):
    arguments, settings, says = WRONG[case]
    with pytest.raises(UsageError, match=says):
        ot.worst_pair(sweep_of(NeedsOneOfTwo(), **settings), people, **arguments)
