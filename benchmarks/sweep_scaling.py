"""How cost grows: windows per second and memory at several strides and sizes, as a table and a picture.

Sweeps one crop with each stride at one size, and with each size at one stride, each in a process of its own,
so that the memory of one is not that of those before it. Large grids are timed on a part of their windows,
spread over the crop; every window costs the same.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from sweep_speed import machine, make_network

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.sweep.batching import Span, WindowBatch
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

STRIDES = (16, 8, 4, 2, 1)
SIZES = (20, 40, 60, 80)


def measured(name: str, size: int, stride: int, seconds: float) -> dict[str, float]:
    """Windows per second of the network's part of a sweep, and this process's largest memory in MiB."""
    grid = Grid(size=size, stride=stride)
    sweep = WindowSweep(make_network(name), load_open_body(), grid, parse_occluder("grey", size))
    crop = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    sweep.settle(crop[0], 1_000_000)
    windows = torch.from_numpy(grid.windows())
    order = torch.linspace(0, len(windows) - 1, min(len(windows), 50 * sweep.batch_size)).long()
    rates: list[float] = []
    began = time.perf_counter()
    for part in order.split(sweep.batch_size):
        batch = WindowBatch(crop, windows[part], (Span(0, 0, len(part)),))
        started = time.perf_counter()
        sweep._estimate(batch)
        rates.append(len(part) / (time.perf_counter() - started))
        if time.perf_counter() - began > seconds:
            break
    return {
        "windows": len(grid),
        "windows_per_s": statistics.median(rates[1:] or rates),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def draw(path: Path, found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Windows per second over stride and over size, a line for each network."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(6.3, 2.6), sharey=True, layout="constrained")
    for axis, kind, values in zip(axes, ("stride", "size"), (STRIDES, SIZES), strict=True):
        for name, rows in found.items():
            rates = [rows[f"{kind} {value}"]["windows_per_s"] for value in values]
            axis.plot([str(value) for value in values], rates, marker="o", label=name)
        axis.set_xlabel(f"{kind} (px)")
        axis.set_ylim(bottom=0)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("windows per second")
    axes[1].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)


def main() -> None:
    """Prints the table and draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["pare-open", "spin_hmr"])
    parser.add_argument("--seconds", type=float, default=3.0, help="at each stride and size")
    parser.add_argument("--out", type=Path, default=Path("out/sweep_scaling.png"))
    arguments = parser.parse_args()
    print(machine(torch.device("cpu")))
    found: dict[str, dict[str, dict[str, float]]] = {}
    fresh = multiprocessing.get_context("spawn")
    for name in arguments.networks:
        grids = {f"stride {stride}": (40, stride) for stride in STRIDES} | {
            f"size {s}": (s, 8) for s in SIZES
        }
        with ProcessPoolExecutor(1, mp_context=fresh, max_tasks_per_child=1) as one:
            rows = {
                row: one.submit(measured, name, *grid, arguments.seconds).result()
                for row, grid in grids.items()
            }
        found[name] = rows
        print(f"\n{name}\n| | windows | windows/s | memory (MiB) |\n|---|---|---|---|")
        for row, values in rows.items():
            print(
                f"| {row} | {values['windows']:,} | {values['windows_per_s']:.0f} "
                f"| {values['memory_mib']:.0f} |"
            )
    draw(arguments.out, found)
    arguments.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
