"""What a batch of windows costs: by engine and size, with freed memory given back to the system or kept.

Each way of keeping memory has a process of its own, in turn, several times; within it every engine and size
is timed. Printed are medians over rounds of windows per second, and the largest memory of the process.
`--tflite` takes turns with BlazePose in its original runtime (pip install ai-edge-litert), which sees the
same crop without a head; the file is in the npm package @mediapipe/pose.

    python benchmarks/batches.py --networks pare-open hmr-open spin_hmr --rounds 3
    OMP_NUM_THREADS=1 python benchmarks/batches.py --sizes 16 --tflite pose_landmark_full.tflite
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

ENGINES = ("dense", "fused", "incremental@0.4")


def rates(name: str, sizes: list[int], seconds: float) -> dict[str, float]:
    """Windows per second of every engine and batch size on one network, and this process's memory in MiB."""
    import torch
    from sweep_speed import make_network

    from occlusion_toolkit.body.open_body import load_open_body
    from occlusion_toolkit.sweep.batching import Span, WindowBatch
    from occlusion_toolkit.sweep.grid import Grid
    from occlusion_toolkit.sweep.occluders import parse_occluder
    from occlusion_toolkit.sweep.sweep import WindowSweep

    grid, network, body = Grid(size=40, stride=8), make_network(name), load_open_body()
    crop = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    windows = torch.from_numpy(grid.windows())
    found: dict[str, float] = {}
    for size in sizes:
        for engine in ENGINES:
            grey = parse_occluder("grey", 40)
            sweep = WindowSweep(network, body, grid, grey, engine=engine, batch_size=size)
            sweep.settle(crop[0], 1_000_000)
            batches = itertools.cycle(
                WindowBatch(crop, part, (Span(0, 0, size),)) for part in windows.split(size)[:-1]
            )
            found[f"{engine} {size}"] = size / usual_seconds(sweep._estimate, batches, seconds)
    return found | {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def usual_seconds(step: Callable[[Any], object], inputs: Iterable[Any], seconds: float) -> float:
    """Median time of a step that is done again and again, after two to warm up."""
    times: list[float] = []
    began = time.perf_counter()
    for given in inputs:
        started = time.perf_counter()
        step(given)
        times.append(time.perf_counter() - started)
        if time.perf_counter() - began > seconds and len(times) > 3:
            break
    return statistics.median(times[2:])


def original_rate(file: str, seconds: float) -> float:
    """Crops per second of one thread of the runtime that BlazePose was published for."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(file, num_threads=1)
    network.allocate_tensors()
    crop = network.get_input_details()[0]
    network.set_tensor(crop["index"], np.random.default_rng(0).random(crop["shape"], np.float32))
    return 1 / usual_seconds(lambda _: network.invoke(), itertools.count(), seconds)


def main() -> None:
    """Prints one table for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["pare-open", "hmr-open"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[16, 32, 64])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tflite", help="BlazePose as it was published")
    parser.add_argument("--child", choices=("kept", "given back"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        if arguments.child == "kept":
            from occlusion_toolkit.cli.kept_memory import keep_freed_memory

            keep_freed_memory()
        print(json.dumps(rates(arguments.networks[0], arguments.sizes, arguments.seconds)))
        return
    environment = {"OMP_WAIT_POLICY": "passive"} | {
        name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")
    }
    for name in arguments.networks:
        rounds: dict[str, list[dict[str, float]]] = {"given back": [], "kept": []}
        original: list[float] = []
        for _ in range(arguments.rounds):
            if arguments.tflite:
                original.append(original_rate(arguments.tflite, arguments.seconds))
            for way, found in rounds.items():
                command = [sys.executable, __file__, "--networks", name, "--child", way]
                command += ["--seconds", str(arguments.seconds), "--sizes", *map(str, arguments.sizes)]
                run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
                found.append(json.loads(run.stdout))
        print(f"\n{name}, load {os.getloadavg()[0]:.1f}\n| | given back | kept | ratio |\n|---|---|---|---|")
        if original:
            print(
                f"| BlazePose in its original runtime, one thread | {statistics.median(original):.0f} | | |"
            )
        for row in rounds["kept"][0]:
            one, other = (statistics.median(found[row] for found in rounds[way]) for way in rounds)
            print(f"| {row} | {one:.0f} | {other:.0f} | {other / one:.2f} |", flush=True)


if __name__ == "__main__":
    main()
