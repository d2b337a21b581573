from collections import Counter

import numpy as np
import pytest
import torch

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.recipe import DataStage
from occlusion_toolkit.training.sample import Draw, Mix

SIZES = {"h36m": 300, "coco": 80, "mpii": 20, "inf": 100}
FULL = DataStage(shares={"h36m": 0.5, "coco+mpii": 0.3, "inf": 0.2})
COCO = DataStage(shares={"coco": 1.0})


def test_shares_hold_and_joined_sets_divide_theirs_by_size() -> None:
    mix = Mix([FULL], 4, SIZES, seed=3)
    count = 4_000
    drawn = Counter(mix.at(position).source for position in range(count))
    expected = [0.5, 0.3 * 0.8, 0.3 * 0.2, 0.2]
    for source, share in enumerate(expected):
        assert drawn[source] / count == pytest.approx(share, abs=4 * np.sqrt(share / count))


def test_row_is_the_shuffled_index_modulo_the_size() -> None:
    mix = Mix([FULL], 4, SIZES, seed=3)
    names = list(SIZES)
    for epoch in range(3):
        draws = [mix.at(position) for position in range(300 * epoch, 300 * (epoch + 1))]
        assert all(draw.row < SIZES[names[draw.source]] for draw in draws)
        longest = [draw.row for draw in draws if draw.source == 0]
        assert len(set(longest)) == len(longest)  # nobody of the longest set twice in an epoch
    one = Mix([COCO], 4, SIZES, seed=3)
    assert sorted(one.at(position).row for position in range(80)) == list(range(80))


def test_stages_follow_each_other() -> None:
    mix = Mix([COCO.model_copy(update={"steps": 125}), FULL], 4, SIZES, seed=1)
    assert {mix.at(position).source for position in range(500)} == {1}
    assert {mix.at(position).source for position in range(500, 700)} == {0, 1, 2, 3}


def test_order_is_a_pure_function_of_seed_and_position() -> None:
    first, second = Mix([FULL], 4, SIZES, seed=1), Mix([FULL], 4, SIZES, seed=1)
    positions = np.random.default_rng(0).integers(0, 5000, 200).tolist()
    forwards = [first.at(position) for position in positions]
    assert [second.at(position) for position in reversed(positions)][::-1] == forwards
    other = Mix([FULL], 4, SIZES, seed=2)
    assert [other.at(position) for position in positions] != forwards


def test_epochs_differ() -> None:
    mix = Mix([COCO], 4, SIZES, seed=0)
    assert [mix.at(p).row for p in range(80)] != [mix.at(p).row for p in range(80, 160)]


def test_a_set_of_nobody_is_refused() -> None:
    with pytest.raises(TrainingError, match="nobody to train on in none"):
        Mix([FULL], 4, SIZES | {"none": 0}, seed=0)


def test_draw_does_not_touch_global_randomness() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    assert isinstance(Mix([FULL], 4, SIZES, seed=0).at(12), Draw)
    assert torch.equal(before, torch.random.get_rng_state())
