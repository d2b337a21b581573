"""What every regressor takes and gives, and the mean person that some of them start from."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.joint_output import JointOutput
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import UsageError
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


def attention_confidences(
    part_logits: Float[Tensor, "batch 25 height width"],
) -> dict[str, Float[Tensor, "batch 24"]]:
    """How sure the place of each part is, by the shape of its attention; 0 to 1, (B, 24) each.

    Args:
        part_logits: raw scores of the background (channel 0) and the 24 parts, (B, 25, h, w).

    Returns:
        `peak`: the largest weight. `entropy`: 1 - H / log(h w), with the entropy H of the weights: 0 where
        attention is spread evenly, 1 where it is on one pixel.
    """
    logs = part_logits[:, 1:].flatten(2).log_softmax(dim=-1)
    entropy = -(logs.exp() * logs).sum(dim=-1)
    most = math.log(max(2, logs.shape[-1]))
    return {"peak": logs.amax(dim=-1).exp(), "entropy": 1.0 - entropy / most}


@dataclass(frozen=True)
class RegressorOutput(BodyParameters):
    """Body parameters and, where the network has them, part scores and how sure it is.

    Attributes:
        part_logits: raw scores of the background (channel 0) and part k (channel k + 1), (B, 25, h, w);
            None for networks that look for no parts.
        attends: whether features are pooled by these scores; a network may segment parts without.
        confidence: how sure the network is of each of SMPL's joints, 0 to 1, (B, 24), or several of these by
            their names; None where it does not say. Networks that attend have `peak` and `entropy` besides,
            by the shape of their attention (`attention_confidences`).

    Raises:
        UsageError: a confidence has another number of joints, or a name that is no word.

    Example:
        >>> upright = torch.diag(torch.tensor([1.0, -1.0, -1.0])).expand(1, 24, 3, 3)
        >>> people = RegressorOutput(upright, torch.zeros(1, 10), torch.tensor([[0.9, 0.0, 0.0]]))
        >>> len(people), people.attention
        (1, None)
    """

    part_logits: Float[Tensor, "batch 25 height width"] | None = None
    attends: bool = True
    confidence: Tensor | Mapping[str, Tensor] | None = None

    def __post_init__(self) -> None:
        for name, tensor in self._named().items():
            if name and not name.isidentifier():
                raise UsageError(f"a confidence cannot be called {name!r}; use letters, digits and _")
            if tensor.shape != (*self.betas.shape[:1], NUM_JOINTS):
                raise UsageError(
                    f"confidence{name and ' '}{name} is {tuple(tensor.shape)} for {len(self)} people; give "
                    f"one for each of SMPL's joints, ({len(self)}, {NUM_JOINTS})"
                )

    @property
    def attention(self) -> Float[Tensor, "batch 24 height width"] | None:
        """Spatial attention of each part, (B, 24, h, w), or None where the network has none."""
        return None if self.part_logits is None or not self.attends else part_attention(self.part_logits)

    @property
    def confidences(self) -> dict[str, Float[Tensor, "batch 24"]]:
        """How sure it is of SMPL's joints, (B, 24) each: `confidence`, and `confidence_NAME` of several."""
        found = self._named()
        if self.part_logits is not None and self.attends:
            found |= attention_confidences(self.part_logits)
        return {f"confidence_{name}" if name else "confidence": tensor for name, tensor in found.items()}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything that was estimated, by name, but the part scores."""
        return super().tensors | self.confidences

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> "RegressorOutput":
        """Other people, by the names of `tensors`."""
        confidence = {
            name.removeprefix("confidence").removeprefix("_"): tensor
            for name, tensor in tensors.items()
            if name.startswith("confidence")
        }
        rotmats, betas, camera = (tensors[name] for name in super().tensors)
        return RegressorOutput(rotmats, betas, camera, None, self.attends, confidence or None)

    def __getitem__(self, index: slice | Tensor) -> "RegressorOutput":
        return self._changed(lambda tensor: tensor[index])

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "RegressorOutput":
        """The same output on another device (and in another floating-point type)."""
        return self._changed(lambda tensor: tensor.to(device, dtype))

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "RegressorOutput":
        rotmats, betas, camera = map(change, super().tensors.values())
        logits = None if self.part_logits is None else change(self.part_logits)
        confidence = {name: change(tensor) for name, tensor in self._named().items()}
        return RegressorOutput(rotmats, betas, camera, logits, self.attends, confidence or None)

    def _named(self) -> dict[str, Tensor]:
        """The confidences that were given; the one without a name is called ""."""
        if self.confidence is None:
            return {}
        return {"": self.confidence} if isinstance(self.confidence, Tensor) else dict(self.confidence)


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
