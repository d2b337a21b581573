"""How sweeps share a machine: two threads that wait by spinning or asleep, or one process for each core.

Every way runs in processes of its own, alone and, with `--busy`, beside a neighbour that takes one core. What
is best alone and never collapses is what the package does (docs/engines.md).
"""

import argparse
import contextlib
import multiprocessing
import os
import subprocess
import sys
import time

WAYS: dict[str, tuple[int, dict[str, str]]] = {
    "threads that spin": (1, {"OMP_WAIT_POLICY": "active"}),
    "threads, as PyTorch comes": (1, {}),
    "threads, GOMP_SPINCOUNT=0": (1, {"GOMP_SPINCOUNT": "0"}),
    "threads, OMP_WAIT_POLICY=passive": (1, {"OMP_WAIT_POLICY": "passive"}),
    "one process for each core": (0, {"OMP_NUM_THREADS": "1"}),
}


def sweep(model: str, seconds: float) -> None:
    """Prints windows per second of the engines' choice on one network."""
    import torch

    from occlusion_toolkit.body.open_body import load_open_body
    from occlusion_toolkit.models.registry import load_regressor
    from occlusion_toolkit.sweep.grid import Grid
    from occlusion_toolkit.sweep.occluders import parse_occluder
    from occlusion_toolkit.sweep.sweep import WindowSweep

    grid = Grid(size=40, stride=16)
    network, body = load_regressor(model), load_open_body()
    ready = WindowSweep(network, body, grid, parse_occluder("grey", 40), engine="incremental@0.4")
    crop = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    ready.settle(crop[0], 10_000)
    marks: list[tuple[int, float]] = []

    class _EnoughError(Exception):
        pass

    def progress(done: int, total: int) -> None:
        marks.append((done, time.perf_counter()))
        if marks[-1][1] - marks[0][1] > seconds:
            raise _EnoughError

    with contextlib.suppress(_EnoughError):
        ready.run(crop.expand(1000, -1, -1, -1), progress=progress)
    (first, began), (last, ended) = marks[0], marks[-1]
    print((last - first) / (ended - began))


def rate(way: str, model: str, seconds: float) -> float:
    """Windows per second of all processes of a way together; those that never answer count as nothing."""
    processes, settings = WAYS[way]
    cores = len(os.sched_getaffinity(0))
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_", "GOMP_"))
    }
    command = [sys.executable, __file__, "--model", model, "--seconds", str(seconds), "--child"]
    running = [
        subprocess.Popen(command, env=env | settings, stdout=subprocess.PIPE, text=True)
        for _ in range(processes or cores)
    ]
    total = 0.0
    for process in running:
        try:
            total += float(process.communicate(timeout=20 * seconds)[0])
        except subprocess.TimeoutExpired:
            process.kill()
    return total


def spin() -> None:
    """A neighbour."""
    while True:
        pass


def main() -> None:
    """Prints one line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pare-open")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--busy", action="store_true", help="beside a neighbour that takes one core")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        sweep(arguments.model, arguments.seconds)
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    neighbour = multiprocessing.Process(target=spin, daemon=True)
    if arguments.busy:
        neighbour.start()
    for way in WAYS:
        print(f"{way:36} {rate(way, arguments.model, arguments.seconds):8.1f} windows/s", flush=True)


if __name__ == "__main__":
    main()
