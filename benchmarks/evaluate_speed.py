"""Where the time of `occlusion-toolkit evaluate` goes: reading crops, network, body and metrics.

Runs the real evaluation on the shipped people, then each of its parts alone on the same batches. Networks
have random weights where they are published ones: speed does not depend on them. See benchmarks/README.md.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import RESOLUTION, normalise, sample_crop
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.protocol import SPIN
from occlusion_toolkit.evaluation.evaluator import Evaluator, measure, posed, true_parameters
from occlusion_toolkit.evaluation.run import run_evaluation
from occlusion_toolkit.models.cards import PluginCard
from occlusion_toolkit.models.networks import PUBLISHED_NETWORKS, build_network
from occlusion_toolkit.models.registry import LoadedRegressor, load_regressor
from occlusion_toolkit.sweep.network import NetworkRunner, optimised_copy


def regressor(name: str, device: torch.device) -> LoadedRegressor:
    """A model by its card, or a published network with random weights that answers for the open body."""
    if name not in PUBLISHED_NETWORKS:
        return load_regressor(name, device)
    torch.manual_seed(0)
    network: nn.Module = build_network(name).eval().to(device)
    card = PluginCard(
        name=name.replace("_", "-"),
        title=name,
        description="Random weights.",
        body=OPEN_BODY_TOPOLOGY,
        licence="none",
        origin="this benchmark",
    )
    return LoadedRegressor(network, card, "0" * 64, device)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def measure_parts(name: str, people: EvenlySpaced, batch: int, device: torch.device) -> dict[str, float]:
    """Milliseconds per person of the whole evaluation and of its parts."""
    loaded = regressor(name, device)
    evaluator = Evaluator(loaded, Bodies(), people, SPIN)
    frames = people[:]
    evaluator(frames[:batch], [sample_crop(frame) for frame in frames[:batch]])  # warm-up
    with tempfile.TemporaryDirectory() as folder:
        whole = seconds(lambda: run_evaluation(evaluator, Path(folder) / "errors.h5", batch), device)

    totals = dict.fromkeys(("read and crop", "normalise", "network", "two bodies", "metrics"), 0.0)
    network = NetworkRunner(optimised_copy(loaded, device, RESOLUTION), device)
    body = Bodies().load(OPEN_BODY_TOPOLOGY).to(device)

    def timed(part: str, work: Callable[[], object]) -> object:
        made: list[object] = []
        totals[part] += seconds(lambda: made.append(work()), device)
        return made[0]

    with torch.inference_mode():
        for start in range(0, len(frames), batch):
            some = frames[start : start + batch]
            crops = timed("read and crop", lambda some=some: np.stack([sample_crop(frame) for frame in some]))
            inputs = timed("normalise", lambda crops=crops: normalise(crops).to(device))
            estimates = timed("network", lambda inputs=inputs: network(inputs))
            truth = true_parameters(some).to(device)
            pair = timed(
                "two bodies",
                lambda estimates=estimates, truth=truth: [
                    posed(body, parameters, LSP14, "none") for parameters in (estimates, truth)
                ],
            )
            timed("metrics", lambda pair=pair: measure(*pair))
    parts = {part: 1000 * total / len(frames) for part, total in totals.items()}
    return {"whole": 1000 * whole / len(frames), **parts}


def main() -> None:
    """Measures each model and prints a table; on request also writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["pare-open", "spin_hmr", "pare_hrnet_w32_conv"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--people", type=int, default=64, help="of the 120 in the shipped set")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, help="PyTorch threads; its default otherwise")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device, people = torch.device(arguments.device), EvenlySpaced(open_dataset("open"), arguments.people)
    print(f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    results = {name: measure_parts(name, people, arguments.batch_size, device) for name in arguments.models}
    for name, result in results.items():
        print(f"\n{name}, ms per sample ({1000 / result['whole']:.1f} samples/s)")
        for part, value in result.items():
            print(f"  {part:16} {value:8.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
