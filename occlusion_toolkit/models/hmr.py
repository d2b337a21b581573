"""HMR: iterative regression from globally pooled features (Kanazawa et al., CVPR 2018); SPIN and HMR-EFT."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.models.backbones.blocks import Backbone
from occlusion_toolkit.models.base import NUM_BETAS, NUM_JOINTS, MeanParameters, RegressorOutput
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat


class HMRHead(nn.Module):
    """A perceptron that corrects the mean person a few times (HMR, Section 3.2).

    Args:
        in_channels: channels of the feature map.
        hidden: width of the two hidden layers.
        iterations: number of corrections.
        dropout: share of hidden units silenced in training.
        mean: the person to start from.
    """

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(
        self, in_channels: int, *, hidden: int, iterations: int, dropout: float, mean: MeanParameters
    ) -> None:
        super().__init__()
        pose, betas, camera = NUM_JOINTS * 6, NUM_BETAS, 3
        self.iterations = iterations
        self.fc1 = nn.Linear(in_channels + pose + betas + camera, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.decpose = nn.Linear(hidden, pose)
        self.decshape = nn.Linear(hidden, betas)
        self.deccam = nn.Linear(hidden, camera)
        for decoder in (self.decpose, self.decshape, self.deccam):
            nn.init.xavier_uniform_(decoder.weight, gain=0.01)
        for name, value in mean.buffers().items():
            self.register_buffer(name, value)

    def forward(self, features: Float[Tensor, "batch channels height width"]) -> RegressorOutput:
        """Body parameters from a feature map of any size."""
        pooled = features.mean(dim=(2, 3))
        pose, betas, camera = (
            start.expand(len(pooled), -1) for start in (self.init_pose, self.init_shape, self.init_cam)
        )
        for _ in range(self.iterations):
            # The two layers have no activation between them; published weights were trained that way.
            hidden = self.dropout(self.fc1(torch.cat((pooled, pose, betas, camera), dim=1)))
            hidden = self.dropout(self.fc2(hidden))
            pose = pose + self.decpose(hidden)
            betas = betas + self.decshape(hidden)
            camera = camera + self.deccam(hidden)
        return RegressorOutput(rot6d_to_rotmat(pose.view(-1, NUM_JOINTS, 6)), betas, camera)


class HMR(nn.Module):
    """A backbone, global average pooling and iterative regression, under PARE's names `backbone.*`, `head.*`.

    Args:
        backbone: the backbone.
        hidden: width of the head's hidden layers.
        iterations: number of corrections of the mean person.
        dropout: share of hidden units silenced in training.
        mean: the person to start from; the rest pose, upright, by default.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden: int = 1024,
        iterations: int = 3,
        dropout: float = 0.5,
        mean: MeanParameters | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = HMRHead(
            backbone.out_channels,
            hidden=hidden,
            iterations=iterations,
            dropout=dropout,
            mean=mean or MeanParameters.standing(),
        )

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """Predict people from normalised crops.

        Args:
            crops: RGB crops normalised with the ImageNet mean and standard deviation, (B, 3, H, W).

        Returns:
            Rotations, betas and cameras; no part scores.
        """
        self.backbone.check_size(crops)
        output: RegressorOutput = self.head(self.backbone(crops))
        return output


class SpinHMR(HMR):
    """HMR under the flat tensor names of SPIN and EFT: `state_dict` carries no `backbone.` and no `head.`.

    Only the names in a state dict differ, in both directions; the modules are those of `HMR`.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone)
        self.register_state_dict_post_hook(_flatten_names)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_nest_names)  # type: ignore[no-untyped-call]


def _flatten_names(
    module: nn.Module, state: dict[str, Tensor], prefix: str, _metadata: dict[str, object]
) -> None:
    """Take `backbone.` and `head.` out of the names of a state dict that is being written."""
    for part, child in module.named_children():
        for name in child.state_dict():
            state[prefix + name] = state.pop(f"{prefix}{part}.{name}")


def _nest_names(module: nn.Module, state: dict[str, Tensor], prefix: str, *_reports: object) -> None:
    """Put `backbone.` and `head.` into the names of a state dict that is being loaded."""
    for part, child in module.named_children():
        for name in child.state_dict():
            if prefix + name in state:
                state[f"{prefix}{part}.{name}"] = state.pop(prefix + name)


class ShiftThenScale(nn.Module):
    """A network whose camera means s X + t (EFT), made to answer in the toolkit's form s (X + t).

    Args:
        network: the network as published.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """The network's output with its cameras converted."""
        output: RegressorOutput = self.network(crops)
        return replace(output, camera=shift_then_scale(output.camera))


def shift_then_scale(camera: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3"]:
    """Cameras that mean s X + t (EFT), as cameras that mean s (X + t) (SPIN, PARE and this toolkit).

    Args:
        camera: (s, tx, ty) with the translation in crop units, (B, 3).

    Returns:
        (s, tx / s, ty / s), with the translation in metres, (B, 3).
    """
    return torch.cat((camera[:, :1], camera[:, 1:] / camera[:, :1]), dim=1)
