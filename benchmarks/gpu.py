"""A GPU in numbers: networks alone and whole sweeps in several arithmetics, a survey, training steps.

Every measurement stands by itself: one that fails is written down with its error and the rest goes on. With
`--device cpu --tiny` all steps run on small networks: known to work before a card is at hand.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from survey_speed import measured as measured_survey
from sweep_speed import captum_sweep, machine, make_network
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import optimised_copy
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

NETWORKS = {
    "HMR ResNet-50": "spin_hmr",
    "PARE ResNet-50": "pare_r50",
    "PARE HRNet-W32": "pare_hrnet_w32_conv",
}
TINY = {"tiny PARE": "compact_pare"}
ARITHMETICS = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16}


class Bench:
    """Measurements on one device.

    Args:
        device: where.
        tiny: small numbers of everything.
    """

    def __init__(self, device: torch.device, tiny: bool) -> None:
        self.device, self.tiny = device, tiny
        self.batch = 4 if tiny else 256
        self.found: dict[str, object] = {}

    def seconds(self, step: Callable[[], object], repeats: int = 3) -> float:
        """Median seconds of a step, after one that warms up."""
        times = []
        for number in range(repeats + 1):
            started = time.perf_counter()
            step()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            if number:
                times.append(time.perf_counter() - started)
        return statistics.median(times)

    def note(self, name: str, measure: Callable[[], object]) -> None:
        """Takes a measurement and says it; an error is noted in its place."""
        try:
            value = measure()
        except Exception as error:
            value = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        self.found[name] = value
        print(f"{name}: {value}", flush=True)

    def matrix_peak(self, arithmetic: str) -> float:
        """TFLOP/s of a large matrix product."""
        side = 512 if self.tiny else 8192
        a = torch.randn(side, side, device=self.device, dtype=ARITHMETICS[arithmetic])
        with tf32(arithmetic == "tf32"):
            return 2 * side**3 / self.seconds(lambda: a @ a) / 1e12

    def network(self, network: nn.Module, arithmetic: str, way: str, peak: object) -> dict[str, float]:
        """Crops per second of a network alone, and its share of the matrix peak."""
        dtype = ARITHMETICS[arithmetic]
        crops = torch.randn(self.batch, 3, 224, 224, device=self.device).contiguous(
            memory_format=torch.channels_last
        )
        flops = FlopCounterMode(display=False)
        with torch.no_grad(), flops:
            network(crops[:1])
        run: Callable[[Tensor], object] = torch.compile(network) if way == "compiled" else network

        @torch.no_grad()
        def step() -> object:
            with (
                tf32(arithmetic == "tf32"),
                torch.autocast(
                    self.device.type,
                    dtype if dtype != torch.float32 else torch.bfloat16,
                    dtype != torch.float32,
                ),
            ):
                return run(crops)

        rate = self.batch / self.seconds(self._captured(step) if way == "CUDA graph" else step)
        answer = {"crops_per_s": rate}
        if isinstance(peak, float):
            answer["share_of_matrix_peak"] = rate * flops.get_total_flops() / 1e12 / peak
        return answer

    def _captured(self, step: Callable[[], object]) -> Callable[[], object]:
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    def sweep(self, network: nn.Module, precision: str, engine: str, stride: int) -> dict[str, object]:
        """Windows per second of whole sweeps of one crop, with everything that is measured."""
        grid = Grid(size=40, stride=stride)
        sweep = WindowSweep(
            network,
            load_open_body(),
            grid,
            parse_occluder("grey", 40),
            device=self.device,
            batch_size=self.batch,
            precision=precision,  # type: ignore[arg-type]
            tolerance_mm=(1e9, 1e9),  # measured, never given up
            engine=engine,
        )
        crop = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))
        rate = len(grid) / self.seconds(lambda: sweep.run(crop), 1 if self.tiny else 2)
        return {"windows_per_s": rate, "engine": sweep.engine, "deviation": str(sweep.deviation)}

    def captum(self, network: nn.Module) -> dict[str, float]:
        """Windows per second of captum's `Occlusion` at several batch sizes, in float32."""
        body, grid = load_open_body().to(self.device), Grid("script", 40, 40 if self.tiny else 16)
        rest = BodyParameters(torch.eye(3).repeat(1, 24, 1, 1), torch.zeros(1, 10), torch.ones(1, 3))
        truth = body.centred_joints(rest.to(self.device), LSP14)
        crop = torch.randn((1, 3, 224, 224), device=self.device)

        def rate(per_eval: int) -> float:
            return len(grid) / self.seconds(
                lambda: captum_sweep(network, body, crop, truth, grid, per_eval), 1
            )

        return {f"{size} per eval": rate(size) for size in ((4,) if self.tiny else (32, 128))}

    def training(self, network: nn.Module, arithmetic: str) -> float:
        """Samples per second of steps on random crops towards random bodies: forward, backward, AdamW."""
        network.train().requires_grad_(True)
        count = 2 if self.tiny else 64
        optimiser = torch.optim.AdamW(network.parameters())
        half = arithmetic == "fp16"
        scaler = torch.amp.GradScaler(self.device.type, enabled=half and self.device.type == "cuda")
        crops = torch.randn(count, 3, 224, 224, device=self.device)
        betas = torch.randn(count, 10, device=self.device)

        def step() -> None:
            kind = torch.float16 if self.device.type == "cuda" else torch.bfloat16
            with torch.autocast(self.device.type, kind, enabled=half):
                output = network(crops)
            loss = output.rotmats.float().square().mean() + (output.betas.float() - betas).square().mean()
            optimiser.zero_grad()
            torch.autograd.backward(scaler.scale(loss))
            scaler.step(optimiser)
            scaler.update()

        return count / self.seconds(step, 2)

    def survey(self) -> dict[str, object]:
        """One survey end to end: images per second and the share of each stage."""
        arguments = argparse.Namespace(
            random=None, model="pare-open", batch_size=self.batch, device=str(self.device)
        )
        row = measured_survey(arguments, 40 if self.tiny else 8, 2 if self.tiny else 40, open_dataset("open"))
        shares = {stage: seconds / row.seconds for stage, seconds in row.stages.items()}
        host = 1.0 - shares["network"] - shares["paint windows"]
        return {"images_per_s": row.images_per_s, "shares": shares, "host_share": host}


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Allows or forbids TF32 within a block."""
    backends = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = allowed
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value


def main() -> None:
    """Measures everything and writes one JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small networks and few steps: a rehearsal")
    parser.add_argument("--json", type=Path, default=Path("out/gpu.json"))
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    bench = Bench(device, arguments.tiny)
    print(machine(device))
    for arithmetic in ARITHMETICS:
        bench.note(f"matrix peak, {arithmetic}, TFLOP/s", lambda a=arithmetic: bench.matrix_peak(a))  # type: ignore[misc]
    for title, name in (TINY if arguments.tiny else NETWORKS).items():
        network = make_network(name).to(device)
        folded = optimised_copy(network, device, 224)
        ways = ("eager", "compiled", "CUDA graph") if device.type == "cuda" else ("eager",)
        for arithmetic in ARITHMETICS if device.type == "cuda" else ("fp32",):
            peak = bench.found[f"matrix peak, {arithmetic}, TFLOP/s"]
            for way in ways:
                bench.note(
                    f"{title}, network alone, {arithmetic}, {way}",
                    lambda a=arithmetic, w=way, p=peak, n=folded: bench.network(n, a, w, p),  # type: ignore[misc]
                )
        for precision in ("fp32", "fp16") if device.type == "cuda" else ("fp32", "bf16"):
            for engine in ("dense", "incremental"):
                bench.note(
                    f"{title}, sweep, {precision}, {engine}",
                    lambda p=precision, e=engine, n=network: bench.sweep(n, p, e, 28 if bench.tiny else 4),  # type: ignore[misc]
                )
        bench.note(f"{title}, captum", lambda n=network: bench.captum(n))  # type: ignore[misc]
    first = make_network("compact_pare" if arguments.tiny else "spin_hmr").to(device)
    every = 28 if arguments.tiny else 1
    bench.note(
        f"map at stride {every}, {Grid(size=40, stride=every).rows ** 2} windows, seconds",
        lambda: (
            Grid(size=40, stride=every).rows ** 2
            / float(
                bench.sweep(first, "fp16" if device.type == "cuda" else "bf16", "auto", every)[
                    "windows_per_s"
                ]
            )
        ),  # type: ignore[arg-type]
    )
    bench.note("survey of pare-open", bench.survey)
    for name in ("compact_pare",) if arguments.tiny else ("pare-open", "pare_r50"):
        for arithmetic in ("fp32", "fp16"):
            bench.note(
                f"training, {name}, {arithmetic}, samples/s",
                lambda n=name, a=arithmetic: bench.training(make_network(n).to(device), a),  # type: ignore[misc]
            )
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"machine": machine(device), "tiny": arguments.tiny, "measured": bench.found}
    arguments.json.write_text(json.dumps(report, indent=1, default=str) + "\n")
    failed = [name for name, value in bench.found.items() if isinstance(value, str)]
    print(f"written to {arguments.json}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
