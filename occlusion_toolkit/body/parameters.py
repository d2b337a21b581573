"""What a regressor predicts and a body model consumes: rotations, shape and camera."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class BodyParameters:
    """Pose, shape and weak-perspective camera of a batch of people.

    Attributes:
        rotmats: joint rotations relative to the parent, (B, 24, 3, 3); `rotmats[:, 0]` turns the body
            (x left, y up, z front) into the camera frame (x right, y down, z forward).
        betas: shape coefficients of the body model, (B, 10), unitless.
        camera: (s, tx, ty) per person, (B, 3): x_norm = s * (X + tx), y_norm = s * (Y + ty) in crop
            coordinates [-1, 1] (SPIN's convention; tx, ty in metres).
    """

    rotmats: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything that was estimated, by name."""
        return {"rotmats": self.rotmats, "betas": self.betas, "camera": self.camera}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> "BodyParameters":
        """Other people, by the names of `tensors`."""
        return BodyParameters(**tensors)

    def __len__(self) -> int:
        return int(self.rotmats.shape[0])

    def __getitem__(self, index: slice | Tensor) -> "BodyParameters":
        return BodyParameters(self.rotmats[index], self.betas[index], self.camera[index])

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "BodyParameters":
        """The same parameters on another device (and in another floating-point type)."""
        return BodyParameters(*(t.to(device, dtype) for t in (self.rotmats, self.betas, self.camera)))
