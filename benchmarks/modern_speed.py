"""Windows per second of HMR2.0 and CameraHMR at full size, with random weights (speed depends on none).

    python benchmarks/modern_speed.py --network hmr2 --stride 32

sweeps one person of examples/photo.jpg after a warm-up and prints what a window costs in arithmetic, so that
other machines can be reckoned. The weights take 2.7 GB, the sweep 6 GB in all.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from occlusion_toolkit.find.crop import Crop, read_crop
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.networks import build_network
from occlusion_toolkit.models.registry import LoadedRegressor, load_card, load_regressor
from occlusion_toolkit.models.views import view_of

PHOTO = Path(__file__).parents[1] / "examples" / "photo.jpg"
BOX = (258, 107, 382, 707)
FOCAL_PX = 1500.0


def seeded(name: str, device: str) -> LoadedRegressor:
    """The network with random weights, as one of the open body with the crops of its card."""
    torch.manual_seed(0)
    preprocessing = load_card(name).preprocessing
    return load_regressor(build_network(name), device, name=f"{name}-seeded", preprocessing=preprocessing)


def sweep_input(regressor: LoadedRegressor, crop: Crop, count: int) -> list[torch.Tensor]:
    """The same crop several times, and where it lies before the camera for a network that is told."""
    view = view_of(regressor.card.preprocessing, crop.image, crop.box, crop.focal_px)
    crops, told = view.given(regressor.device)
    return [value.expand(count, *value.shape[1:]) for value in (crops, *told)]


def gflop_per_window(regressor: LoadedRegressor) -> float:
    """Multiplications and additions of one pass, in 1e9."""
    with FlopCounterMode(display=False) as counter:
        regressor(*sweep_input(regressor, read_crop(PHOTO, bbox=BOX, focal_px=FOCAL_PX), 1))
    return float(counter.get_total_flops()) / 1e9


def main() -> None:
    """Measures and prints JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=["hmr2", "camerahmr"], default="hmr2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--stride", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--threads", type=int, help="PyTorch threads; its default otherwise")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    regressor = seeded(arguments.network, arguments.device)
    gflop = gflop_per_window(regressor)
    crop = read_crop(PHOTO, bbox=BOX, focal_px=FOCAL_PX)
    options = {"device": arguments.device, "precision": arguments.precision}
    sweep = OcclusionSweep(regressor, stride=arguments.stride, batch_size=arguments.batch_size, **options)
    regressor(*sweep_input(regressor, crop, arguments.batch_size))  # warm-up
    passes_before = sweep.window_sweep.passes_per_crop  # makes the copy of the network
    started = time.perf_counter()
    maps = sweep(crop)
    seconds = time.perf_counter() - started
    passes = passes_before
    print(
        json.dumps(
            {
                "network": arguments.network,
                "device": arguments.device,
                "precision": arguments.precision,
                "threads": torch.get_num_threads(),
                "load_1min": os.getloadavg()[0],
                "passes": passes,
                "seconds": round(seconds, 2),
                "windows_per_s": round(passes / seconds, 3),
                "gflop_per_window": round(gflop, 1),
                "gflop_per_s": round(gflop * passes / seconds, 1),
                "windows_not_seen": int((~maps.seen()).sum()),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
