"""Windows per second of the engines of a sweep, a batch-1 loop and captum in one run.

All contenders sweep the same grid over the same crop, in turns, several rounds; medians are reported. Each
network has random weights: speed does not depend on them. `--table` prints the table of docs/engines.md,
every row a ratio of one run. See benchmarks/README.md.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from captum.attr import Occlusion
from old_engine import OldEngine
from runtimes import Runtime, runtimes
from torch import Tensor, nn

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14, LSP_FROM_H36M
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.models import HMR, PARE, MeanParameters, build_network
from occlusion_toolkit.models.backbones import BasicBlock, ResNet, upsample_steps
from occlusion_toolkit.models.networks import PUBLISHED_NETWORKS
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.metrics import centre_on, mpjpe, pa_mpjpe
from occlusion_toolkit.sweep.network import optimised_copy
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

OPEN_NETWORKS = ("pare-open", "hmr-open", "hmr-synthocc-open")
CAPTUM_BATCHES = (1, 8, 16, 32)
LOOP = "batch-1 loop"
DENSE, INCREMENTAL = "dense engine", "incremental engine"


@dataclass
class Contender:
    """One way to sweep, and how long its sweeps took."""

    name: str
    sweep: Callable[[], tuple[float, float] | object]
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def time(self, device: torch.device) -> None:
        """Runs one sweep and notes wall-clock and processor seconds; another process says its own."""
        wall, cpu = time.perf_counter(), time.process_time()
        answer = self.sweep()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent = (time.perf_counter() - wall, time.process_time() - cpu)
        wall_s, cpu_s = answer if isinstance(answer, tuple) else spent
        self.wall_s.append(wall_s)
        self.cpu_s.append(cpu_s)


def make_network(name: str) -> nn.Module:
    """A published network, or a compact one, with random weights."""
    torch.manual_seed(0)
    backbone = ResNet(BasicBlock, (2, 2, 2, 2), width=32)
    if name == "compact_pare":
        return PARE(
            backbone, branch=upsample_steps, filters=(64, 64, 64), mean=MeanParameters.standing()
        ).eval()
    if name == "compact_hmr":
        return HMR(backbone, hidden=512).eval()
    if name in OPEN_NETWORKS:
        return load_regressor(name).network
    return build_network(name).eval()


def batch_1_loop(network: nn.Module, body: BodyModel, crop: Tensor, truth: Tensor, grid: Grid) -> Tensor:
    """What the public PARE script does per image, less its rendering: all copies first, then one by one.

    Every window takes the network, the whole mesh, 14 regressed joints, MPJPE and PA-MPJPE per joint.
    """
    copies = []
    for y0, y1, x0, x1 in grid.windows():
        copy = crop.clone()
        copy[:, :, y0:y1, x0:x1] = 0
        copies.append(copy)
    regressor = torch.as_tensor(body.arrays.h36m_regressor, dtype=torch.float32, device=crop.device)
    errors = []
    with torch.no_grad():
        for copy in torch.stack(copies):
            output = network(copy)
            joints = regressor @ body(output).vertices
            centred = centre_on(joints[:, list(LSP_FROM_H36M)], joints[:, 0])
            errors.append(torch.cat([mpjpe(centred, truth), pa_mpjpe(centred, truth)]).cpu())
    return torch.stack(errors)


def captum_sweep(
    network: nn.Module, body: BodyModel, crop: Tensor, truth: Tensor, grid: Grid, per_eval: int
) -> Tensor:
    """Captum's `Occlusion` on the mean joint error: one number per window, joints without the mesh."""

    def mean_error(crops: Tensor) -> Tensor:
        return mpjpe(body.centred_joints(network(crops), LSP14), truth).mean(dim=1)

    with torch.no_grad():
        return Occlusion(mean_error).attribute(
            crop,
            sliding_window_shapes=(3, grid.size, grid.size),
            strides=(3, grid.stride, grid.stride),
            baselines=0,
            perturbations_per_eval=per_eval,
        )


def contenders(arguments: argparse.Namespace, network_name: str, device: torch.device) -> list[Contender]:
    """All ways to sweep one crop with one network."""
    network, body = make_network(network_name).to(device), load_open_body().to(device)
    grid, grey = Grid("script", arguments.size, arguments.stride), parse_occluder("grey", arguments.size)
    crop = torch.randn((1, 3, grid.resolution, grid.resolution), generator=torch.Generator().manual_seed(0))
    crop = crop.to(device)
    rest = BodyParameters(torch.eye(3).repeat(1, 24, 1, 1), torch.zeros(1, 10), torch.ones(1, 3)).to(device)
    truth = body.centred_joints(rest, LSP14)

    def captum(per_eval: int) -> Callable[[], object]:
        return lambda: captum_sweep(network, body, crop, truth, grid, per_eval)

    def engine(**options: object) -> Callable[[], object]:
        sweep = WindowSweep(
            network, body, grid, grey, device=device, batch_size=arguments.batch_size, **options
        )
        return lambda: sweep.run(crop, rest)

    ways = [Contender(LOOP, lambda: batch_1_loop(network, body, crop, truth, grid))]
    ways += [Contender(f"captum, {size} per eval", captum(size)) for size in CAPTUM_BATCHES]
    ways += [Contender(DENSE, engine(engine="dense")), Contender(INCREMENTAL, engine(engine="incremental"))]
    if "bf16" in arguments.also:
        ways += [
            Contender(f"{name}, bf16", engine(precision="bf16", engine=name.split()[0]))
            for name in (DENSE, INCREMENTAL)
        ]
    if "compile" in arguments.also:
        ways += [Contender(f"{DENSE}, compiled", engine(compile=True, engine="dense"))]
    return ways


def measure(arguments: argparse.Namespace, network_name: str, device: torch.device) -> dict[str, object]:
    """Runs all contenders in turns and returns medians and ratios."""
    ways = contenders(arguments, network_name, device)
    windows = len(Grid("script", arguments.size, arguments.stride))
    for way in ways:  # warm-up: allocations, algorithm choice, compilation
        way.sweep()
    for _ in range(arguments.rounds):
        for way in ways:
            way.time(device)
    rates = {way.name: windows / statistics.median(way.wall_s) for way in ways}
    cpu_rates = {way.name: windows / statistics.median(way.cpu_s) for way in ways}
    best_captum = max((name for name in rates if name.startswith("captum")), key=rates.__getitem__)
    return {
        "network": network_name,
        "windows_per_sweep": windows,
        "windows_per_s": rates,
        "windows_per_cpu_s": cpu_rates,
        "best_captum": best_captum,
        "over_loop": {name: rate / rates[LOOP] for name, rate in rates.items()},
        "over_best_captum": {name: rate / rates[best_captum] for name, rate in rates.items()},
    }


@dataclass
class Row:
    """One line of the table: a network, what its sweeps are compared with, and what is aimed at."""

    network: str
    against: str
    precision: str
    aim: float
    found: float
    found_cpu: float


def dense_sweep(run: Runtime, body: BodyModel, grid: Grid) -> Callable[[Tensor, BodyParameters], object]:
    """The same sweep with the network in another runtime."""
    sweep = WindowSweep(run, body, grid, parse_occluder("grey", grid.size), engine="dense")
    return sweep.run


def table(arguments: argparse.Namespace) -> list[Row]:
    """Every ratio of the table, measured network by network, the contenders of each in turn."""
    rows: list[Row] = []
    found: dict[str, tuple[float, float]] = {}
    device, body = torch.device("cpu"), load_open_body()
    grid = Grid("script", arguments.size, arguments.stride)
    crop = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    rest = BodyParameters(torch.eye(3).repeat(1, 24, 1, 1), torch.zeros(1, 10), torch.ones(1, 3))
    truth = body.centred_joints(rest, LSP14)
    few = Grid("script", arguments.size, arguments.size)  # finds captum's best batch in a moment

    def rates(ways: list[Contender], rounds: int) -> dict[str, tuple[float, float]]:
        """Windows per second and per processor second; with one round on a busy machine nobody warms up."""
        for way in ways if rounds > 1 else []:
            way.sweep()
        for _ in range(rounds):
            for way in ways:
                way.time(device)
        found = {
            way.name: (len(grid) / statistics.median(way.wall_s), len(grid) / statistics.median(way.cpu_s))
            for way in ways
        }
        for name, (wall, cpu) in found.items():
            print(f"    {name:26} {wall:8.1f} windows/s {cpu:8.1f} per processor second", flush=True)
        return found

    def row(name: str, against: str, precision: str, aim: float, one: str, other: str) -> None:
        ratios = (ours / theirs for ours, theirs in zip(found[one], found[other], strict=True))
        rows.append(Row(name, against, precision, aim, *ratios))

    def engine(network: nn.Module, precision: str) -> Callable[[], object]:
        options = {"precision": precision, "tolerance_mm": None, "engine": "auto"}
        sweep = WindowSweep(network, body, grid, parse_occluder("grey", grid.size), **options)
        chosen = sweep.settle(
            crop[0], 1_000_000
        )  # as for a survey: one sweep is too little to look around for
        print(f"    {precision}: {chosen}", flush=True)
        return lambda: sweep.run(crop, rest)

    for name, aims in (
        ("spin_hmr", (2.8, 5.0)),
        ("pare_r50", (2.0, 3.5)),
        ("pare_hrnet_w32_conv", (1.35, 2.5)),
    ):
        if name not in (arguments.networks or (name,)):
            continue
        print(name, flush=True)
        network = make_network(name)

        def captum(per_eval: int, on: Grid, network: nn.Module = network) -> Callable[[], object]:
            return lambda: captum_sweep(network, body, crop, truth, on, per_eval)

        quick = {size: Contender(str(size), captum(size, few)) for size in CAPTUM_BATCHES}
        network(crop)
        for way in quick.values():
            way.time(device)
        best = min(quick, key=lambda size: quick[size].wall_s[-1])
        ways = [Contender(f"captum, {best} per eval", captum(best, grid))]
        ways += [Contender(precision, engine(network, precision)) for precision in ("fp32", "bf16")]
        others: dict[str, str] = {}
        if name == "spin_hmr":
            for precision in ("fp32", "bf16"):
                folded = optimised_copy(network, device, 224)
                for runtime, run in runtimes(folded, bf16=precision == "bf16").items():  # type: ignore[arg-type]
                    swept = dense_sweep(run, body, grid)
                    others[f"{runtime}, {precision}"] = precision
                    ways.append(
                        Contender(f"{runtime}, {precision}", lambda swept=swept: swept(crop, rest))  # type: ignore[misc]
                    )
        found = rates(ways, arguments.rounds)
        for precision, aim in zip(("fp32", "bf16"), aims, strict=True):
            row(name, "captum's best", precision, aim, precision, ways[0].name)
        for other, precision in others.items():
            aim = 1.5 if precision == "fp32" else 1.3
            row(name, other, precision, aim, precision, other)
    if arguments.old is not None:
        for name in OPEN_NETWORKS:
            if name not in (arguments.networks or (name,)):
                continue
            print(name, flush=True)
            before = OldEngine(arguments.old, name, grid.size, grid.stride)
            ways = [Contender("before", before), Contender("fp32", engine(make_network(name), "fp32"))]
            found = rates(ways, arguments.rounds)
            before.close()
            row(name, "engine of dcc6a0e", "fp32", 1.8, "fp32", "before")
    if arguments.mesh:
        ways = [
            Contender(name, lambda path=path, words=words: mesh_seconds(path, *words))  # type: ignore[misc]
            for name, path, words in (
                ("before", arguments.old, ()),
                ("dense", Path(__file__).parents[1], ("--engine", "dense")),
                ("now", Path(__file__).parents[1], ()),
            )
            if path is not None
        ]
        found = rates(ways, 1)
        if arguments.old is not None:
            row("mesh", "dcc6a0e, its own open set and network", "fp32", 1.6, "now", "before")
        row("mesh", "the dense engine", "fp32", 1.6, "now", "dense")
    return rows


def mesh_seconds(worktree: Path, *options: str) -> tuple[float, float]:
    """Seconds, and processor seconds, of `occlusion-toolkit mesh` with its defaults, end to end."""
    with tempfile.TemporaryDirectory() as folder:
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "occlusion_toolkit", "mesh", "--limit", "40", "--out", folder, *options],
            cwd=worktree,
            env=os.environ | {"PYTHONPATH": str(worktree)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.perf_counter() - started, spent


def show_table(rows: list[Row]) -> None:
    """The table as Markdown."""
    print(
        "\n| network | compared with | arithmetic | aim | by the clock | by processor time |\n"
        + 6 * "|---"
        + "|"
    )
    for row in rows:
        print(
            f"| {row.network} | {row.against} | {row.precision} | >= {row.aim}x "
            f"| {row.found:.2f}x | {row.found_cpu:.2f}x |"
        )


def machine(device: torch.device) -> dict[str, object]:
    """What the numbers were measured on, and how busy it was."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "threads": torch.get_num_threads(),
        "load_1min": os.getloadavg()[0],
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }


def main() -> None:
    """Measures, prints a table per network and, on request, writes everything as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    square = [name for name in PUBLISHED_NETWORKS if name not in ("hmr2", "camerahmr")]  # modern_speed.py
    names = ["compact_pare", "compact_hmr", *OPEN_NETWORKS, *square]
    parser.add_argument(
        "--networks", nargs="+", choices=names, help="spin_hmr and compact_pare, or all of the table"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=40)
    parser.add_argument("--stride", type=int, default=40, help="at most the size (captum's rule)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, help="of OcclusionSweep; automatic by default")
    parser.add_argument("--threads", type=int, help="PyTorch threads; its default otherwise")
    parser.add_argument("--also", nargs="*", choices=["bf16", "compile"], default=[])
    parser.add_argument("--table", action="store_true", help="the ratios of docs/engines.md instead")
    parser.add_argument("--old", type=Path, help="worktree of commit dcc6a0e, for the table")
    parser.add_argument("--mesh", action="store_true", help="mesh on forty people, too, for the table")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    results: list[object] = []
    print(machine(device))
    if arguments.table:
        rows = table(arguments)
        show_table(rows)
        results += [asdict(row) for row in rows]
    for name in [] if arguments.table else arguments.networks or ["spin_hmr", "compact_pare"]:
        result = measure(arguments, name, device)
        results.append(result)
        print(f"\n{name}: {result['windows_per_sweep']} windows, {arguments.rounds} rounds, medians")
        for way, rate in result["windows_per_s"].items():
            per_cpu_s = result["windows_per_cpu_s"][way]
            print(f"  {way:26} {rate:8.1f} windows/s {per_cpu_s:8.1f} per processor second")
        for engine in (DENSE, INCREMENTAL):
            print(f"  {engine} over {LOOP}: {result['over_loop'][engine]:.2f}")
            print(f"  {engine} over {result['best_captum']}: {result['over_best_captum'][engine]:.2f}")
    if arguments.json:
        report = {"machine": machine(device), "results": results}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
