"""Compares converted networks with the original runtime, LiteRT, on crops of pictures.

Exits with an error where heatmaps, as probabilities, or the detector's scores differ by more than 1e-3,
points by more than 0.5 mm, or the detector's points by more than 0.5 pixels (README.md beside this).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from main import NETWORKS, convert
from torch import Tensor

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.models.backbones import blazepose, blazepose_detector

CROPS_PER_PICTURE = 8

LIMITS = {"heatmaps": 1e-3, "world": 0.5e-3, "logits": 1e-3, "points": 0.5}
"""Largest difference that passes: probabilities, metres, probabilities, pixels."""


def crops_of(pictures: list[Path], resolution: int, seed: int = 0) -> np.ndarray:
    """The whole of every picture and turned squares about its middle, uint8, (N, side, side, 3)."""
    rng = np.random.default_rng(seed)
    crops = []
    for path in pictures:
        pixels = read_image(path).pixels
        height, width = pixels.shape[:2]
        crops.append(crop_image(pixels, CropBox.whole_image(height, width), resolution))
        for _ in range(CROPS_PER_PICTURE - 1):
            centre = (width * rng.uniform(0.4, 0.6), height * rng.uniform(0.4, 0.6))
            box = CropBox(centre, max(height, width) * rng.uniform(0.5, 1.2))
            crops.append(crop_image(pixels, box, resolution, rotation=rng.uniform(-180, 180)))
    return np.stack(crops)


def original(path: Path, crops: Tensor) -> list[Tensor]:
    """What LiteRT answers to crops (N, 3, H, W), one at a time, by output in the order of the file."""
    runtime = Interpreter(model_path=str(path), num_threads=1)
    runtime.allocate_tensors()
    (entry,), answers = runtime.get_input_details(), runtime.get_output_details()
    rows = []
    for crop in crops:
        runtime.set_tensor(entry["index"], crop.permute(1, 2, 0)[None].numpy())
        runtime.invoke()
        rows.append([torch.from_numpy(runtime.get_tensor(answer["index"])[0].copy()) for answer in answers])
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def landmarks_of(answers: list[Tensor]) -> blazepose.BlazePoseOutput:
    """The landmark network's answers in the module's shapes."""
    landmarks, presence, mask, heatmaps, world = answers
    return blazepose.BlazePoseOutput(
        landmarks=landmarks.unflatten(1, (-1, 5)),
        presence=presence[:, 0],
        mask=mask[..., 0],
        heatmaps=heatmaps.permute(0, 3, 1, 2),
        world=world.unflatten(1, (-1, 3)),
    )


def detections_of(answers: list[Tensor]) -> blazepose_detector.Detections:
    """The detector's answers in the module's shapes."""
    numbers, logits = answers
    centres = blazepose_detector.BlazePoseDetector().centres
    points = numbers[..., 4:].unflatten(-1, (4, 2)) + centres[:, None]
    return blazepose_detector.Detections(logits[..., 0], points)


def main() -> None:
    """Print the largest difference of every output; with --golden, keep LiteRT's for the unit tests."""
    parser = argparse.ArgumentParser(description="Compare a converted network with LiteRT.")
    parser.add_argument("kind", choices=NETWORKS)
    parser.add_argument("file", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--golden", type=Path, help="Write the first crop and LiteRT's answers here (.npz).")
    given = parser.parse_args()
    detects = given.kind == "detector"
    resolution = blazepose_detector.RESOLUTION if detects else blazepose.RESOLUTION
    crops = crops_of(given.pictures, resolution)
    pictures = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    if detects:
        pictures = pictures * 2 - 1
    answers = original(given.file, pictures)
    expected = detections_of(answers) if detects else landmarks_of(answers)
    with torch.inference_mode():
        found = convert(given.kind, given.file)(pictures)
    failed = []
    for name, ours, theirs in zip(expected._fields, found, expected, strict=True):
        difference = float((ours - theirs).abs().max())
        print(f"{name}: largest difference {difference:.2g} of values up to {theirs.abs().max():.3g}")
        if name in ("heatmaps", "logits"):
            difference = float((ours.sigmoid() - theirs.sigmoid()).abs().max())
            print(f"{name}, as probabilities: largest difference {difference:.2g}")
        if difference > LIMITS.get(name, np.inf):
            failed.append(name)
    print(f"{len(crops)} crops, {sum(_shows_person(expected))} with a person by the network's own word")
    if given.golden:
        golden = {name: value[0].numpy() for name, value in expected._asdict().items()}
        if not detects:
            golden["heatmaps"] = golden["heatmaps"][:, ::4, ::4]  # enough to tell, and small
            golden["mask"] = golden["mask"][::8, ::8]
        np.savez_compressed(given.golden, crop=crops[0], **golden)
    if failed:
        parser.exit(1, f"{', '.join(failed)}: above the limit\n")


def _shows_person(answers: blazepose.BlazePoseOutput | blazepose_detector.Detections) -> list[bool]:
    if isinstance(answers, blazepose_detector.Detections):
        return (answers.logits.max(dim=1).values > 0).tolist()
    return (answers.presence > 0.5).tolist()


if __name__ == "__main__":
    main()
