"""Annotated photographs as a source of samples."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor

from occlusion_toolkit.body.joints49 import J24, SPIN49
from occlusion_toolkit.data.annotations import AnnotationTable
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import CropError
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.training.label_cameras import keypoints_in_box
from occlusion_toolkit.training.part_labels import LABEL_MARGIN, PartLabelStore
from occlusion_toolkit.training.recipe import SampleSettings
from occlusion_toolkit.training.sample import IGNORED_LABEL, AugmentedPeople, TrainingSample
from occlusion_toolkit.training.warp import Warp, margin_of

_LARGEST_PICTURE_PX = 2048  # sides beyond this only happen with tiny zooms and large resolutions


class AnnotatedPhotographs(AugmentedPeople):
    """Samples of the people of one table.

    Args:
        name: by which recipes call the training set.
        table: the annotations.
        labels: part labels, or None to train without.
        settings: how samples are augmented.
        seed: of all augmentations.
        batch_size: samples per step.
    """

    def __init__(
        self,
        name: str,
        table: AnnotationTable,
        labels: PartLabelStore | None,
        settings: SampleSettings,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(name, settings, seed, batch_size)
        self._table, self._labels = table, labels

    def __len__(self) -> int:
        return len(self._table)

    def people(self, rows: Sequence[int], warps: Warp) -> TrainingSample:
        """Some people as a batch, each under a warp."""
        people = [self._person(row, warps[place]) for place, row in enumerate(rows)]
        return TrainingSample(*(torch.stack(values) for values in zip(*people, strict=True)))

    def _person(self, row: int, warp: Warp) -> TrainingSample:
        table = self._table
        keypoints = torch.from_numpy(keypoints_in_box(table, row))[None]
        joints = torch.zeros(1, len(J24), 4)
        if table.joints_m is not None and table.has_pose_3d[row]:
            joints = torch.from_numpy(table.joints_m[row])[None]
        rotmats, betas = self._body(row)
        return TrainingSample(
            crop=self._crop(row, warp),
            keypoints=_moved(warp, keypoints, SPIN49.mirror)[0],
            joints_3d=_moved(warp, joints, J24.mirror)[0],
            rotmats=warp.rotmats(rotmats)[0] if table.has_smpl[row] else rotmats[0],
            betas=betas,
            has_smpl=torch.tensor(bool(table.has_smpl[row])),
            has_pose_3d=torch.tensor(bool(table.has_pose_3d[row])),
            gender=torch.tensor(int(table.genders[row])),
            labels=self._warped_labels(row, warp),
            source=torch.tensor(0),
            position=torch.tensor(0),
        )

    def _body(self, row: int) -> tuple[Tensor, Tensor]:
        """Rotations (1, 24, 3, 3) and betas (10,); zeros where they are not annotated."""
        table = self._table
        if table.poses is None or table.betas is None or not table.has_smpl[row]:
            return torch.zeros(1, 24, 3, 3), torch.zeros(10)
        rotmats = Rotation.from_rotvec(table.poses[row].reshape(24, 3)).as_matrix().astype(np.float32)
        return torch.from_numpy(rotmats)[None], torch.from_numpy(table.betas[row])

    def _crop(self, row: int, warp: Warp) -> Tensor:
        """The warped crop, RGB in 0..255, (3, R, R), sampled from a picture of its own resolution."""
        path, box = self._table.image_path(row), self._table.box(row)
        resolution, margin = self.settings.resolution, margin_of(warp)
        side = min(round(resolution * margin / float(warp.zoom)), _LARGEST_PICTURE_PX)
        photograph = read_image(path, shrink=max(1, int(box.size * margin / side)))
        try:
            picture = cut_square(photograph.pixels, box.shrunk(photograph.shrunk), margin, side)
        except CropError as error:
            raise CropError(f"{str(path)!r}, row {row}: {error}") from error
        return warp.images(torch.from_numpy(np.array(picture))[None], margin, resolution)[0]

    def _warped_labels(self, row: int, warp: Warp) -> Tensor:
        size = self.settings.resolution // self.settings.label_stride
        labels = self._labels.labels(row) if self._labels is not None else None
        if labels is None:
            return torch.full((size, size), IGNORED_LABEL, dtype=torch.uint8)
        return warp.labels(torch.from_numpy(labels)[None], LABEL_MARGIN, size)[0].to(torch.uint8)


def _moved(warp: Warp, points: Tensor, mirror: tuple[int, ...]) -> Tensor:
    """Warped points, (1, J, D + 1), whose last column is a confidence; those without one stay zero."""
    values, confidence = points[..., :-1], points[..., -1:]
    if bool(warp.mirrored):
        confidence = confidence[:, list(mirror)]
    moved = warp.joints_2d(values, mirror) if values.shape[-1] == 2 else warp.joints_3d(values, mirror)
    return torch.cat((moved * (confidence > 0), confidence), dim=-1)


_LARGEST_SLICE_PX = 16_384


def cut_square(
    image: UInt8[np.ndarray, "height width 3"], box: CropBox, margin: float, side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """The square around a box at another resolution, averaged over the pixels that fall together.

    Unlike `crop_image`, which cuts at whole pixels as the published code does, the square lies where the
    numbers say: part labels and keypoints fit to a fraction of a pixel.

    Args:
        image: upright RGB, (H, W, 3).
        box: the person's box.
        margin: side of the square in box sides.
        side: of the result, pixels.

    Returns:
        RGB, black outside the image, (side, side, 3).

    Raises:
        CropError: the square is absurdly large.
    """
    (x, y), half = box.centre, box.size * margin / 2
    left, top = math.floor(x - half), math.floor(y - half)
    right, bottom = math.ceil(x + half), math.ceil(y + half)
    if max(right - left, bottom - top) > _LARGEST_SLICE_PX:
        raise CropError(f"the square around the box {box} is larger than {_LARGEST_SLICE_PX} px")
    outer = Image.fromarray(image).crop((left, top, right, bottom))
    region = (x - half - left, y - half - top, x + half - left, y + half - top)
    return np.asarray(outer.resize((side, side), Image.Resampling.BILINEAR, box=region))
