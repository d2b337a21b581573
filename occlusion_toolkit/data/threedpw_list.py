"""3DPW as SPIN's and PARE's lists (.npz) give it."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.data.people import PeopleList
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.published_list import read_list
from occlusion_toolkit.data.sample import Sample

_IMAGE = re.compile(r"image_(\d{5,9})\.jpg")

_MOST_PEOPLE = 2  # in a sequence of 3DPW


def read_threedpw_list(
    path: Path, root: Path, dataset: str, split: str, keep: Callable[[str], bool]
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

    Raises:
        UnsafeFileError: the file is missing, damaged or holds pickled objects.
        DatasetError: the file is no list, a row is not 3DPW's, or an image is missing; the message lists
            every problem found.
    """

    def locate(image: PurePosixPath) -> Path | None:
        file = root / image
        return file if not keep(image.parent.name) or file.is_file() else None

    people = read_list(path, locate, gendered=True)
    problems = Problems()
    person: Counter[str] = Counter()
    last: dict[str, int] = {}
    frames = []
    for row, image in enumerate(people.images):
        sequence, number = image.parent.name, _IMAGE.fullmatch(image.name)
        if number is None:
            problems.add(f"row {row} has the image {image.name}, not one like image_00000.jpg")
            continue
        frame = int(number[1])
        person[sequence] += frame <= last.get(sequence, -1)
        last[sequence] = frame
        if keep(sequence):
            frames.append(
                Sample(
                    image_path=image,
                    sequence=sequence,
                    frame=frame,
                    person=person[sequence],
                    gender=people.genders[row],
                    box=people.boxes[row],
                    rotmats=people.rotmats[row],
                    betas=people.betas[row],
                )
            )
    for sequence in sorted(name for name, index in person.items() if index >= _MOST_PEOPLE):
        problems.add(f"the rows of {sequence} are not one person after the other")
    problems.raise_for_dataset(path)
    left_out = {"of other sequences": len(people) - len(frames)}
    return PeopleList(dataset, split, root, SMPL_TOPOLOGY, frames, left_out, "spin")
