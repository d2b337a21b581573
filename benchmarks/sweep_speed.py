"""Windows per second of the engines of a sweep, a batch-1 loop and captum in one run.

All contenders sweep the same grid over the same crop, in turns, several rounds; medians are reported. Each
network has random weights: speed does not depend on them. See benchmarks/README.md.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from captum.attr import Occlusion
from torch import Tensor, nn

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14, LSP_FROM_H36M
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.models import HMR, PARE, MeanParameters, build_network
from occlusion_toolkit.models.backbones import BasicBlock, ResNet, upsample_steps
from occlusion_toolkit.models.networks import PUBLISHED_NETWORKS
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.metrics import centre_on, mpjpe, pa_mpjpe
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

CAPTUM_BATCHES = (1, 8, 16, 32)
LOOP = "batch-1 loop"
DENSE, INCREMENTAL = "dense engine", "incremental engine"


@dataclass
class Contender:
    """One way to sweep, and how long its sweeps took."""

    name: str
    sweep: Callable[[], object]
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def time(self, device: torch.device) -> None:
        """Runs one sweep and notes wall-clock and processor seconds."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.sweep()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        self.wall_s.append(time.perf_counter() - wall)
        self.cpu_s.append(time.process_time() - cpu)


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
    names = ["compact_pare", "compact_hmr", *square]
    parser.add_argument("--networks", nargs="+", choices=names, default=["spin_hmr", "compact_pare"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=40)
    parser.add_argument("--stride", type=int, default=40, help="at most the size (captum's rule)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, help="of OcclusionSweep; automatic by default")
    parser.add_argument("--threads", type=int, help="PyTorch threads; its default otherwise")
    parser.add_argument("--also", nargs="*", choices=["bf16", "compile"], default=[])
    parser.add_argument("--json", type=Path, help="write the numbers here")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    results = []
    print(machine(device))
    for name in arguments.networks:
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
