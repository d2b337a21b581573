import torch
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import TinyNetwork, random_crops

from occlusion_toolkit.sweep.batching import WindowBatch, WindowBatcher
from occlusion_toolkit.sweep.engines.dense import DenseEstimator
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import NetworkRunner
from occlusion_toolkit.sweep.occluders import parse_occluder


def numbered_windows(count: int) -> torch.Tensor:
    return torch.arange(1, count + 1)[:, None].repeat(1, 4)


def passes(batches: list[WindowBatch]) -> list[tuple[int, int]]:
    """(value of the crop, number of the window) of every pass, read from the tensors, not from the spans."""
    return [
        (int(crop[0, 0, 0]), int(window[0]))
        for batch in batches
        for crop, window in zip(batch.per_pass(batch.crops), batch.windows, strict=True)
    ]


def spanned(batches: list[WindowBatch]) -> list[tuple[int, int]]:
    return [(s.crop, number) for batch in batches for s in batch.spans for number in range(s.first, s.last)]


@given(crops=st.integers(0, 5), windows=st.integers(1, 9), batch_size=st.integers(1, 40))
def test_every_crop_gets_a_clean_pass_and_every_window_once_and_in_order(crops, windows, batch_size):
    batcher = WindowBatcher(numbered_windows(windows), batch_size)
    batches = list(batcher.batches(torch.full((3, 2, 2), float(number)) for number in range(crops)))
    expected = [(crop, window) for crop in range(crops) for window in range(windows + 1)]
    assert passes(batches) == expected
    assert spanned(batches) == expected


@given(crops=st.integers(1, 5), windows=st.integers(1, 9), batch_size=st.integers(1, 40))
def test_only_the_last_batch_of_a_stream_may_have_room(crops, windows, batch_size):
    batches = list(WindowBatcher(numbered_windows(windows), batch_size).batches(torch.zeros(crops, 3, 2, 2)))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= batch_size


@given(windows=st.integers(1, 9), batch_size=st.integers(2, 40))
def test_halves_are_the_batch(windows, batch_size):
    crops = (torch.full((3, 2, 2), float(number)) for number in range(4))
    for batch in WindowBatcher(numbered_windows(windows), batch_size).batches(crops):
        if len(batch) > 1:
            halves = list(batch.halves())
            assert 0 <= len(halves[0]) - len(halves[1]) <= 1
            assert passes(halves) == passes([batch])
            assert spanned(halves) == spanned([batch])


def test_a_crop_is_drawn_only_when_a_batch_has_room_for_it():
    drawn = []

    def crops():
        for number in range(3):
            drawn.append(number)
            yield torch.zeros(3, 2, 2)

    batches = WindowBatcher(numbered_windows(9), 5).batches(crops())
    next(batches)
    assert drawn == [0]
    next(batches)
    assert drawn == [0]
    next(batches)
    assert drawn == [0, 1]


def test_a_smaller_batch_size_holds_from_the_next_batch_on():
    batcher = WindowBatcher(numbered_windows(19), 8)
    batches = batcher.batches(torch.zeros(1, 3, 2, 2))
    lengths = [len(next(batches))]
    batcher.batch_size = 4
    assert lengths + [len(batch) for batch in batches] == [8, 4, 4, 4]


def test_spread_takes_the_clean_pass_and_the_last_window():
    probe = WindowBatcher(numbered_windows(99), 8).spread(torch.zeros(3, 2, 2), 5)
    assert probe.windows[:, 0].tolist() == [0, 24, 49, 74, 99]
    assert len(WindowBatcher(numbered_windows(2), 8).spread(torch.zeros(3, 2, 2), 5)) == 3


def test_permuted_windows_give_permuted_estimates():
    grid = Grid(size=16, stride=16, resolution=64)
    network = NetworkRunner(TinyNetwork().eval(), torch.device("cpu"))
    estimate = DenseEstimator(network, parse_occluder("blur", 16))
    (batch,) = WindowBatcher(torch.from_numpy(grid.windows()), 100).batches(random_crops(1, 64))
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(0))
    permuted = estimate(WindowBatch(batch.crops, batch.windows[order], batch.spans))
    given_order = estimate(batch)
    torch.testing.assert_close(
        permuted.parameters.rotmats, given_order.parameters.rotmats[order], rtol=0, atol=1e-6
    )
    assert torch.equal(permuted.unchanged, given_order.unchanged[order])
