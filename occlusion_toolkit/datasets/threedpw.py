"""Data sets in the file layout of 3DPW: 3DPW itself, and what `occlusion-toolkit synthesize` renders.

    ROOT/sequenceFiles/SPLIT/SEQUENCE.pkl       ground truth of a sequence
    ROOT/imageFiles/SEQUENCE/image_00000.jpg    its images
    ROOT/partFiles/SEQUENCE/part_00000.png      body-part labels (rendered data only)
    ROOT/dataset.SPLIT.json                     topology id of the body (rendered data only)

Frames are those of SPIN's list: camera pose valid and the person seen, box from the 2D keypoints with a
margin of 1.2, root orientation turned into the camera frame, first ten betas. Order is by sequence name,
person, frame, whatever the order of the files on disk.
"""

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float32, Float64

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.datasets.boxes import BOX_MARGIN, CropBox
from occlusion_toolkit.datasets.threedpw_sequence import PersonTrack, is_folder_name, read_tracks
from occlusion_toolkit.errors import DatasetError

logger = logging.getLogger(__name__)

_SHOWN_PROBLEMS = 40


@dataclass(frozen=True)
class PersonFrame:
    """One person in one image, with ground truth.

    Attributes:
        image_path: the image.
        part_path: its part labels (uint8: 0 background, 1 + k for part k); None where there are none.
        sequence: name of the sequence.
        frame: number of the image.
        person: index of the person in the sequence.
        gender: "male", "female" or "neutral".
        box: square around the 2D keypoints, margin included.
        rotmats: rotations, the root's in the camera frame, (24, 3, 3).
        betas: shape, (10,).
        joints_m: kinematic SMPL joints in the camera frame, (24, 3), metres.
        keypoints_px: x, y in pixels and confidence of 18 COCO keypoints, (18, 3).
        intrinsics: of the camera, (3, 3), pixels.
    """

    image_path: Path
    part_path: Path | None
    sequence: str
    frame: int
    person: int
    gender: str
    box: CropBox
    rotmats: Float32[np.ndarray, "24 3 3"]
    betas: Float32[np.ndarray, " 10"]
    joints_m: Float32[np.ndarray, "24 3"]
    keypoints_px: Float32[np.ndarray, "18 3"]
    intrinsics: Float64[np.ndarray, "3 3"]


class ThreeDPW(Sequence[PersonFrame]):
    """All usable person-frames of a split. Pickles are read one after the other, about 1.4 kB kept per frame.

    Attributes:
        root: folder of the data set.
        split: folder under sequenceFiles.
        tracks: people of all sequences, in order.
        topology: topology id of the body that the ground truth belongs to; SMPL's where the data set does
            not say, as 3DPW itself.
    """

    def __init__(self, root: Path | str, split: str, sequences: Collection[str] | None = None) -> None:
        """Reads and checks the ground truth; images are only looked for, not opened.

        Args:
            root: folder of the data set.
            split: "train", "validation" or "test", a folder under sequenceFiles.
            sequences: names of the sequences to use; all when None.

        Raises:
            UnsafeFileError: a pickle asks for more than plain data.
            DatasetError: the data set is missing or malformed; the message lists every problem found.
        """
        self.root, self.split = Path(root), split
        problems: list[str] = []
        tracks: list[PersonTrack] = []
        for path in _sequence_files(self.root, split, sequences):
            try:
                found = read_tracks(path)
            except DatasetError as error:
                problems += [f"{path.name}: {line}" for line in str(error).splitlines()]
                continue
            problems += _missing_images(self.root, found)
            tracks += found
        if problems:
            raise DatasetError(_listed(self.root, problems))
        self.tracks = tuple(tracks)
        self.topology = _topology(self.root, split)
        self._ends = np.cumsum([len(track.frames) for track in tracks], dtype=np.int64)
        logger.info("%s %s: %d person-frames, left out: %s", self.root, split, len(self), self.left_out)

    @property
    def left_out(self) -> dict[str, int]:
        """How many person-frames are not used, by reason."""
        return {
            "camera pose not valid": sum(track.camera_invalid for track in self.tracks),
            "fewer than two keypoints seen": sum(track.unseen for track in self.tracks),
        }

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, index: int) -> PersonFrame: ...
    @overload
    def __getitem__(self, index: slice) -> list[PersonFrame]: ...
    def __getitem__(self, index: int | slice) -> PersonFrame | list[PersonFrame]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"person-frame {index} of {len(self)}")
        number = int(np.searchsorted(self._ends, position, side="right"))
        track = self.tracks[number]
        return self._person_frame(track, position - int(self._ends[number]) + len(track.frames))

    def __iter__(self) -> Iterator[PersonFrame]:
        for track in self.tracks:
            for row in range(len(track.frames)):
                yield self._person_frame(track, row)

    def find(self, sequence: str, frame: int, person: int = 0) -> PersonFrame:
        """The person-frame of an image.

        Raises:
            DatasetError: it is not among the usable ones; the message says which are.
        """
        for track in self.tracks:
            if (track.sequence, track.person) == (sequence, person):
                row = int(np.searchsorted(track.frames, frame))
                if row < len(track.frames) and track.frames[row] == frame:
                    return self._person_frame(track, row)
                usable = f"{track.frames[0]} to {track.frames[-1]}" if len(track.frames) else "none"
                raise DatasetError(
                    f"frame {frame} of person {person} of {self.split}/{sequence} cannot be used; "
                    f"usable frames: {usable}"
                )
        people = [str(track.person) for track in self.tracks if track.sequence == sequence]
        raise DatasetError(
            f"{self.split}/{sequence} has no person {person}; it has: {', '.join(people) or 'none'}"
        )

    def _person_frame(self, track: PersonTrack, row: int) -> PersonFrame:
        frame = int(track.frames[row])
        part_path = self.root / "partFiles" / track.sequence / f"part_{frame:05d}.png"
        return PersonFrame(
            image_path=_image_folder(self.root, track.sequence) / _image_name(frame),
            part_path=part_path if part_path.is_file() else None,
            sequence=track.sequence,
            frame=frame,
            person=track.person,
            gender=track.gender,
            box=CropBox.from_keypoints(track.keypoints_px[row], BOX_MARGIN),
            rotmats=track.rotmats[row],
            betas=track.betas,
            joints_m=track.joints_m[row],
            keypoints_px=track.keypoints_px[row],
            intrinsics=track.intrinsics,
        )


def _image_folder(root: Path, sequence: str) -> Path:
    return root / "imageFiles" / sequence


def _image_name(frame: int) -> str:
    return f"image_{frame:05d}.jpg"


def _sequence_files(root: Path, split: str, sequences: Collection[str] | None) -> list[Path]:
    """The pickles of a split in the order of their names, all or some.

    Raises:
        DatasetError: the folder, the split or a sequence does not exist.
    """
    folder = root / "sequenceFiles"
    if not folder.is_dir():
        raise DatasetError(f"{str(root)!r} has no folder 'sequenceFiles'; give the root of the data set")
    if not is_folder_name(split) or not (folder / split).is_dir():
        splits = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir()))
        raise DatasetError(f"{str(root)!r} has no split {split!r}; it has: {splits or 'none'}")
    if sequences is not None:  # looked up one by one: a split can have thousands
        files = {name: folder / split / f"{name}.pkl" for name in sorted(set(sequences))}
        unknown = [name for name, file in files.items() if not is_folder_name(name) or not file.is_file()]
        if unknown:
            raise DatasetError(f"{str(folder / split)!r} has no sequence {', '.join(unknown)}")
        return list(files.values())
    found = sorted((folder / split).glob("*.pkl"))
    if not found:
        raise DatasetError(f"{str(folder / split)!r} has no sequences (*.pkl)")
    return found


def _missing_images(root: Path, tracks: Sequence[PersonTrack]) -> list[str]:
    """The problem, if any, of a sequence that lacks images; its folder is listed, images are not opened."""
    if not tracks:
        return []
    sequence = tracks[0].sequence
    folder = _image_folder(root, sequence)
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    needed = {_image_name(int(frame)) for track in tracks for frame in track.frames}
    missing = sorted(needed - present)
    if not missing:
        return []
    return [f"{sequence}: imageFiles/{sequence} lacks {len(missing)} images, {missing[0]} first"]


def _topology(root: Path, split: str) -> str:
    for path in (root / f"dataset.{split}.json", root / "dataset.json"):
        if path.is_file():
            try:
                topology = json.loads(path.read_text(encoding="utf-8"))["body"]
            except (OSError, ValueError, LookupError, TypeError) as error:
                raise DatasetError(f"{str(path)!r} does not name the body of the data set") from error
            return str(topology)
    return SMPL_TOPOLOGY


def _listed(root: Path, problems: list[str]) -> str:
    hidden = len(problems) - _SHOWN_PROBLEMS
    lines = [f"{str(root)!r} has {len(problems)} problems:", *problems[:_SHOWN_PROBLEMS]]
    return "\n  ".join([*lines, f"and {hidden} more"] if hidden > 0 else lines)
