"""In which order a TensorFlow Lite file of BlazePose runs the convolutions of our module, by name."""

from collections.abc import Iterator

from torch import nn

from occlusion_toolkit.models.backbones.blazepose import BlazePose
from occlusion_toolkit.models.backbones.blazepose_blocks import Trunk
from occlusion_toolkit.models.backbones.blazepose_detector import BlazePoseDetector


def landmark_order(network: BlazePose) -> list[str]:
    """Names of the landmark network's convolutions in the order of the file."""
    laterals = [[f"lateral{size}"] for size in (128, 64, 32, 16)]
    for index in range(len(network.joins)):
        laterals[2 + index].append(f"joins.{index}")
    names = [*_trunk(network.trunk, laterals), *_separable("lateral8")]
    silhouette = ["silhouette.reduce"] + [f"silhouette.at{size}.{i}" for size in (128, 256) for i in (0, 1)]
    drawn = [name for part in silhouette for name in _separable(part)] + ["silhouette.out"]
    if len(network.descent):
        first, *rest = _residuals("descent", network.descent)
        names += [*first, *drawn, *(name for part in rest for name in part), "heatmaps"]
    else:
        names += [*drawn, "heatmaps"]
    names += _separable("narrow")
    names += [name for part in _residuals("pose", network.pose) for name in part]
    return [*names, "landmarks", "world", "presence"]


def detector_order(network: BlazePoseDetector) -> list[str]:
    """Names of the detector's convolutions in the order of the file."""
    names = list(_trunk(network.trunk, [[], [], ["lateral28"], ["lateral14"]]))
    for size, before in ((14, 7), (28, 14)):
        names.append(f"from{before}")
        names += [name for i in (0, 1) for name in _separable(f"refine{size}.{i}")]
    heads = [f"{head}.{level}.{i}" for level in range(3) for head in ("scores", "places") for i in (0, 1)]
    return names + heads


def _trunk(trunk: Trunk, laterals: list[list[str]]) -> Iterator[str]:
    """The trunk's names; before each halving stand those of the laterals that leave there."""
    yield from ("trunk.stem", "trunk.stem_depthwise", "trunk.stem_project")
    for index in range(len(trunk.blocks)):
        yield f"trunk.blocks.{index}.expand"
        if index in trunk.tapped:
            for lateral in laterals[trunk.tapped.index(index)]:
                yield from _separable(lateral)
        yield from (f"trunk.blocks.{index}.depthwise", f"trunk.blocks.{index}.project")
    yield from ("trunk.widen", "trunk.widen_depthwise")


def _residuals(prefix: str, stages: nn.Module) -> list[list[str]]:
    """Names of the two convolutions of every residual block of all stages."""
    return [
        _separable(f"{prefix}.{stage}.{block}")
        for stage, blocks in stages.named_children()
        for block, _ in blocks.named_children()
    ]


def _separable(name: str) -> list[str]:
    return [f"{name}.depthwise", f"{name}.pointwise"]
