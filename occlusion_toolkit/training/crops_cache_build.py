"""From a data set in 3DPW's layout with part labels to the crops cache."""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import DatasetError, OcclusionToolkitError, TopologyError, TrainingError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.files.machine import processors
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.crops_cache import CROP_PX, MARGIN, CachedPerson, CropsCache, halve
from occlusion_toolkit.training.processes import Progress, locked, quiet_worker

logger = logging.getLogger(__name__)
CAPACITY = 100_000
"""People that a new cache has room for; room takes no disk."""

_FEW = 64
"""Sequences that are quickly made by one process."""

PIXEL_CENTRE = 0.5
"""Intrinsics have pixel centres at whole numbers (OpenCV); boxes have pixel borders there."""

_Made = list[CachedPerson] | OcclusionToolkitError


def build_crops_cache(
    cache_folder: Path, data: Path, bodies: TrainingBodies, progress: Progress | None = None
) -> CropsCache:
    """Add the new sequences of a data set to a cache, once: a second process waits until it is done.

    Args:
        cache_folder: where the cache is or shall be.
        data: the data set.
        bodies: the bodies that the data set was made with.
        progress: called with the sequences done and their number.

    Returns:
        The cache, read-only.

    Raises:
        TrainingError: the cache was made of other people.
    """
    with locked(cache_folder):
        extend_cache(CropsCache.create(cache_folder, CAPACITY), data, bodies, progress)
    return CropsCache(cache_folder)


def extend_cache(
    cache: CropsCache, root: Path, bodies: TrainingBodies, progress: Progress | None = None
) -> int:
    """Add the training sequences that the cache does not have yet, in the order of their names.

    A data set may still be growing: `synthesize` writes the ground truth of a sequence last.

    Args:
        cache: a writable cache.
        root: the data set.
        bodies: the bodies that the data set was made with.
        progress: called with the sequences done and their number.

    Returns:
        Number of people added.

    Raises:
        TrainingError: the cache was made of other people, or of the same at an earlier time.
        DatasetError: the data set is incomplete.
        TopologyError: the data set was made with another body.
    """
    before = len(cache)
    files = {path.stem: path for path in sorted((root / "sequenceFiles" / "train").glob("*.pkl"))}
    checksums = {name: sha256_file(path) for name, path in files.items()}
    known = dict(zip(cache.sequences, cache.checksums, strict=True))
    others = [name for name, checksum in known.items() if checksums.get(name) != checksum]
    if others:
        raise TrainingError(
            f"The crops cache {cache.folder} holds other people than {root}: {len(others)} sequences are not "
            f"there or differ, among them {others[0]}. Choose another --cache, or delete that folder."
        )
    new = [name for name in files if name not in known]
    # Without workers where few are new: starting them takes longer.
    workers = processors() if len(new) > _FEW else 0
    made = DataLoader(
        _NewSequences(root, new, bodies),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=quiet_worker,
        collate_fn=_unchanged,
    )
    for done, (name, people) in enumerate(zip(new, made, strict=True), len(known) + 1):
        if isinstance(people, OcclusionToolkitError):
            raise people
        cache.append(name, people, checksums[name])
        if progress is not None:
            progress(done, len(files))
    logger.info("%s: %d people of %d sequences", cache.folder, len(cache), len(cache.sequences))
    return len(cache) - before


class _NewSequences(Dataset[_Made]):
    """The people of each sequence, or what is wrong with it: a worker's error comes with a traceback."""

    def __init__(self, root: Path, names: list[str], bodies: TrainingBodies) -> None:
        self._root, self._names, self._bodies = root, names, bodies

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> _Made:
        try:
            frames = ThreeDPW(self._root, "train", [self._names[index]])
            if frames.topology != self._bodies.topology:
                made_with = frames.topology or "SMPL"
                return TopologyError(
                    f"{self._root} was made with body {made_with}, training is for {self._bodies.topology}."
                )
            return [cached_person(frame, self._bodies) for frame in frames]
        except OcclusionToolkitError as error:
            return error


def _unchanged(people: _Made) -> _Made:
    return people


def cached_person(frame: Sample, bodies: TrainingBodies) -> CachedPerson:
    """Cut one person out and bring the ground truth into the coordinates of their box.

    Raises:
        DatasetError: the frame has no part labels, joints or camera.
    """
    parameters = BodyParameters(
        torch.from_numpy(frame.rotmats[None]), torch.from_numpy(frame.betas[None]), torch.zeros(1, 3)
    )
    if frame.joints_m is None or frame.intrinsics is None:
        raise DatasetError(f"{frame.image_path} has no joints or no camera; training needs 3DPW's layout.")
    body, joints = bodies.model("neutral"), bodies.joints("neutral")
    pelvis = body.joints(parameters, SMPL24)[0, SMPL24.index("pelvis")]
    centred = (joints(parameters)[0] - pelvis).double().numpy()
    projected = (centred + frame.joints_m[0]) @ frame.intrinsics.T
    pixels = projected[:, :2] / projected[:, 2:] + PIXEL_CENTRE
    seen = (2 * (pixels - frame.box.centre) / frame.box.size).astype(np.float32)
    square = CropBox(frame.box.centre, frame.box.size * MARGIN)
    crop = crop_image(read_image(frame.image_path).pixels, square, CROP_PX)
    return CachedPerson(
        crops=crop,
        halved=halve(crop),
        labels=_crop_labels(_read_labels(frame), square),
        rotmats=frame.rotmats,
        betas=frame.betas,
        joints_3d=centred.astype(np.float32),
        joints_2d=seen,
    )


def _crop_labels(labels: npt.NDArray[np.uint8], square: CropBox) -> npt.NDArray[np.uint8]:
    """The labels of a square at half the size of its picture, nearest neighbour, background outside."""
    size = CROP_PX // 2
    step = square.size / size
    (x, y), half = square.centre, square.size / 2
    affine = (step, 0, x - half, 0, step, y - half)
    whole = Image.fromarray(labels)
    return np.asarray(whole.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.NEAREST))


def _read_labels(frame: Sample) -> npt.NDArray[np.uint8]:
    if frame.part_path is None:
        raise DatasetError(
            f"{frame.image_path} has no part labels under partFiles; training needs data of `synthesize`."
        )
    try:
        with Image.open(frame.part_path) as image:
            return np.asarray(image.convert("L"))
    except OSError as error:
        raise DatasetError(f"Cannot read the part labels {frame.part_path} ({error}).") from error
