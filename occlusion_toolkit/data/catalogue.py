"""The data sets by name, each with the place where it is obtained; see docs/datasets.md."""

import logging
from collections.abc import Iterable
from pathlib import Path

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.data.people import EvenlySpaced, FrameFilter, People, PeopleList
from occlusion_toolkit.data.threedoh import SPLITS as THREEDOH_SPLITS
from occlusion_toolkit.data.threedoh import read_threedoh
from occlusion_toolkit.data.threedpw import SPLITS as THREEDPW_SPLITS
from occlusion_toolkit.data.threedpw import ThreeDPW, read_threedpw_list, sequence_files
from occlusion_toolkit.errors import DatasetError, UsageError
from occlusion_toolkit.files.home import HOME_VARIABLE, toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.trust import TrustedFiles

TEST_SEQUENCES = frozenset([
    "downtown_arguing_00", "downtown_bar_00", "downtown_bus_00", "downtown_cafe_00", "downtown_car_00",
    "downtown_crossStreets_00", "downtown_downstairs_00", "downtown_enterShop_00",
    "downtown_rampAndStairs_00", "downtown_runForBus_00", "downtown_runForBus_01", "downtown_sitOnStairs_00",
    "downtown_stairs_00", "downtown_upstairs_00", "downtown_walkBridge_01", "downtown_walkUphill_00",
    "downtown_walking_00", "downtown_warmWelcome_00", "downtown_weeklyMarket_00",
    "downtown_windowShopping_00", "flat_guitar_01", "flat_packBags_00", "office_phoneCall_00",
    "outdoors_fencing_01",
])  # fmt: skip
"""3DPW's test split."""

OCCLUDED_KINDS = frozenset([
    "courtyard_backpack", "courtyard_basketball", "courtyard_bodyScannerMotions", "courtyard_box",
    "courtyard_golf", "courtyard_jacket", "courtyard_laceShoe", "downtown_stairs", "flat_guitar",
    "flat_packBags", "outdoors_climbing", "outdoors_crosscountry", "outdoors_fencing", "outdoors_freestyle",
    "outdoors_golf", "outdoors_parcours", "outdoors_slalom",
])  # fmt: skip
"""3DPW-OCC: the first two words of the names of its sequences, in all three splits."""


def is_occluded(sequence: str) -> bool:
    """Whether a sequence of 3DPW belongs to 3DPW-OCC."""
    return _kind(sequence) in OCCLUDED_KINDS


def check_occluded(sequences: Iterable[str]) -> None:
    """Makes sure that sequences of 3DPW-OCC are all of it, as far as their names tell.

    Raises:
        DatasetError: none of a kind is among them.
    """
    if missing := sorted(OCCLUDED_KINDS - {_kind(sequence) for sequence in sequences}):
        raise DatasetError(
            f"3DPW-OCC takes sequences from 3DPW's train, validation and test split; {len(missing)} of its "
            f"{len(OCCLUDED_KINDS)} kinds are missing: {', '.join(missing)}"
        )


def _kind(sequence: str) -> str:
    return "_".join(sequence.split("_")[:2])


logger = logging.getLogger(__name__)

DATASETS = ("open", "3dpw", "3dpw-occ", "3doh")
"""Names of the data sets."""


HOW_TO_GET = {
    "3dpw": (
        "3DPW is at https://virtualhumans.mpi-inf.mpg.de/3DPW/ under its own licence for research; unpack "
        "sequenceFiles.zip and imageFiles.zip there"
    ),
    "3doh": (
        "3DOH50K is at https://www.yangangwang.com/papers/ZHANG-OOH-2020-03.html under its own licence for "
        "research; unpack the folder testset with annots.json and images there"
    ),
}
"""Of data sets that users fetch themselves, by their place under the toolkit's folder of data sets."""


def open_dataset(
    name: str,
    root: Path | str | None = None,
    split: str | None = None,
    frame_filter: FrameFilter | None = None,
    people_list: Path | None = None,
    trusted: TrustedFiles | None = None,
    *,
    limit: int | None = None,
    skip_bad: bool = False,
) -> People:
    """Opens a data set and checks all of its ground truth; images are looked for, not opened.

    Args:
        name: one of `DATASETS`.
        root: its folder; None for its place under `toolkit_home()`, and for the shipped set with "open".
        split: None for "test", and for "all" with 3dpw-occ, which takes sequences of all splits.
        frame_filter: frames of 3DPW to use; None for SPIN's.
        people_list: list of SPIN's or PARE's (.npz) to read instead of the data set's own ground truth.
        trusted: files that may be opened although they ask for foreign code.
        limit: use that many people only, evenly spaced over the data set.
        skip_bad: leave out people that cannot be used, with a warning that names them; they are counted in
            `left_out`.

    Raises:
        UsageError: there is no such data set, or the arguments do not go together.
        UnsafeFileError: a file asks for more than plain data.
        DatasetError: the data set is missing or malformed; the message lists every problem found.

    Example:
        >>> people = open_dataset("open", limit=4)
        >>> len(people), people[0].rotmats.shape
        (4, (24, 3, 3))
    """
    people = _opened(name, Path(root) if root else None, split, frame_filter, people_list, trusted, skip_bad)
    return people if limit is None else EvenlySpaced(people, limit)


def _opened(
    name: str,
    root: Path | None,
    split: str | None,
    frame_filter: FrameFilter | None,
    people_list: Path | None,
    trusted: TrustedFiles | None,
    skip_bad: bool,
) -> People:
    if name not in DATASETS:
        raise UsageError(f"there is no data set {name!r}; give one of {', '.join(DATASETS)}")
    if people_list is not None and name == "open":
        raise UsageError("the open data set has no published list; leave --list out")
    if frame_filter is not None and name == "3doh":
        raise UsageError("3DOH has one list of frames; leave --filter out")
    if frame_filter == "vibe" and people_list is not None:
        raise UsageError("a published list has no keypoints to filter by; leave --list out for --filter vibe")
    try:
        if name == "open":
            return ThreeDPW(
                root or shipped("open-test"),
                split or "test",
                dataset=name,
                frame_filter=frame_filter or "spin",
                trusted=trusted,
                skip_bad=skip_bad,
            )
        if name == "3doh":
            split = _checked_split(name, split or "test", THREEDOH_SPLITS)
            return read_threedoh(_found(root, "3doh"), split, people_list, skip_bad=skip_bad)
        root = _found(root, "3dpw")
        if people_list is not None:
            return _listed_threedpw(name, root, split, people_list, skip_bad)
        return _threedpw(name, root, split, frame_filter or "spin", trusted, skip_bad)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DatasetError(f"{error.filename or root!s} cannot be read: {reason}") from error


def _threedpw(
    name: str,
    root: Path,
    split: str | None,
    frame_filter: FrameFilter,
    trusted: TrustedFiles | None,
    skip_bad: bool,
) -> ThreeDPW:
    """3DPW or 3DPW-OCC from the official files."""
    names: list[str] | None = None
    if name == "3dpw-occ":
        split = _checked_split(name, split or "all", ("all",))
        names = [path.stem for path in sequence_files(root, split) if is_occluded(path.stem)]
        check_occluded(names)
    else:
        split = _checked_split(name, split or "test", (*THREEDPW_SPLITS, "all"))
        if split == "test":
            _warn_if_incomplete({path.stem for path in sequence_files(root, split)})
    people = ThreeDPW(
        root, split, names, dataset=name, frame_filter=frame_filter, trusted=trusted, skip_bad=skip_bad
    )
    if people.topology != SMPL_TOPOLOGY:
        raise DatasetError(
            f"{str(root)!r} is not {name}: its ground truth is of the body {people.topology!r}; "
            "give --dataset open for rendered people"
        )
    return people


def _listed_threedpw(
    name: str, root: Path, split: str | None, people_list: Path, skip_bad: bool
) -> PeopleList:
    """3DPW or 3DPW-OCC from a published list."""
    if name == "3dpw-occ":
        split = _checked_split(name, split or "all", ("all",))
        people = read_threedpw_list(people_list, root, name, split, is_occluded, skip_bad=skip_bad)
        check_occluded({item.sequence for item in people})
        return people
    split = _checked_split(name, split or "test", ("test", "all"))
    keep = TEST_SEQUENCES.__contains__ if split == "test" else bool
    people = read_threedpw_list(people_list, root, name, split, keep, skip_bad=skip_bad)
    if split == "test":
        _warn_if_incomplete({item.sequence for item in people})
    return people


def _found(root: Path | None, folder: str) -> Path:
    """The folder of a data set that users fetch themselves.

    Raises:
        DatasetError: it is not there; the message says where to get it and where to put it.
    """
    root = root or toolkit_home() / "data" / folder
    if not root.is_dir():
        raise DatasetError(
            f"there is no folder {str(root)!r}. {HOW_TO_GET[folder]}, or give the folder it is in with "
            f"--root (the default lies in ${HOME_VARIABLE})"
        )
    return root


def _checked_split(name: str, split: str, splits: tuple[str, ...]) -> str:
    if split not in splits:
        raise UsageError(f"{name} has no split {split!r} here; give {' or '.join(splits)}")
    return split


def _warn_if_incomplete(names: set[str]) -> None:
    """Warns that published numbers are of more sequences than there are here."""
    if missing := sorted(TEST_SEQUENCES - names):
        logger.warning("%d of 3DPW's 24 test sequences are missing, %s first", len(missing), missing[0])
