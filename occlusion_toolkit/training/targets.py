"""What a network is trained towards: cached people, augmented into batches."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from occlusion_toolkit.training.appearance import AppearanceRanges, recolour
from occlusion_toolkit.training.augment import Warp, WarpRanges
from occlusion_toolkit.training.crops_cache import MARGIN, SUPERVISED_JOINTS, CachedBatch
from occlusion_toolkit.training.occluders import Cutout, OcclusionRanges, paste_objects

LABEL_SHARE = 4
"""Part labels are sampled at a quarter of the crop's side; the paper uses full size, at 16 times the cost."""

_MEAN = torch.tensor((0.485, 0.456, 0.406))[:, None, None] * 255
_STD = torch.tensor((0.229, 0.224, 0.225))[:, None, None] * 255


@dataclass(frozen=True)
class TrainingBatch:
    """Network input and ground truth that agree with each other.

    Attributes:
        crops: normalised crops, (B, 3, R, R).
        labels: part labels, (B, R / 4, R / 4).
        rotmats: joint rotations, root in the camera frame, (B, 24, 3, 3).
        betas: shape coefficients, (B, 10).
        joints_3d: camera frame, pelvis at the origin, metres, (B, J, 3).
        joints_2d: crop coordinates, [-1, 1] over the crop, (B, J, 2).
    """

    crops: Float[Tensor, "batch 3 size size"]
    labels: Int[Tensor, "batch label_size label_size"]
    rotmats: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    joints_3d: Float[Tensor, "batch joints 3"]
    joints_2d: Float[Tensor, "batch joints 2"]

    def __len__(self) -> int:
        return len(self.crops)


def warp_people(people: CachedBatch, warp: Warp, resolution: int) -> TrainingBatch:
    """Cut out crops and bring the ground truth along; crops are RGB in 0..255, not yet normalised."""
    mirror = SUPERVISED_JOINTS.mirror
    return TrainingBatch(
        crops=warp.images(people.pictures, MARGIN, resolution),
        labels=warp.labels(people.labels, MARGIN, resolution // LABEL_SHARE),
        rotmats=warp.rotmats(people.rotmats),
        betas=people.betas,
        joints_3d=warp.joints_3d(people.joints_3d, mirror),
        joints_2d=warp.joints_2d(people.joints_2d, mirror),
    )


def normalised(batch: TrainingBatch) -> TrainingBatch:
    """The batch with crops normalised by the ImageNet mean and standard deviation."""
    crops = ((batch.crops - _MEAN) / _STD).contiguous(memory_format=torch.channels_last)
    return TrainingBatch(crops, batch.labels, batch.rotmats, batch.betas, batch.joints_3d, batch.joints_2d)


@dataclass(frozen=True)
class Augmentation:
    """Everything random that happens to a person between the cache and the network.

    Order: warp, pasted objects, colours, normalisation; so objects are recoloured with the crop.

    Attributes:
        warps: geometry.
        appearance: colours.
        occlusion: SynthOcc, or None.
        cutouts: objects to paste.
    """

    warps: WarpRanges
    appearance: AppearanceRanges
    occlusion: OcclusionRanges | None
    cutouts: list[Cutout]

    def __call__(
        self, people: CachedBatch, resolution: int, generator: torch.Generator, rng: np.random.Generator
    ) -> TrainingBatch:
        """An augmented, normalised batch."""
        warp = Warp.draw(len(people.pictures), self.warps, generator)
        batch = warp_people(people, warp, resolution)
        if self.occlusion is not None:
            for crop in batch.crops:
                pixels: npt.NDArray[np.float32] = crop.numpy()  # shares memory: pasting is in place
                paste_objects(pixels, self.cutouts, self.occlusion, rng)
        crops = recolour(batch.crops, self.appearance, generator)
        warped = (batch.labels, batch.rotmats, batch.betas, batch.joints_3d, batch.joints_2d)
        return normalised(TrainingBatch(crops, *warped))
