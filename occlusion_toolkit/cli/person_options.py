"""The options that say where the person is, `--bbox`, `--openpose`, `--person`; without them it is found."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import rich_click as click

from occlusion_toolkit.cli.trust_option import trusted_files

if TYPE_CHECKING:
    from occlusion_toolkit.find.crop import Crop

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class PersonOptions:
    """Values of the options, as given.

    Attributes:
        bbox: x, y, width and height of the person, pixels.
        openpose: OpenPose file with the person's keypoints.
        number: which of the people found, from 1, the largest first.
        focal_px: focal length of the photograph, pixels.
    """

    bbox: tuple[float, float, float, float] | None
    openpose: Path | None
    number: int | None
    focal_px: float | None = None

    @property
    def says_where(self) -> bool:
        """Whether an option says where the person is."""
        return any(value is not None for value in (self.bbox, self.openpose, self.number))

    def crop(self, image: Path, ground_truth: str | None, model: str) -> Crop:
        """The person, cut out; what was odd is printed as warnings.

        Args:
            image: the photograph.
            ground_truth: as `--ground-truth`; a folder stands for the file of the image's name in it.
            model: as `--model`; its card says how crops are made.

        Raises:
            OcclusionToolkitError: the image, the box or the truth cannot be used, or there are fewer people
                than `--person` counts.
        """
        from occlusion_toolkit.cli import console
        from occlusion_toolkit.find.crop import read_crop
        from occlusion_toolkit.models.papers import paper_protocol
        from occlusion_toolkit.models.registry import load_card

        truth = ground_truth
        if truth is not None and Path(truth).is_dir():
            truth = str(Path(truth) / f"{image.stem}.npz")
        keypoints = self.openpose
        if keypoints is not None and keypoints.is_dir():
            keypoints /= f"{image.stem}_keypoints.json"
        crop = read_crop(
            image,
            bbox=self.bbox,
            keypoints=keypoints,
            person=self.number,
            ground_truth=truth,
            focal_px=self.focal_px,
            trusted=trusted_files(),
            resampling=paper_protocol(load_card(model)).crop_rule,
        )
        console.warn(*crop.warnings)
        return crop


def person_options(command: _Command) -> _Command:
    """Adds the options; they arrive as the argument `person`."""

    @click.option("--bbox", type=float, nargs=4, metavar="X Y W H", help="The person's box in image pixels.")
    @click.option(
        "--openpose",
        type=click.Path(path_type=Path),
        help="OpenPose keypoints (.json) to take the person's box from. For several images a folder with "
        "NAME_keypoints.json, as OpenPose writes them.",
    )
    @click.option(
        "--person",
        "number",
        type=click.IntRange(min=1),
        metavar="N",
        help="Which of the people found to look at, by size. Default: 1, the largest.",
    )
    @click.option(
        "--focal-length",
        "focal_px",
        type=click.FloatRange(min=0, min_open=True),
        metavar="PX",
        help="Focal length of the photograph in pixels; only models that are told the camera need it.",
    )
    @functools.wraps(command)
    def gathering(
        *,
        bbox: tuple[float, float, float, float] | None,
        openpose: Path | None,
        number: int | None,
        focal_px: float | None,
        **given: Any,
    ) -> Any:
        if sum(value is not None for value in (bbox, openpose, number)) > 1:
            raise click.UsageError("Give one of --bbox, --openpose and --person.")
        return command(person=PersonOptions(bbox, openpose, number, focal_px), **given)

    return cast(_Command, gathering)
