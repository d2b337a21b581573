"""What every regressor takes and gives, and the mean person that some of them start from."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.joint_output import JointOutput
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.models.rotation6d import rotmat_to_rot6d

NUM_JOINTS = 24
"""Joints of the SMPL tree, each with a rotation and a body part."""

NUM_BETAS = 10
"""Shape coefficients of every regressor here."""


def part_attention(
    part_logits: Float[Tensor, "batch 25 height width"],
) -> Float[Tensor, "batch 24 height width"]:
    """Where each body part is looked for: a distribution over the pixels of the feature map.

    The background channel (0) is dropped and every remaining channel is normalised over all pixels on
    its own, so parts do not compete with each other or with the background (PARE, Equation 1).

    Args:
        part_logits: raw scores of the background (channel 0) and the 24 parts, (B, 25, h, w).

    Returns:
        Non-negative weights that sum to one over the pixels of each part, (B, 24, h, w).
    """
    parts = part_logits[:, 1:]
    return parts.flatten(2).softmax(dim=-1).view_as(parts)


@dataclass(frozen=True)
class RegressorOutput(BodyParameters):
    """Body parameters and, for PARE, the part scores they were pooled with.

    Attributes:
        part_logits: raw scores of the background (channel 0) and part k (channel k + 1), (B, 25, h, w);
            None for networks that look for no parts.
        attends: whether features are pooled by these scores; a network may segment parts without.

    Example:
        >>> upright = torch.diag(torch.tensor([1.0, -1.0, -1.0])).expand(1, 24, 3, 3)
        >>> people = RegressorOutput(upright, torch.zeros(1, 10), torch.tensor([[0.9, 0.0, 0.0]]))
        >>> len(people), people.attention
        (1, None)
    """

    part_logits: Float[Tensor, "batch 25 height width"] | None = None
    attends: bool = True

    @property
    def attention(self) -> Float[Tensor, "batch 24 height width"] | None:
        """Spatial attention of each part, (B, 24, h, w), or None where the network has none."""
        return None if self.part_logits is None or not self.attends else part_attention(self.part_logits)

    def __getitem__(self, index: slice | Tensor) -> "RegressorOutput":
        logits = None if self.part_logits is None else self.part_logits[index]
        parameters = (self.rotmats[index], self.betas[index], self.camera[index])
        return RegressorOutput(*parameters, logits, self.attends)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "RegressorOutput":
        """The same output on another device (and in another floating-point type)."""
        logits = None if self.part_logits is None else self.part_logits.to(device, dtype)
        rotmats, betas, camera = (t.to(device, dtype) for t in (self.rotmats, self.betas, self.camera))
        return RegressorOutput(rotmats, betas, camera, logits, self.attends)


@runtime_checkable
class Regressor(Protocol):
    """Anything that turns normalised crops into people: a network, or a stand-in in a test."""

    def __call__(
        self, crops: Float[Tensor, "batch 3 height width"], /, *placement: Float[Tensor, "batch 3"]
    ) -> "RegressorOutput | JointOutput":
        """Predict people from crops normalised with the ImageNet mean and standard deviation.

        Regressors that are told the camera also take where the crops lie before it (`models.views`); others
        are called with the crops alone.
        """
        ...


@dataclass(frozen=True)
class MeanParameters:
    """The person that a network corrects: the starting point of a regression.

    Attributes:
        rotmats: joint rotations, (24, 3, 3), in the frames of `BodyParameters`.
        betas: shape coefficients, (10,).
        camera: weak-perspective camera (s, tx, ty), (3,).
    """

    rotmats: Float[Tensor, "24 3 3"]
    betas: Float[Tensor, "10"]
    camera: Float[Tensor, "3"]

    @classmethod
    def standing(cls) -> "MeanParameters":
        """The rest pose, upright and facing the camera, filling nine tenths of the crop."""
        rotmats = torch.eye(3).repeat(NUM_JOINTS, 1, 1)
        rotmats[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # y up, z front -> y down, z forward
        return cls(rotmats, torch.zeros(NUM_BETAS), torch.tensor([0.9, 0.0, 0.0]))

    def buffers(self) -> dict[str, Tensor]:
        """The values under the names and shapes of published checkpoints, with a batch dimension of one."""
        # Copies, so that weights loaded into one network do not reach another that started from here.
        return {
            "init_pose": rotmat_to_rot6d(self.rotmats).reshape(1, NUM_JOINTS * 6).clone(),
            "init_shape": self.betas.reshape(1, NUM_BETAS).clone(),
            "init_cam": self.camera.reshape(1, 3).clone(),
        }
