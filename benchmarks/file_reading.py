"""Time and memory of the safe readers against the unpicklers they replace, on files of published sizes.

A 3DPW sequence of two people, SMPL v1.1.0 (300 betas, Python 2, text) and a PARE checkpoint of Lightning 1.1
with the state of its optimiser, all with random content. Every reading is a process of its own; the peak is
what it takes beyond the imports. See benchmarks/README.md.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from dataset_reading import sequence
from support.lightning_checkpoint_writer import write_lightning_checkpoint
from support.python2_pickler import python2_pickle
from support.smpl_files_writer import smpl_content

from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.pickled_smpl import SMPL_DATA
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.models import build_network

FRAMES = 2300  # about as many as the longest sequence

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "3DPW sequence": ("sequence.pkl", load_pickle),
    "SMPL v1.1.0": ("smpl.pkl", lambda path: load_pickle(path, allow=SMPL_DATA)),
    "PARE, archive": ("archive.ckpt", read_state_dict),
    "PARE, stream": ("stream.ckpt", read_state_dict),
    "PARE, archive, torch.load": (
        "tensors.pt", lambda path: torch.load(path, map_location="cpu", weights_only=True)
    ),
}  # fmt: skip


def write_files(folder: Path) -> None:
    """Writes one file of every kind."""
    content = sequence("downtown_bar_00", 2, FRAMES, np.random.default_rng(0))
    (folder / "sequence.pkl").write_bytes(python2_pickle(content, 2))
    (folder / "smpl.pkl").write_bytes(python2_pickle(smpl_content("male", 300), 0))
    network = {
        f"model.{name}": tensor for name, tensor in build_network("pare_hrnet_w32_conv").state_dict().items()
    }
    body = {"smpl.posedirs": torch.zeros(207, 20670), "smpl.shapedirs": torch.zeros(6890, 3, 10)}
    write_lightning_checkpoint(folder / "archive.ckpt", network | body, optimiser=True)
    write_lightning_checkpoint(folder / "stream.ckpt", network | body, optimiser=True, zipped=False)
    torch.save({"state_dict": network | body}, folder / "tensors.pt")


def peak_mb() -> float:
    """Most memory that this process has had, in MB."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+)", status)
    return int(found.group(1)) / 1000 if found else float("nan")


def read(name: str, folder: Path) -> None:
    """Reads one file and prints what it took."""
    file, reader = READERS[name]
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    reader(folder / file)
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    size = (folder / file).stat().st_size / 1e6
    print(json.dumps({"reader": name, "file_mb": size, "peak_mb": peak_mb() - before} | took))


def main() -> None:
    """Writes the files and reads each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("READER", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.one:
        read(chosen.one[0], Path(chosen.one[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name))
        for reader in READERS:
            subprocess.run([sys.executable, __file__, "--one", reader, name], check=True)


if __name__ == "__main__":
    main()
