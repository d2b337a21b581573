"""The annotations of one training set as one table of arrays, however they were published."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.problems import Problems


class ImageFolder:
    """Images below the folder of a data set.

    Args:
        root: the folder.
        places: sub-folders in which an image may lie that the annotations name without a folder, or with
            another one.
    """

    def __init__(self, root: Path, places: tuple[str, ...] = ()) -> None:
        self.root = root
        self._places = tuple(PurePosixPath(place) for place in places)
        self._listed: dict[PurePosixPath, frozenset[str]] = {}

    def find(self, name: str) -> str | None:
        """The path below the root of an image by its name in a file; None where it is not there."""
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name or not path.name:
            return None
        for candidate in (path, *(place / path.name for place in self._places)):
            if candidate.name in self._names(candidate.parent):
                return candidate.as_posix()
        return None

    def find_all(self, names: Iterable[str], problems: Problems) -> np.ndarray:
        """Paths below the root as fixed-width bytes, N; those that are missing are noted and empty."""
        names = list(names)
        found = [self.find(name) for name in names]
        missing = [name for name, path in zip(names, found, strict=True) if path is None]
        problems.missing(missing, f"below {str(self.root)!r}: ")
        return np.array([(path or "").encode() for path in found], np.bytes_)

    def _names(self, folder: PurePosixPath) -> frozenset[str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(entry.name for entry in (self.root / folder).iterdir())
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]


@dataclass(frozen=True)
class AnnotationTable:
    """N people, in the order of the file; all values are finite.

    Attributes:
        root: folder that the images are in.
        images: names of the images below the root, UTF-8, N.
        boxes_px: centre x, y and side of the square around the person, margin included, (N, 3), pixels.
        keypoints_px: x, y in pixels and confidence of `SPIN49`, (N, 49, 3); confidence 0 is not annotated.
        joints_m: camera frame, any origin, metres, and confidence of `J24`, (N, 24, 4); None where nobody
            has any.
        poses: axis-angle of the 24 joints, the root's in the camera frame, (N, 72); None without bodies.
        betas: shape, (N, 10); None without bodies.
        cameras: (s, tx, ty) of `BodyParameters` for the crop of the box, (N, 3); None where not published.
        pinholes: the true camera of each person without its rotation, (N, 7): what is added to the body
            (metres), the focal lengths in half box sides, and the principal point in [-1, 1] over the box;
            None where not published.
        has_smpl: whose pose and betas are annotated, (N,).
        has_pose_3d: whose joints are annotated in 3D, (N,).
        genders: which of SMPL's bodies the betas belong to, index into `GENDERS`, (N,).
    """

    root: Path
    images: np.ndarray
    boxes_px: Float64[np.ndarray, "people 3"]
    keypoints_px: Float32[np.ndarray, "people 49 3"]
    joints_m: Float32[np.ndarray, "people 24 4"] | None
    poses: Float32[np.ndarray, "people 72"] | None
    betas: Float32[np.ndarray, "people 10"] | None
    cameras: Float32[np.ndarray, "people 3"] | None
    pinholes: Float32[np.ndarray, "people 7"] | None
    has_smpl: Bool[np.ndarray, " people"]
    has_pose_3d: Bool[np.ndarray, " people"]
    genders: UInt8[np.ndarray, " people"]

    def __len__(self) -> int:
        return len(self.images)

    def image_path(self, row: int) -> Path:
        """The image of a person."""
        name: bytes = self.images[row]
        return self.root / name.decode()

    def box(self, row: int) -> CropBox:
        """The square around a person."""
        x, y, side = self.boxes_px[row].tolist()
        return CropBox((x, y), side)

    def gender(self, row: int) -> Gender:
        """The body that a person's betas belong to."""
        return GENDERS[int(self.genders[row])]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all arrays; the folder the images lie in does not matter."""
        digest = hashlib.sha256()
        for field in fields(self):
            values = getattr(self, field.name)
            if isinstance(values, np.ndarray):
                digest.update(f"{field.name} {values.dtype.str} {values.shape}".encode())
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()
