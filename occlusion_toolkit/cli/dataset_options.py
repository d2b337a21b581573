"""The options that choose the people of a data set, for every command that runs over one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from occlusion_toolkit.cli.trust_option import trusted_files

if TYPE_CHECKING:
    from occlusion_toolkit.data.people import FrameFilter, People
    from occlusion_toolkit.data.protocol import Protocol

_Command = TypeVar("_Command", bound=Callable[..., Any])

_DATASETS = ("open", "3dpw", "3dpw-occ", "3doh")  # as in data.catalogue, which is too slow to import here


def dataset_options(command: _Command) -> _Command:
    """Adds the options, which arrive under the names of the arguments of `chosen_people`."""
    options = (
        click.option("--dataset", type=click.Choice(_DATASETS), default="open", show_default=True),
        click.option(
            "--root",
            type=click.Path(path_type=Path),
            help="Folder of the data set. Default: its place in the toolkit's folder; open comes with it.",
        ),
        click.option(
            "--list",
            "people_list",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Published list of SPIN or PARE (.npz) to read instead of the data set's own ground truth.",
        ),
        click.option("--split", metavar="NAME", help="test (default), train, validation or all."),
        click.option(
            "--filter",
            "frame_filter",
            type=click.Choice(["spin", "vibe"]),
            help="Frames of 3DPW to use: SPIN's, or VIBE's with 7 of 12 limb joints seen. "
            "Default: those of the model's paper (EFT vibe, others spin).",
        ),
        click.option(
            "--limit",
            type=click.IntRange(min=1),
            metavar="N",
            help="Use N people only, evenly spaced over the data set.",
        ),
        click.option(
            "--skip-bad",
            is_flag=True,
            help="Leave out frames that cannot be used (NaN, missing images), and list them.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def chosen_people(
    dataset: str,
    root: Path | None,
    people_list: Path | None,
    split: str | None,
    frame_filter: FrameFilter | None,
    limit: int | None,
    skip_bad: bool,
    *,
    protocols: Sequence[Protocol] = (),
) -> People:
    """Opens the data set that the options name.

    Args:
        dataset: and the following, as the options were given.
        root: see there.
        people_list: see there.
        split: see there.
        frame_filter: see there; where it is not given, that of the models' papers.
        limit: see there.
        skip_bad: see there.
        protocols: of the models that all measure these people.

    Raises:
        UsageError: the options do not go together, or the papers use different frames.
        DatasetError: the data set is missing or malformed.
        UnsafeFileError: a file asks for more than plain data.
    """
    from occlusion_toolkit.data.catalogue import open_dataset

    if protocols:
        frame_filter = chosen_filter(dataset, people_list, frame_filter, protocols)
    return open_dataset(
        dataset, root, split, frame_filter, people_list, trusted_files(), limit=limit, skip_bad=skip_bad
    )


def chosen_filter(
    dataset: str,
    people_list: Path | None,
    frame_filter: FrameFilter | None,
    protocols: Sequence[Protocol],
    **_others: Any,
) -> FrameFilter | None:
    """The filter that the options name or, on 3DPW, the one that the papers of the models share.

    A paper's filter is a rule about the frames of 3DPW; 3DPW-OCC and published lists have their own.

    Raises:
        UsageError: the papers use different frames.
    """
    from occlusion_toolkit.errors import UsageError

    if frame_filter is not None or dataset != "3dpw" or people_list is not None:
        return frame_filter
    filters = {protocol.frame_filter for protocol in protocols}
    if len(filters) > 1:
        raise UsageError(
            "the models are compared on the same frames, but their papers use different ones of 3DPW; give "
            "--filter spin (SPIN's and PARE's) or --filter vibe (EFT's)"
        )
    return filters.pop()
