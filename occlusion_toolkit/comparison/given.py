"""What can be compared: surveys of data sets, and heatmap results of one person in one image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.surveys.stored import MANIFEST_NAME, ImageKey, Survey, SurveyShard
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.results import HeatmapResult, read_heatmap

_HEATMAP_NAME = "result.h5"
_OF_SURVEYS = (MANIFEST_NAME, "mesh.h5")
"""Files by which a user may name the folder of a survey."""


@runtime_checkable
class Swept(Protocol):
    """One model's maps of a list of samples: a survey, or one image."""

    @property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""

    @property
    def joint_set(self) -> str:
        """Name of the joint set that was measured."""

    @property
    def num_images(self) -> int:
        """Samples in all."""

    @property
    def folder(self) -> Path:
        """Where the result is."""

    def shards(self) -> Iterator[SurveyShard]:
        """The maps, some images at a time, always in the same order."""


@dataclass(frozen=True)
class OneImage:
    """A heatmap result in the form of a survey of one sample, which is one sequence.

    Attributes:
        folder: where the result is.
        result: as `heatmap` wrote it.
    """

    folder: Path
    result: HeatmapResult

    @property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""
        return self.result.card

    @property
    def joint_set(self) -> str:
        """The set of the joints that the heatmaps were asked for."""
        return self.result.focus.joint_set

    @property
    def num_images(self) -> int:
        """One."""
        return 1

    def shards(self) -> Iterator[SurveyShard]:
        """The maps of all joints of the set."""
        result, maps = self.result, self.result.of(self.joint_set)
        yield SurveyShard(
            card=result.card,
            first=0,
            images=(ImageKey(result.image_name, 0, 0, result.image_name),),
            joint_set=maps.joint_set,
            joint_names=maps.joint_names,
            box_centre_px=np.array([result.box_centre_px], dtype=np.float64),
            box_size_px=np.array([result.box_size_px], dtype=np.float64),
            clean_rotmats=result.clean.rotmats[None],
            clean_betas=result.clean.betas[None],
            clean_camera=result.clean.camera[None],
            displacement_mm=maps.displacement_mm[None],
            pa_displacement_mm=maps.pa_displacement_mm[None],
            error_mm=_as_one(maps.error_mm),
            pa_error_mm=_as_one(maps.pa_error_mm),
            clean_error_mm=_as_one(maps.clean_error_mm),
            clean_pa_error_mm=_as_one(maps.clean_pa_error_mm),
        )


def open_results(paths: Sequence[Path]) -> list[Survey] | list[OneImage]:
    """The results that a user gives: folders of `mesh` or its mesh.h5, or files or folders of `heatmap`.

    Raises:
        ResultError: one is missing, damaged or neither, or heatmaps are of different images or joints.
        UsageError: they are surveys and heatmaps mixed.
    """
    paths = [path.parent if path.name in _OF_SURVEYS else path for path in paths]
    found = [_heatmap_file(path) for path in paths]
    files = [file for file in found if file is not None]
    if not files:
        return [Survey.open(path) for path in paths]
    if len(files) < len(paths):
        raise UsageError(
            f"{str(files[0])!r} is a heatmap of one image and {str(paths[found.index(None)])!r} is not; "
            "compare results of one kind"
        )
    images = [OneImage(file.parent, read_heatmap(file)) for file in files]
    first = images[0].result
    for file, image in zip(files[1:], images[1:], strict=True):
        for name in ("image_sha256", "box_centre_px", "box_size_px", "focus"):
            if (value := getattr(image.result, name)) != (expected := getattr(first, name)):
                raise ResultError(
                    f"{str(file)!r} and {str(files[0])!r} do not show the same, {name}: {value} and "
                    f"{expected}; make them from the same image with the same options"
                )
    return images


def _as_one(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return None if values is None else values[None]


def _heatmap_file(path: Path) -> Path | None:
    """The heatmap that a path means; None for a survey, even where a heatmap lies in its folder."""
    if (path / MANIFEST_NAME).is_file():
        return None
    inside = path / _HEATMAP_NAME
    return inside if inside.is_file() else path if path.is_file() else None
