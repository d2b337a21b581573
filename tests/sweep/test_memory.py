import gc
import logging
import weakref

import pytest
import torch
from support.equality import assert_close
from support.fakes import SMALL_GRID as GRID
from support.fakes import ForgetfulNetwork, TinyNetwork, random_crops, sweep_of

from occlusion_toolkit.errors import SweepError
from occlusion_toolkit.models.foreign import is_out_of_memory
from occlusion_toolkit.sweep.memory import CPU_BATCH_SIZE, starting_batch_size

LACKS_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 1 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", LACKS_MEMORY, ids=["cuda", "linux", "windows", "python"])
def test_out_of_memory_halves_the_batch_and_changes_no_result(error, caplog):
    crops = random_crops(2, GRID.resolution)
    expected = sweep_of(batch_size=32).run(crops)
    network = ForgetfulNetwork(TinyNetwork(), limit=11, error=error)
    sweep = sweep_of(network, batch_size=32)
    done = []
    with caplog.at_level(logging.WARNING):
        maps = sweep.run(crops, progress=lambda now, total: done.append((now, total)))
    assert sweep.batch_size == 8
    assert max(network.batch_sizes) == 8
    assert sum(network.batch_sizes) == 2 * (len(GRID) + 1)
    assert done[-1] == (2 * (len(GRID) + 1),) * 2
    assert [now for now, _ in done] == sorted({now for now, _ in done})
    assert "did not fit into memory" in caplog.text
    assert_close(maps, expected)


def test_the_smaller_batch_size_is_kept_for_the_next_sweep():
    network = ForgetfulNetwork(TinyNetwork(), limit=8, error=LACKS_MEMORY[0])
    sweep = sweep_of(network, batch_size=32)
    sweep.run(random_crops(1, GRID.resolution))
    network.limit = 1000
    network.batch_sizes.clear()
    sweep.run(random_crops(1, GRID.resolution))
    assert max(network.batch_sizes) == 8


def test_the_batch_size_never_grows_again():
    # 33 is cut to 17, 9, 5 and 3; after that the waiting 8 and 16 are cut too, to 4 and 8.
    sweep = sweep_of(ForgetfulNetwork(TinyNetwork(), 4, LACKS_MEMORY[0]), batch_size=33)
    sweep.run(random_crops(1, GRID.resolution))
    assert sweep.batch_size == 3


def test_what_did_not_fit_is_freed_before_the_next_try():
    network, activations = TinyNetwork().eval(), []

    def hungry(crops):
        assert all(reference() is None for reference in activations)
        features = crops + 1
        activations.append(weakref.ref(features))
        if len(crops) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return network(features)

    gc.disable()  # what only the garbage collector frees is still in the way on a full device
    try:
        sweep_of(hungry, batch_size=16).run(random_crops(1, GRID.resolution))
    finally:
        gc.enable()
    assert len(activations) > len(GRID) / 4


def test_a_single_crop_that_does_not_fit_is_an_error():
    network = ForgetfulNetwork(TinyNetwork(), limit=0, error=LACKS_MEMORY[1])
    with pytest.raises(SweepError, match="not even one crop"):
        sweep_of(network, batch_size=4).run(random_crops(1, GRID.resolution))


def test_other_errors_of_a_network_are_not_taken_for_lack_of_memory():
    network = ForgetfulNetwork(TinyNetwork(), limit=0, error=RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        sweep_of(network, batch_size=4).run(random_crops(1, GRID.resolution))
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_a_batch_size_is_chosen_where_none_is_given():
    assert starting_batch_size(torch.device("cpu")) == CPU_BATCH_SIZE
    assert sweep_of().batch_size == CPU_BATCH_SIZE


@pytest.mark.gpu
def test_a_gpu_starts_with_a_power_of_two_that_fits():
    size = starting_batch_size(torch.device("cuda"))
    assert 1 <= size <= 512
    assert size & (size - 1) == 0
