"""The engine of an older commit on a network of this one, as a process that sweeps when it is told to.

The network is made by this package; then the package is forgotten and that of the other worktree takes its
name. One line on standard input is one sweep; the answer is its seconds. Used by `sweep_speed.py --table`.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, cast


class OldEngine:
    """The process.

    Args:
        worktree: of the older commit (`git worktree add PATH dcc6a0e`).
        network: name of a card.
        size: of the windows.
        stride: of the windows.
    """

    def __init__(self, worktree: Path, network: str, size: int, stride: int) -> None:
        settings = json.dumps({"worktree": str(worktree), "network": network, "size": size, "stride": stride})
        self._process = subprocess.Popen(
            [sys.executable, __file__, settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self) -> tuple[float, float]:
        """Seconds and processor seconds of one sweep."""
        asked, answers = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        asked.write("sweep\n")
        asked.flush()
        wall_s, cpu_s = answers.readline().split()
        return float(wall_s), float(cpu_s)

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def main() -> None:
    """Answers every line of standard input with the seconds of a sweep."""
    settings = json.loads(sys.argv[1])
    import torch

    from occlusion_toolkit.models.registry import load_regressor

    network = load_regressor(settings["network"]).network
    for name in [name for name in sys.modules if name.split(".")[0] == "occlusion_toolkit"]:
        del sys.modules[name]
    sys.path.insert(0, settings["worktree"])
    from occlusion_toolkit.occlusion.grid import Grid  # type: ignore[import-not-found]
    from occlusion_toolkit.occlusion.occluders import parse_occluder  # type: ignore[import-not-found]
    from occlusion_toolkit.occlusion.sweep import OcclusionSweep  # type: ignore[import-not-found]

    from occlusion_toolkit.body.open_body import load_open_body
    from occlusion_toolkit.body.parameters import BodyParameters

    grid = Grid("script", settings["size"], settings["stride"])
    sweep = OcclusionSweep(network, load_open_body(), grid, parse_occluder("grey", grid.size))
    crop = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    rest = BodyParameters(torch.eye(3).repeat(1, 24, 1, 1), torch.zeros(1, 10), torch.ones(1, 3))
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        sweep.run(crop, rest)
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


if __name__ == "__main__":
    main()
