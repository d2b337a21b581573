"""What commands that sweep by themselves take: one IMAGE, or the people of a data set."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import rich_click as click

from occlusion_toolkit.cli.dataset_options import chosen_people, dataset_options
from occlusion_toolkit.cli.person_options import PersonOptions, person_options

if TYPE_CHECKING:
    from occlusion_toolkit.data.people import People
    from occlusion_toolkit.find.crop import Crop
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep

_Command = TypeVar("_Command", bound=Callable[..., Any])

_DATASET = ("dataset", "root", "people_list", "split", "frame_filter", "limit", "skip_bad")


@dataclass(frozen=True)
class ImageOrPeople:
    """Values of the argument and the options, as given.

    Attributes:
        image: the photograph; None for a data set.
        person: where the person is in it.
        ground_truth: of it.
        dataset: arguments of `chosen_people`.
    """

    image: Path | None
    person: PersonOptions
    ground_truth: str | None
    dataset: dict[str, Any]

    def of(self, sweeps: Sequence[OcclusionSweep]) -> list[Crop | People]:
        """Who is swept by each of some sweeps: a crop for each, by the rule of its model, or one data set.

        Raises:
            OcclusionToolkitError: the image or the data set cannot be used, or the models are not measured by
                the same rules.
        """
        from occlusion_toolkit.comparison.results import require_one_protocol
        from occlusion_toolkit.surveys.shards import survey_card

        if self.image is not None:
            crops = [self.person.crop(self.image, self.ground_truth, str(sweep.model)) for sweep in sweeps]
            cards = [sweep.card_of([crop]) for sweep, crop in zip(sweeps, crops, strict=True)]
            require_one_protocol(cards, ())  # now, and not after hours
            return [*crops]
        people = chosen_people(**self.dataset, protocols=[sweep.protocol for sweep in sweeps])
        require_one_protocol([survey_card(sweep, people) for sweep in sweeps], ())
        return [people for _ in sweeps]


report_option = click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page (.html)."
)
"""`--report` of an analysis that sweeps by itself."""


def image_or_people(command: _Command) -> _Command:
    """Adds IMAGE, its options and those of data sets; they arrive as the argument `who`."""

    @click.argument("image", required=False, type=click.Path(path_type=Path), metavar="[IMAGE]")
    @person_options
    @click.option(
        "--ground-truth",
        metavar="FILE|ROOT:SPLIT/SEQUENCE:FRAME",
        help="True pose of IMAGE: an .npz file, or a frame of a data set in 3DPW's layout.",
    )
    @dataset_options
    @functools.wraps(command)
    def gathering(
        *, image: Path | None, person: PersonOptions, ground_truth: str | None, **given: Any
    ) -> Any:
        dataset = {name: given.pop(name) for name in _DATASET}
        of_data_set = any(value not in (None, False, "open") for value in dataset.values())
        if image is not None and of_data_set:
            raise click.UsageError("Give an IMAGE, or the options of a data set, not both.")
        if image is None and (ground_truth is not None or person.says_where):
            raise click.UsageError("--ground-truth, --bbox, --openpose and --person go with an IMAGE.")
        return command(who=ImageOrPeople(image, person, ground_truth, dataset), **given)

    return cast(_Command, gathering)
