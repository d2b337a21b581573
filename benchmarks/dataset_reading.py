"""Time and memory of reading a data set as large as 3DPW's test split: 24 sequences, 37 people, 35,515 boxes.

The ground truth is random numbers in files of 3DPW's format, the images are empty: they are looked for, not
opened. Reading is measured in a process of its own. See benchmarks/README.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from support.published_lists import write_spin_list
from support.python2_pickler import python2_pickle

from occlusion_toolkit.data.catalogue import TEST_SEQUENCES, open_dataset

BOXES = 35_515
PEOPLE = [2] * 13 + [1] * 11
INVALID = 40  # frames of every sequence whose camera is not valid


def sequence(name: str, people: int, valid: int, generator: np.random.Generator) -> dict[str, object]:
    """A pickle's content, with the keys and shapes of 3DPW's."""
    count = valid + INVALID
    cameras = np.tile(np.eye(4), (count, 1, 1))
    cameras[:, :3, :3] = Rotation.random(count, random_state=generator).as_matrix()
    joints = generator.normal(scale=0.3, size=(people, count, 24, 3))
    joints[:, :, 15] = joints[:, :, 0] + (0, 0.6, 0)
    keypoints = np.ones((people, count, 3, 18))
    keypoints[:, :, :2] = generator.uniform(100, 900, (people, count, 2, 18))

    def per_person(*shape: int) -> list[np.ndarray]:
        return [generator.normal(size=shape) for _ in range(people)]

    return {
        "sequence": np.array(name.encode()),
        "poses": per_person(count, 72),
        "trans": per_person(count, 3),
        "betas": per_person(10),
        "poses_60Hz": per_person(2 * count, 72),
        "trans_60Hz": per_person(2 * count, 3),
        "betas_clothed": per_person(10),
        "v_template_clothed": per_person(6890, 3),
        "genders": ["m", "f"][:people],
        "poses2d": list(keypoints),
        "jointPositions": list(joints.reshape(people, count, 72)),
        "cam_poses": cameras,
        "cam_intrinsics": np.array([[1961.85, 0, 540], [0, 1969.23, 960], [0, 0, 1]]),
        "campose_valid": [np.arange(count) >= INVALID] * people,
        "img_frame_ids": np.arange(count) * 2,
        "texture_maps": [],
    }


def write_dataset(root: Path) -> None:
    """Writes pickles, empty images and SPIN's list of them."""
    generator = np.random.default_rng(0)
    each, rest = divmod(BOXES, sum(PEOPLE))
    (root / "sequenceFiles" / "test").mkdir(parents=True)
    contents = []
    for index, (name, people) in enumerate(zip(sorted(TEST_SEQUENCES), reversed(PEOPLE), strict=True)):
        content = sequence(name, people, each + (rest if index == 0 else 0), generator)
        contents.append(content)
        (root / "sequenceFiles" / "test" / f"{name}.pkl").write_bytes(python2_pickle(content, 2))
        images = root / "imageFiles" / name
        images.mkdir(parents=True)
        for frame in range(len(content["poses"][0])):
            (images / f"image_{frame:05d}.jpg").touch()
    write_spin_list(root / "3dpw_test.npz", contents)


def peak_kb() -> int:
    """Most memory that this process has had (Linux); `getrusage` would also count its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def measure(root: Path, people_list: Path | None) -> dict[str, float | int | str]:
    """Opens the data set in this process."""
    before = peak_kb()
    wall, cpu = time.perf_counter(), time.process_time()
    people = open_dataset("3dpw", root, people_list=people_list)
    read_s, read_cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    fingerprint = people.fingerprint
    return {
        "people": len(people),
        "read_s": round(read_s, 2),
        "read_cpu_s": round(read_cpu_s, 2),
        "fingerprint_s": round(time.perf_counter() - wall - read_s, 2),
        "peak_mb_above_imports": round((peak_kb() - before) / 1024),
        "fingerprint": fingerprint[:16],
    }


def main() -> None:
    """Writes the data set to a temporary folder and reads it twice, from pickles and from the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", type=Path, help="measure one reading of this folder and print JSON")
    parser.add_argument("--list", type=Path, help="read this list of the folder")
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(measure(arguments.read, arguments.list)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_dataset(root)
        size = sum(path.stat().st_size for path in root.glob("sequenceFiles/*/*.pkl"))
        print(f"{size / 1e6:.0f} MB of pickles")
        for extra in ([], ["--list", str(root / "3dpw_test.npz")]):
            subprocess.run([sys.executable, __file__, "--read", folder, *extra], check=True)


if __name__ == "__main__":
    main()
