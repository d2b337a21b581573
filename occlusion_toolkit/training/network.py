"""The network of a recipe and what it starts from: the mean person, or weights of another network."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.models.architecture import (
    Architecture,
    HMR2Architecture,
    PublishedArchitecture,
    ResNetBackbone,
)
from occlusion_toolkit.models.backbones import HRNet
from occlusion_toolkit.models.backbones.blazepose_trunk import BlazePoseTrunk
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.models.cards import find_weights
from occlusion_toolkit.models.hmr import HMR
from occlusion_toolkit.models.nbf import NBF
from occlusion_toolkit.models.pare import PARE, PAREHead
from occlusion_toolkit.models.recognise import network_tensors, renamed_for
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat, rotmat_to_rot6d
from occlusion_toolkit.training.recipe import InitialWeights
from occlusion_toolkit.training.sample import TrainingSample

logger = logging.getLogger(__name__)
SHIPPED_PX = 224
"""Side of the crops that shipped networks take."""

BACKBONES = ("backbone", "encoder")
"""Parts of networks that start from the backbone of another one."""

NOT_IN_POSE_NETWORKS = ("upsample_stage_", "downsample_stage_", "final_layer.", "stage4.2.fuse_layers.")
"""Layers of PARE's HRNet that networks for 2D pose lack or have in other shapes; they start at random."""

_NEVER_TRAINED = ("hmr2", "camerahmr", "blazepose_full", "blazepose_heavy")


def build_network(
    architecture: Architecture,
    resolution: int,
    mean: MeanParameters,
    initial_weights: InitialWeights = "scaled",
) -> HMR | PARE | NBF:
    """The network for crops of a training's resolution, with random weights.

    A network that halves its 224 px crops before the first convolution (`input_pooling: 2`) is trained on
    crops of 112 px without halving them: the same function for a quarter of the pixels to augment (but for
    NBF, whose segmentation mask is then drawn at half the size).

    Args:
        architecture: the network as it is shipped.
        resolution: side of the training crops.
        mean: the person that networks which correct one start from.
        initial_weights: "scaled" draws convolutions by He et al. and small pose maps; "published" draws
            PARE's head and HRNet as PARE's public code does (other networks start there as here).

    Raises:
        TrainingError: the network cannot take crops of that size, or its crops are not those of training.
    """
    if isinstance(architecture, HMR2Architecture) or (
        isinstance(architecture, PublishedArchitecture) and architecture.name in _NEVER_TRAINED
    ):
        raise TrainingError(
            "HMR2.0, CameraHMR and BlazePose cannot be trained here: their crops are not the squares of "
            "224 px that training cuts; take an hmr, pare or nbf network."
        )
    if resolution != SHIPPED_PX:
        backbone = None if isinstance(architecture, PublishedArchitecture) else architecture.backbone
        if not isinstance(backbone, ResNetBackbone) or resolution * backbone.input_pooling != SHIPPED_PX:
            raise TrainingError(
                f"A network for crops of {SHIPPED_PX} px cannot be trained on crops of {resolution} px; set "
                f"augmentation.resolution to {SHIPPED_PX}, or input_pooling of a ResNet backbone to "
                f"{SHIPPED_PX} / resolution."
            )
        backbone = backbone.model_copy(update={"input_pooling": 1})
        architecture = architecture.model_copy(update={"backbone": backbone})
    network = cast(HMR | PARE | NBF, architecture.build())
    if initial_weights == "published":
        for part in (network.backbone, network.head):
            if isinstance(part, HRNet | PAREHead):
                part.start_as_published()
    for name, value in mean.buffers().items():
        if hasattr(network.head, name):
            getattr(network.head, name).copy_(value)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def mean_person(samples: Sequence[TrainingSample]) -> MeanParameters:
    """The mean of the people with a known body: rotations averaged in 6D, mean betas, and a usual camera."""
    known = [sample for sample in samples if bool(sample.has_smpl)]
    standing = MeanParameters.standing()
    if not known:
        return standing
    rot6d = rotmat_to_rot6d(torch.stack([sample.rotmats for sample in known])).mean(dim=0)
    # A mean over all headings can be almost zero; the upright root is kept then.
    if float(rot6d[0].view(3, 2).norm(dim=0).min()) < 0.3:
        rot6d[0] = rotmat_to_rot6d(standing.rotmats)[0]
    betas = torch.stack([sample.betas for sample in known]).mean(dim=0)
    return MeanParameters(rot6d_to_rotmat(rot6d), betas, standing.camera)


def starting_weights(name: str) -> Path:
    """The file of a recipe's `start_from`: one that the toolkit carries, or one of the user's.

    Raises:
        TrainingError: it is in neither place.
    """
    path = find_weights(name, shipped("models"))
    if path is not None:
        return path
    place = toolkit_home() / "weights" / name
    raise TrainingError(
        f"The recipe starts from {name}, which is not at {place}. Put it there (docs/training.md says "
        "where to get it), or set start_from to null to start from random weights."
    )


def take_over(network: nn.Module, path: Path) -> int:
    """Copy every tensor of a weights file whose name and shape the network has.

    Files of a whole network and of a backbone alone (`conv1.weight`, ...) both fit, and HRNets for 2D pose.
    A network with two backbones starts both from the same file. A BlazePose that is tuned starts from its
    published weights where the file is one of a network that kept them.

    Returns:
        How many tensors were taken.

    Raises:
        TrainingError: the backbone is not in the file.
    """
    stored = network_tensors(read_state_dict(path), path).tensors
    found = stored | renamed_for(network, stored)
    own = network.state_dict()
    sources: dict[str, tuple[str, ...]] = {name: (name,) for name in own}
    needed: list[str] = []
    # A file of a network whose BlazePose was frozen holds none of it: the published weights, as built, stay.
    kept = "backbone.network."
    published = isinstance(getattr(network, "backbone", None), BlazePoseTrunk) and not any(
        name.startswith(kept) for name in found
    )
    for part in BACKBONES:
        for bare in getattr(network, part).state_dict() if hasattr(network, part) else ():
            name = f"{part}.{bare}" if f"{part}.{bare}" in own else bare  # SPIN's names are flat
            sources[name] = (name, f"{BACKBONES[0]}.{bare}", bare)
            if published and name.startswith(kept):
                continue
            if not bare.startswith(NOT_IN_POSE_NETWORKS) and not bare.endswith("num_batches_tracked"):
                needed.append(name)
    taken: dict[str, Tensor] = {}
    for name, value in own.items():
        other = next((found[source] for source in sources[name] if source in found), None)
        if other is not None and other.shape == value.shape:
            taken[name] = other
    missing = [name for name in needed if name not in taken]
    if missing:
        raise TrainingError(
            f"{path} does not hold the backbone of this network: {len(missing)} tensors are missing or have "
            f"other shapes, among them {missing[0]}."
        )
    network.load_state_dict(own | taken)
    random = [name for name in own if name not in taken and not (published and name.startswith(kept))]
    # Of a backbone alone no head is expected; a head of which a part fits is another network than was meant.
    half = bool(random) and any(len(sources[name]) == 1 for name in taken)
    logger.log(
        logging.WARNING if half else logging.INFO,
        "took %d of %d tensors from %s%s",
        len(taken),
        len(own),
        path,
        f"; the others start at random, among them {', '.join(random[:3])}" if random else "",
    )
    return len(taken)
