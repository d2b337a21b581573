"""Converts BlazePose's published TensorFlow Lite files to the toolkit's weights.

python tools/convert_blazepose/main.py full pose_landmark_full.tflite --out models/weights
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from order import detector_order, landmark_order
from tflite_file import Convolution, read_convolutions
from torch import nn

from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.backbones.blazepose import blazepose_full, blazepose_heavy
from occlusion_toolkit.models.backbones.blazepose_detector import BlazePoseDetector

NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module], list[str]], str, str]] = {
    "full": (
        blazepose_full,
        landmark_order,
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "PyPI mediapipe 0.10.21, mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    ),
    "heavy": (
        blazepose_heavy,
        landmark_order,
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        "npm @mediapipe/pose 0.5.1675469404, pose_landmark_heavy.tflite",
    ),
    "detector": (
        BlazePoseDetector,
        detector_order,
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        "PyPI mediapipe 0.10.21, mediapipe/modules/pose_detection/pose_detection.tflite",
    ),
}
"""By name: the network, the order of its convolutions in the file, the file's sha256 and its source."""


def convert(kind: str, path: Path) -> nn.Module:
    """The network of a kind with the weights of a file.

    Raises:
        ValueError: the file is not the published one, or its convolutions are not the network's.
    """
    build, order, sha256, source = NETWORKS[kind]
    if (found := sha256_file(path)) != sha256:
        raise ValueError(f"{path} has sha256 {found}; wanted is {sha256}, from {source}")
    network = build().eval()
    convolutions = {name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d)}
    names, published = order(network), read_convolutions(path)
    if sorted(names) != sorted(convolutions) or len(names) != len(published):
        raise ValueError(f"{len(names)} convolutions named, {len(published)} in the file")
    for name, convolution in zip(names, published, strict=True):
        _fill(name, convolutions[name], convolution)
    return network


def _fill(name: str, target: nn.Conv2d, source: Convolution) -> None:
    if target.weight.shape != source.weight.shape or (target.groups > 1) != source.depthwise:
        raise ValueError(f"{name}: {tuple(target.weight.shape)} here, {source.weight.shape} in the file")
    with torch.no_grad():
        target.weight.copy_(torch.from_numpy(source.weight))
        target.bias.copy_(torch.from_numpy(source.bias))  # type: ignore[union-attr]


def main() -> None:
    """Write `blazepose-KIND.safetensors`."""
    parser = argparse.ArgumentParser(description="Convert a published file of BlazePose.")
    parser.add_argument("kind", choices=NETWORKS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    network = convert(given.kind, given.file)
    *_, sha256, source = NETWORKS[given.kind]
    name = f"blazepose-{given.kind}"
    target = given.out / f"{name}.safetensors"
    metadata = {"network": name, "source": source, "source_sha256": sha256, "licence": "Apache-2.0"}
    write_state_dict(target, network.state_dict(), metadata, half=True)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, sha256 {sha256_file(target)}")


if __name__ == "__main__":
    main()
