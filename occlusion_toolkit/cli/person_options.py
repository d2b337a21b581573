"""The options that say where the person is, `--bbox`, `--openpose`, `--person`; without them it is found."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import rich_click as click

if TYPE_CHECKING:
    from occlusion_toolkit.data.boxes import CropBox
    from occlusion_toolkit.data.ground_truth import GroundTruth
    from occlusion_toolkit.files.images import DecodedImage
    from occlusion_toolkit.find import FoundPerson

_Command = TypeVar("_Command", bound=Callable[..., Any])

_LISTED = 10  # boxes in the line that says whom else there is


@dataclass(frozen=True)
class PersonOptions:
    """Values of the options, as given.

    Attributes:
        bbox: x, y, width and height of the person, pixels.
        openpose: OpenPose file with the person's keypoints.
        number: which of the people found, from 1, the largest first.
    """

    bbox: tuple[float, float, float, float] | None
    openpose: Path | None
    number: int | None

    def box(self, picture: DecodedImage, truth: GroundTruth | None) -> tuple[CropBox, str]:
        """The square around the person, and the rule it follows, in words.

        Without an option it is the ground truth's, else that of the largest person found, else the whole
        image; where there was a choice to make, a warning says so.

        Args:
            picture: the image.
            truth: ground truth, which may know the box.

        Raises:
            CropError: the box or the keypoints are unusable.
            UsageError: there are fewer people than `--person` counts.
        """
        from occlusion_toolkit.cli import console
        from occlusion_toolkit.data.boxes import BOX_MARGIN, CropBox
        from occlusion_toolkit.data.keypoints import read_openpose
        from occlusion_toolkit.find import find_people

        if self.bbox:
            return CropBox.from_xywh(*self.bbox), f"square, {BOX_MARGIN} x the box given"
        if self.openpose:
            given = read_openpose(self.openpose)
            console.warn(*given.warnings)
            return CropBox.from_keypoints(given.points), f"square, {BOX_MARGIN} x the keypoints given"
        if self.number is None and truth and truth.box:
            return truth.box, f"square, {BOX_MARGIN} x the box of the ground truth"
        people = find_people(picture.pixels)
        height, width = picture.pixels.shape[:2]
        if not people and self.number is None:
            console.warn(
                "nobody was found: the whole image is taken as the person's crop; "
                "--bbox says where the person is"
            )
            return CropBox.whole_image(height, width), "square around the whole image, where nobody was found"
        person = self._choose(people)
        if person.reaches_beyond(height, width):
            console.warn("the person reaches beyond the image: only what is in it is cut out")
        rule = f"square, {BOX_MARGIN} x the keypoints that BlazePose found"
        number = f"; person {self.number or 1} of {len(people)} by size" if len(people) > 1 else ""
        return person.box, rule + number

    def _choose(self, people: Sequence[FoundPerson]) -> FoundPerson:
        from occlusion_toolkit.cli import console
        from occlusion_toolkit.errors import UsageError

        chosen = self.number or 1
        if chosen > len(people):
            found = {0: "nobody was", 1: "only 1 person was"}.get(
                len(people), f"only {len(people)} people were"
            )
            raise UsageError(f"--person {chosen}: {found} found in the image")
        if len(people) > 1 and self.number is None:
            boxes = [
                f"{number}: " + " ".join(f"{value:.0f}" for value in person.bbox_xywh)
                for number, person in enumerate(people[:_LISTED], start=1)
            ]
            if len(people) > _LISTED:
                boxes.append("and more, which `occlusion-toolkit find` lists")
            console.warn(
                f"{len(people)} people were found and the largest is taken; --person N takes another. "
                f"Their boxes (x y width height): {', '.join(boxes)}"
            )
        return people[chosen - 1]


def person_options(command: _Command) -> _Command:
    """Adds the options; they arrive as the argument `person`."""

    @click.option("--bbox", type=float, nargs=4, metavar="X Y W H", help="The person's box in image pixels.")
    @click.option(
        "--openpose",
        type=click.Path(path_type=Path),
        help="OpenPose keypoints (.json) to take the person's box from.",
    )
    @click.option(
        "--person",
        "number",
        type=click.IntRange(min=1),
        metavar="N",
        help="Which of the people found to look at, by size. Default: 1, the largest.",
    )
    @functools.wraps(command)
    def gathering(
        *,
        bbox: tuple[float, float, float, float] | None,
        openpose: Path | None,
        number: int | None,
        **given: Any,
    ) -> Any:
        if sum(value is not None for value in (bbox, openpose, number)) > 1:
            raise click.UsageError("Give one of --bbox, --openpose and --person.")
        return command(person=PersonOptions(bbox, openpose, number), **given)

    return cast(_Command, gathering)
