"""Ground truth of one person for `heatmap --ground-truth`, from a file of arrays or from a data set."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.sample import are_rotations
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import CropError, GroundTruthError, UnsafeFileError
from occlusion_toolkit.files.arrays import load_npz
from occlusion_toolkit.files.trust import TrustedFiles

_FRAME = re.compile(
    r"(?P<root>.+):(?P<split>[^:/\\]+)/(?P<sequence>[^:/\\]+):(?P<frame>\d{1,9})(:(?P<person>\d{1,3}))?"
)

_MAX_BYTES = 64 * 1024**2  # more than one person's ground truth ever has

_UNKNOWN_CAMERA = (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class GroundTruth:
    """One person's true body.

    Attributes:
        parameters: batch of one, root in the camera frame; the camera is (1, 0, 0) where it is unknown.
        has_camera: whether the camera of `parameters` is known.
        topology: topology id of the body that the parameters belong to; None where the source does not say.
        box: square around the person, None where the source has none.
        gender: "male", "female" or "neutral"; None where the source does not say.
        image_path: the image it belongs to; None where the source does not say.
        image_sha256: checksum of the file of that image; None where the source names a path, or does not say.
        dataset: name of the data set's folder, None for a file.
        split: of the data set, None for a file.
        focal_px: focal length of the image, pixels; None where the source does not say.
    """

    parameters: BodyParameters
    has_camera: bool
    topology: str | None = None
    box: CropBox | None = None
    gender: str | None = None
    image_path: Path | None = None
    image_sha256: str | None = None
    dataset: str | None = None
    split: str | None = None
    focal_px: float | None = None


def load_ground_truth(source: str, trusted: TrustedFiles | None = None) -> GroundTruth:
    """Loads ground truth from an .npz file or from a frame of a data set in 3DPW's layout.

    The .npz holds `pose` (72,), axis-angle, or `rotmats` (24, 3, 3), the root in the camera frame (x right,
    y down, z forward), and `betas` (10,). Optional: `camera` (s, tx, ty) of the crop, `bbox`
    (x, y, width, height) of the person in pixels of the image (a margin of 1.2 is added), `topology`, the
    id of the body, `gender`, and `image_sha256`, the checksum of the image's file. Other arrays are not read.

    A frame is ROOT:SPLIT/SEQUENCE:FRAME[:PERSON], for instance `data/3dpw:test/downtown_bar_00:120:1`; the
    person is 0 where none is given.

    Args:
        source: the file or the frame.
        trusted: pickles of a data set that may be opened although they ask for foreign code.

    Raises:
        GroundTruthError: the source is missing or malformed, or a value is not finite.
        DatasetError: the data set has problems, or not that frame.
        UnsafeFileError: a pickle of the data set asks for more than plain data.
    """
    path = Path(source)
    match = _FRAME.fullmatch(source)
    if path.suffix == ".npz":
        return _from_npz(path)
    if match is None:
        raise GroundTruthError(
            f"{source!r} is neither an .npz file nor a frame ROOT:SPLIT/SEQUENCE:FRAME[:PERSON]"
        )
    data = ThreeDPW(
        match["root"], match["split"], [match["sequence"]], trusted=trusted, skip_bad=True
    )  # a bad frame elsewhere in the sequence is no reason to refuse this one
    found = data.find(match["sequence"], int(match["frame"]), int(match["person"] or 0))
    return GroundTruth(
        parameters=_parameters(found.rotmats, found.betas, _UNKNOWN_CAMERA),
        has_camera=False,
        topology=data.topology,
        box=found.box,
        gender=found.gender,
        image_path=found.image_path,
        dataset=data.root.resolve().name,
        split=data.split,
        focal_px=found.focal_px,
    )


def _from_npz(path: Path) -> GroundTruth:
    """Reads the arrays of a file; pickled objects in it are never opened."""
    arrays = _Arrays(path)
    if (rotmats := arrays.get("rotmats", 24, 3, 3)) is not None:
        if not are_rotations(rotmats).all():
            arrays.fail("rotmats has a matrix that is not a rotation")
    elif (pose := arrays.get("pose", 72)) is not None:
        rotmats = Rotation.from_rotvec(pose.reshape(24, 3)).as_matrix()
    else:
        arrays.fail("it has neither 'pose' nor 'rotmats'")
    betas = arrays.get("betas", 10)
    if betas is None:
        arrays.fail("it has no 'betas'")
    camera = arrays.get("camera", 3)
    return GroundTruth(
        parameters=_parameters(rotmats, betas, _UNKNOWN_CAMERA if camera is None else camera),
        has_camera=camera is not None,
        topology=arrays.text("topology"),
        box=_box(arrays),
        gender=arrays.text("gender"),
        image_sha256=arrays.text("image_sha256"),
    )


def _box(arrays: "_Arrays") -> CropBox | None:
    bbox = arrays.get("bbox", 4)
    if bbox is None:
        return None
    try:
        return CropBox.from_xywh(*bbox.tolist())
    except CropError as error:
        arrays.fail(f"bbox: {error}", error)


class _Arrays:
    """The arrays of an .npz file that are of interest, checked as they are asked for."""

    _NAMES = ("pose", "rotmats", "betas", "camera", "bbox", "topology", "gender", "image_sha256")

    def __init__(self, path: Path) -> None:
        self._shown = repr(str(path))
        try:
            self._arrays = load_npz(path, self._NAMES, max_bytes=_MAX_BYTES)
        except UnsafeFileError as error:
            raise GroundTruthError(f"ground truth {error}") from error

    def get(self, name: str, *shape: int) -> Float64[np.ndarray, "..."] | None:
        """An array of numbers by name, None where there is none; a batch dimension of one is dropped."""
        array = self._arrays.get(name)
        if array is None:
            return None
        if array.dtype.kind not in "fiu":
            self.fail(f"{name} holds {array.dtype}, not numbers")
        if array.shape not in (shape, (1, *shape)):
            self.fail(f"{name} has shape {array.shape}, not {shape}")
        values: np.ndarray = array.reshape(shape).astype(np.float64)
        if not np.isfinite(values).all():
            self.fail(f"{name} has NaN or infinite values")
        return values

    def text(self, name: str) -> str | None:
        """A text by name, None where there is none."""
        array = self._arrays.get(name)
        if array is None:
            return None
        if array.dtype.kind != "U" or array.size != 1:
            self.fail(f"{name} is not a text")
        return str(array.item())

    def fail(self, reason: str, cause: BaseException | None = None) -> NoReturn:
        """Refuses the file."""
        raise GroundTruthError(f"ground truth {self._shown} cannot be used: {reason}") from cause


def _parameters(
    rotmats: Float[np.ndarray, "24 3 3"],
    betas: Float[np.ndarray, " 10"],
    camera: Sequence[float] | Float[np.ndarray, " 3"],
) -> BodyParameters:
    return BodyParameters(
        rotmats=torch.tensor(rotmats, dtype=torch.float32)[None],
        betas=torch.tensor(betas, dtype=torch.float32)[None],
        camera=torch.tensor(camera, dtype=torch.float32)[None],
    )
