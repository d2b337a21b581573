from collections import Counter

import numpy as np
import pytest
import torch

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.sample import Draw, Mix, Stage

SIZES = {"h36m": 300, "coco": 80, "mpii": 20, "inf": 100}
FULL = Stage({"h36m": 0.5, "coco+mpii": 0.3, "inf": 0.2})


def test_shares_hold_and_joined_sets_divide_theirs_by_size() -> None:
    mix = Mix([FULL], SIZES, seed=3)
    count = 4_000
    drawn = Counter(mix.at(position).source for position in range(count))
    expected = [0.5, 0.3 * 0.8, 0.3 * 0.2, 0.2]
    for source, share in enumerate(expected):
        assert drawn[source] / count == pytest.approx(share, abs=4 * np.sqrt(share / count))


def test_row_is_the_shuffled_index_modulo_the_size() -> None:
    mix = Mix([FULL], SIZES, seed=3)
    names = list(SIZES)
    for epoch in range(3):
        draws = [mix.at(position) for position in range(300 * epoch, 300 * (epoch + 1))]
        assert all(draw.row < SIZES[names[draw.source]] for draw in draws)
        longest = [draw.row for draw in draws if draw.source == 0]
        assert len(set(longest)) == len(longest)  # nobody of the longest set twice in an epoch
    one = Mix([Stage({"coco": 1.0})], SIZES, seed=3)
    assert sorted(one.at(position).row for position in range(80)) == list(range(80))


def test_stages_follow_each_other() -> None:
    mix = Mix([Stage({"coco": 1.0}, samples=500), FULL], SIZES, seed=1)
    assert {mix.at(position).source for position in range(500)} == {1}
    assert {mix.at(position).source for position in range(500, 700)} == {0, 1, 2, 3}


def test_order_is_a_pure_function_of_seed_and_position() -> None:
    first, second = Mix([FULL], SIZES, seed=1), Mix([FULL], SIZES, seed=1)
    positions = np.random.default_rng(0).integers(0, 5000, 200).tolist()
    forwards = [first.at(position) for position in positions]
    assert [second.at(position) for position in reversed(positions)][::-1] == forwards
    other = Mix([FULL], SIZES, seed=2)
    assert [other.at(position) for position in positions] != forwards


def test_epochs_differ() -> None:
    mix = Mix([Stage({"coco": 1.0})], SIZES, seed=0)
    assert [mix.at(p).row for p in range(80)] != [mix.at(p).row for p in range(80, 160)]


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ([], "there are no stages"),
        ([Stage({"coco": 1.0}), FULL], "stage 0 has no length, but is not the last"),
        ([Stage({"coco": 1.0}, samples=0)], "stage 0 has no samples"),
        ([Stage({"lsp": 1.0, "coco": -1.0})], "'lsp' is not opened; stage 0 has no shares, or some"),
        ([Stage({"coco+mpii": 0.5, "coco": 0.5})], "stage 0 names a training set twice"),
        ([Stage({"none": 1.0})], "'none' has nobody"),
    ],
)
def test_mixes_that_cannot_be_made_say_why(stages: list[Stage], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        Mix(stages, SIZES | {"none": 0}, seed=0)


def test_draw_does_not_touch_global_randomness() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    assert isinstance(Mix([FULL], SIZES, seed=0).at(12), Draw)
    assert torch.equal(before, torch.random.get_rng_state())
