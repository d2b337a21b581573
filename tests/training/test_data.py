import pytest
from hypothesis import given
from hypothesis import strategies as st

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.data import BatchOrder


@given(
    size=st.integers(1, 4),
    parts=st.integers(1, 3),
    devices=st.integers(1, 3),
    steps=st.integers(1, 5),
    start=st.integers(0, 4),
)
def test_every_step_sees_its_own_positions_however_it_is_divided(
    size: int, parts: int, devices: int, steps: int, start: int
) -> None:
    batch = size * parts * devices
    orders = [
        list(BatchOrder(steps, batch, parts=parts, devices=devices, rank=rank, start=start))
        for rank in range(devices)
    ]
    for step in range(start, steps):
        seen = [
            position
            for order in orders
            for micro in order[(step - start) * parts : (step - start + 1) * parts]
            for position in micro
        ]
        assert sorted(seen) == list(range(step * batch, (step + 1) * batch))


def test_length_is_that_of_the_whole_run() -> None:
    assert len(BatchOrder(10, 4, parts=2, start=7)) == 20


def test_uneven_division_is_refused() -> None:
    with pytest.raises(TrainingError, match="8 cannot be divided among 3 devices"):
        BatchOrder(1, 8, devices=3)
