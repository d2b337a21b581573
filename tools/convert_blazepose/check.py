"""Compares converted networks with the original runtime, LiteRT, on crops of pictures.

    python tools/convert_blazepose/check.py full pose_landmark_full.tflite examples/photo.jpg --golden FILE

Exits with an error where heatmaps, as probabilities, differ by more than 1e-3 or points by more than 0.5 mm.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from main import NETWORKS, convert

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.models.backbones.blazepose import RESOLUTION, BlazePoseOutput

CROPS_PER_PICTURE = 8

LIMITS = {"heatmaps": 1e-3, "world": 0.5e-3}
"""Largest difference that passes: probabilities, metres."""


def crops_of(pictures: list[Path], seed: int = 0) -> np.ndarray:
    """The whole of every picture and turned squares about its middle, uint8, (N, 256, 256, 3)."""
    rng = np.random.default_rng(seed)
    crops = []
    for path in pictures:
        pixels = read_image(path).pixels
        height, width = pixels.shape[:2]
        crops.append(crop_image(pixels, CropBox.whole_image(height, width), RESOLUTION))
        for _ in range(CROPS_PER_PICTURE - 1):
            centre = (width * rng.uniform(0.4, 0.6), height * rng.uniform(0.4, 0.6))
            box = CropBox(centre, max(height, width) * rng.uniform(0.5, 1.2))
            crops.append(crop_image(pixels, box, RESOLUTION, rotation=rng.uniform(-180, 180)))
    return np.stack(crops)


def original(path: Path, crops: np.ndarray) -> BlazePoseOutput:
    """What LiteRT answers, one crop at a time, in the module's shapes."""
    runtime = Interpreter(model_path=str(path), num_threads=1)
    runtime.allocate_tensors()
    (entry,), answers = runtime.get_input_details(), runtime.get_output_details()
    rows = []
    for crop in crops:
        runtime.set_tensor(entry["index"], crop[None].astype(np.float32) / 255)
        runtime.invoke()
        rows.append([runtime.get_tensor(answer["index"])[0] for answer in answers])
    landmarks, presence, mask, heatmaps, world = (
        torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)
    )
    return BlazePoseOutput(
        landmarks=landmarks.reshape(len(crops), -1, 5),
        presence=presence[:, 0],
        mask=mask[..., 0],
        heatmaps=heatmaps.permute(0, 3, 1, 2),
        world=world.reshape(len(crops), -1, 3),
    )


def main() -> None:
    """Print the largest difference of every output; with --golden, keep LiteRT's for the unit tests."""
    parser = argparse.ArgumentParser(description="Compare a converted network with LiteRT.")
    parser.add_argument("kind", choices=NETWORKS)
    parser.add_argument("file", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--golden", type=Path, help="Write the first crop and LiteRT's answers here (.npz).")
    given = parser.parse_args()
    crops = crops_of(given.pictures)
    expected = original(given.file, crops)
    network = convert(given.kind, given.file)
    with torch.inference_mode():
        found = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
    failed = []
    for name, ours, theirs in zip(expected._fields, found, expected, strict=True):
        difference = float((ours - theirs).abs().max())
        print(f"{name}: largest difference {difference:.2g} of values up to {theirs.abs().max():.3g}")
        if name == "heatmaps":
            difference = float((ours.sigmoid() - theirs.sigmoid()).abs().max())
            print(f"{name}, as probabilities: largest difference {difference:.2g}")
        if difference > LIMITS.get(name, np.inf):
            failed.append(name)
    print(f"{len(crops)} crops; presence {[round(float(p), 2) for p in expected.presence]}")
    if given.golden:
        golden = {name: value[0].numpy() for name, value in expected._asdict().items()}
        golden["heatmaps"] = golden["heatmaps"][:, ::4, ::4]  # enough to tell, and small
        golden["mask"] = golden["mask"][::8, ::8]
        np.savez_compressed(given.golden, crop=crops[0], **golden)
    if failed:
        parser.exit(1, f"{', '.join(failed)}: above the limit\n")


if __name__ == "__main__":
    main()
