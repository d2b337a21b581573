"""Data sets in the file layout of 3DPW: 3DPW itself, and what `occlusion-toolkit synthesize` renders.

    ROOT/sequenceFiles/SPLIT/SEQUENCE.pkl       ground truth of a sequence
    ROOT/imageFiles/SEQUENCE/image_00000.jpg    its images
    ROOT/partFiles/SEQUENCE/part_00000.png      body-part labels (rendered data only)
    ROOT/dataset.SPLIT.json                     topology id of the body (rendered data only)

Frames are those of SPIN's list: camera pose valid and the person seen, box from the 2D keypoints with a
margin of 1.2, root orientation turned into the camera frame, first ten betas. Order is by sequence name,
person, frame, whatever the order of the files on disk. Lists of SPIN's and PARE's (.npz) are read too.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.people import BAD, FrameFilter, People, PeopleList
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.published_list import read_list
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.threedpw_frames import seen_extent
from occlusion_toolkit.data.threedpw_sequence import (
    PersonTrack,
    is_folder_name,
    read_tracks,
)
from occlusion_toolkit.errors import DatasetError, UnsafeFileError
from occlusion_toolkit.files.trust import TrustedFiles

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
"""3DPW's splits; "all" stands for the three together."""


class ThreeDPW(People):
    """All usable samples of a split. Pickles are read one after the other, about 1.4 kB kept per frame.

    The topology is SMPL's where the data set does not say, as 3DPW itself.

    Attributes:
        tracks: people of all sequences, in order.
    """

    def __init__(
        self,
        root: Path | str,
        split: str,
        sequences: Collection[str] | None = None,
        *,
        dataset: str = "3dpw",
        frame_filter: FrameFilter = "spin",
        trusted: TrustedFiles | None = None,
        skip_bad: bool = False,
    ) -> None:
        """Reads and checks the ground truth; images are only looked for, not opened.

        Args:
            root: folder of the data set.
            split: "train", "validation" or "test", a folder under sequenceFiles; "all" for these three.
            sequences: names of the sequences to use; all when None.
            dataset: id of the data set.
            frame_filter: which frames are used.
            trusted: pickles that may be opened although they ask for foreign code.
            skip_bad: leave out frames that cannot be used, with a warning that names them.

        Raises:
            UnsafeFileError: a pickle asks for more than plain data.
            DatasetError: the data set is missing or malformed. Either message lists every problem found.
        """
        self.dataset, self.root, self.split, self.frame_filter = dataset, Path(root), split, frame_filter
        problems = Problems(skip_bad=skip_bad)
        tracks: list[PersonTrack] = []
        for path in sequence_files(self.root, split, sequences):
            try:
                found = read_tracks(path, frame_filter, trusted, skip_bad=skip_bad)
            except (DatasetError, UnsafeFileError) as error:
                problems.extend(path.name, error)
                continue
            tracks += _with_images(self.root, found, problems)
            problems.warn(path.name)
        problems.raise_for_dataset(self.root)
        self.tracks = tuple(tracks)
        self.topology = _topology(self.root, split)
        self._ends = np.cumsum([len(track.frames) for track in tracks], dtype=np.int64)
        self._has_parts = (self.root / "partFiles").is_dir()
        logger.info("%s %s: %d samples, left out: %s", self.root, split, len(self), self.left_out)

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many samples are not used, by reason."""
        total: Counter[str] = Counter()
        for track in self.tracks:
            total.update(track.left_out)
        return dict(total)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def sample_at(self, position: int) -> Sample:
        """The sample at a position."""
        number = int(np.searchsorted(self._ends, position, side="right"))
        track = self.tracks[number]
        return self._sample(track, position - int(self._ends[number]) + len(track.frames))

    def find(self, sequence: str, frame: int, person: int = 0) -> Sample:
        """The sample of an image.

        Raises:
            DatasetError: it is not among the usable ones; the message says which are.
        """
        for track in self.tracks:
            if (track.sequence, track.person) == (sequence, person):
                row = int(np.searchsorted(track.frames, frame))
                if row < len(track.frames) and track.frames[row] == frame:
                    return self._sample(track, row)
                usable = f"{track.frames[0]} to {track.frames[-1]}" if len(track.frames) else "none"
                raise DatasetError(
                    f"frame {frame} of person {person} of {self.split}/{sequence} cannot be used; "
                    f"usable frames: {usable}"
                )
        people = [str(track.person) for track in self.tracks if track.sequence == sequence]
        raise DatasetError(
            f"{self.split}/{sequence} has no person {person}; it has: {', '.join(people) or 'none'}"
        )

    def _sample(self, track: PersonTrack, row: int) -> Sample:
        frame = int(track.frames[row])
        x, y, side = track.boxes_px[row].tolist()
        return Sample(
            image_path=self.root / f"imageFiles/{track.sequence}/{_image_name(frame)}",
            sequence=track.sequence,
            frame=frame,
            person=track.person,
            gender=track.gender,
            box=CropBox((x, y), side, seen_extent(track.keypoints_px[row])),
            rotmats=track.rotmats[row],
            betas=track.betas,
            joints_m=None if track.joints_m is None else track.joints_m[row],
            keypoints_px=track.keypoints_px[row],
            intrinsics=track.intrinsics,
            part_path=self._part_path(track.sequence, frame) if self._has_parts else None,
        )

    def _part_path(self, sequence: str, frame: int) -> Path | None:
        path = self.root / f"partFiles/{sequence}/part_{frame:05d}.png"
        return path if path.is_file() else None


def sequence_files(root: Path, split: str, sequences: Collection[str] | None = None) -> list[Path]:
    """The pickles of a split, or of all three, in the order of their names.

    Args:
        root: folder of the data set.
        split: folder under sequenceFiles, or "all" for 3DPW's three.
        sequences: names of the sequences; all when None.

    Raises:
        DatasetError: the folder, a split or a sequence does not exist.
    """
    folder = root / "sequenceFiles"
    if not folder.is_dir():
        raise DatasetError(f"{str(root)!r} has no folder 'sequenceFiles'; give the root of the data set")
    folders = [folder / name for name in (SPLITS if split == "all" else (split,))]
    for path in folders:
        if not is_folder_name(path.name) or path.parent != folder or not path.is_dir():
            splits = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir()))
            raise DatasetError(f"{str(root)!r} has no split {path.name!r}; it has: {splits or 'none'}")
    if sequences is None:
        found = [path for folder in folders for path in folder.glob("*.pkl")]
    else:  # looked up one by one: a split can have thousands
        names = [name for name in set(sequences) if is_folder_name(name)]
        found = [path for folder in folders for name in names if (path := folder / f"{name}.pkl").is_file()]
        if unknown := sorted(set(sequences) - {path.stem for path in found}):
            raise DatasetError(f"split {split!r} of {str(root)!r} has no sequence {', '.join(unknown)}")
    if not found:
        raise DatasetError(f"split {split!r} of {str(root)!r} has no sequences (*.pkl)")
    if twice := [name for name, count in Counter(path.stem for path in found).items() if count > 1]:
        raise DatasetError(f"{str(root)!r} has sequences in more than one split: {', '.join(sorted(twice))}")
    return sorted(found, key=lambda path: path.stem)


def _image_name(frame: int) -> str:
    return f"image_{frame:05d}.jpg"


def _with_images(root: Path, tracks: Sequence[PersonTrack], problems: Problems) -> tuple[PersonTrack, ...]:
    """The tracks, where the sequence lacks images noted as a problem, or skipped.

    The folder of images is listed, images are not opened.
    """
    if not tracks:
        return ()
    sequence = tracks[0].sequence
    folder = root / "imageFiles" / sequence
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    needed = {_image_name(int(frame)) for track in tracks for frame in track.frames}
    missing = sorted(needed - present)
    if not missing:
        return tuple(tracks)
    lacking = f"imageFiles/{sequence} lacks {len(missing)} images, {missing[0]} first"
    if not problems.skip_bad:
        problems.add(f"{sequence}: {lacking} (--skip-bad leaves out what cannot be used)")
        return ()
    problems.remarks.append(f"skipped frames without an image: {lacking}")
    return tuple(
        track.without(np.array([_image_name(int(frame)) not in present for frame in track.frames], bool))
        for track in tracks
    )


def _topology(root: Path, split: str) -> str:
    for path in (root / f"dataset.{split}.json", root / "dataset.json"):
        if path.is_file():
            try:
                topology = json.loads(path.read_text(encoding="utf-8"))["body"]
            except (OSError, ValueError, LookupError, TypeError) as error:
                raise DatasetError(f"{str(path)!r} does not name the body of the data set") from error
            return str(topology)
    return SMPL_TOPOLOGY


_IMAGE = re.compile(r"image_(\d{5,9})\.jpg")

_MOST_PEOPLE = 2  # in a sequence of 3DPW


def read_threedpw_list(
    path: Path,
    root: Path,
    dataset: str,
    split: str,
    keep: Callable[[str], bool],
    *,
    skip_bad: bool = False,
) -> PeopleList:
    """Reads a list of people of 3DPW.

    The files do not say which of two people a row is; they hold one after the other, so the second begins
    where the frame numbers of a sequence start again.

    Args:
        path: the .npz file.
        root: folder of 3DPW; names of images in the list are relative to it.
        dataset: id of the data set.
        split: name of the split.
        keep: whether a sequence belongs to it.
        skip_bad: leave out rows that cannot be used, with a warning that names them.

    Raises:
        UnsafeFileError: the file is missing, damaged or holds pickled objects.
        DatasetError: the file is no list, a row is not 3DPW's, or an image is missing; the message lists
            every problem found.
    """

    def locate(image: PurePosixPath) -> Path | None:
        file = root / image
        return file if not keep(image.parent.name) or file.is_file() else None

    people = read_list(path, locate, gendered=True, skip_bad=skip_bad)
    problems = Problems()
    person: Counter[str] = Counter()
    last: dict[str, int] = {}
    samples = []
    for row, image in enumerate(people.images):
        sequence, number = image.parent.name, _IMAGE.fullmatch(image.name)
        if number is None:
            problems.add(f"row {row} has the image {image.name}, not one like image_00000.jpg")
            continue
        frame = int(number[1])
        person[sequence] += frame <= last.get(sequence, -1)
        last[sequence] = frame
        if keep(sequence):
            samples.append(people.sample(row, sequence, frame, person[sequence]))
    for sequence in sorted(name for name, index in person.items() if index >= _MOST_PEOPLE):
        problems.add(f"the rows of {sequence} are not one person after the other")
    problems.raise_for_dataset(path)
    left_out = {"of other sequences": len(people) - len(samples)}
    if people.skipped:
        left_out[BAD] = people.skipped
    return PeopleList(dataset, split, root, SMPL_TOPOLOGY, samples, left_out, "spin")
