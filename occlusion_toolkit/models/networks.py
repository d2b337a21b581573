"""The published networks by name, each with exactly the tensors of its published state dict."""

from collections.abc import Callable

import torch
from torch import nn

from occlusion_toolkit.errors import ModelCardError
from occlusion_toolkit.models.backbones import blazepose
from occlusion_toolkit.models.backbones.blocks import conv_steps, deconv_steps, upsample_steps
from occlusion_toolkit.models.backbones.hrnet import HRNet
from occlusion_toolkit.models.backbones.resnet import ResNet
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.models.blazepose_regressor import BlazePoseRegressor
from occlusion_toolkit.models.hmr import HMR, SpinHMR
from occlusion_toolkit.models.hmr2 import HMR2, CameraHMR
from occlusion_toolkit.models.pare import PARE

PublishedNetwork = HMR | PARE | HMR2 | BlazePoseRegressor


def build_network(name: str) -> PublishedNetwork:
    """A published architecture with random weights, in training mode.

    Args:
        name: `spin_hmr`, `pare_hmr_r50`, `pare_hmr_hrnet_w32_conv`, `pare_hrnet_w32_conv`, `pare_r50`,
            `pare_r50_upsample`, `hmr2`, `camerahmr`, `blazepose_full` or `blazepose_heavy`.

    Returns:
        The network; its state dict has exactly the published names and shapes.

    Raises:
        ModelCardError: no published network has that name.

    Example:
        >>> build_network("blazepose_full").training
        True
    """
    builder = PUBLISHED_NETWORKS.get(name)
    if builder is None:
        known = ", ".join(PUBLISHED_NETWORKS)
        raise ModelCardError(f"No published network is called {name!r}; choose one of {known}.")
    return builder()


def spin_hmr() -> SpinHMR:
    """HMR on ResNet-50 under SPIN's flat names; HMR-EFT is the same network."""
    return SpinHMR(ResNet())


def pare_hmr_r50() -> HMR:
    """The same network under PARE's names."""
    return HMR(ResNet())


def pare_hmr_hrnet_w32_conv() -> HMR:
    """HMR on HRNet-W32 with downsampling fusion: the baseline of PARE's Table 5."""
    backbone = HRNet(fusion="downsample")
    network = HMR(backbone)
    _add_unused_keypoint_layer(backbone)
    channels = backbone.out_channels
    network.head.downsample_module = nn.Sequential(
        *(
            nn.Sequential(nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.BatchNorm2d(channels))
            for _ in range(3)
        )
    )
    return network


def pare_hrnet_w32_conv() -> PARE:
    """PARE on HRNet-W32 as released: two 3x3 convolutions of 128 channels in each branch."""
    backbone = HRNet(fusion="upsample")
    _add_unused_keypoint_layer(backbone)
    return _with_unused_buffers(PARE(backbone, branch=conv_steps, filters=(128, 128)))


def pare_r50() -> PARE:
    """PARE on ResNet-50 with three transposed convolutions: the default of its code."""
    return _with_unused_buffers(PARE(ResNet(), branch=deconv_steps))


def pare_r50_upsample() -> PARE:
    """PARE on ResNet-50 with three bilinear doublings and 3x3 convolutions: the text of the paper."""
    return _with_unused_buffers(PARE(ResNet(), branch=upsample_steps))


def hmr2() -> HMR2:
    """HMR2.0 on ViT-H/16, 670 million parameters."""
    return HMR2()


def camerahmr() -> CameraHMR:
    """CameraHMR on ViT-H/16; it has to be told the camera."""
    return CameraHMR()


def blazepose_full() -> BlazePoseRegressor:
    """MediaPipe's BlazePose "full"; joints without a body."""
    return blazepose.blazepose_full(BlazePoseRegressor)


def blazepose_heavy() -> BlazePoseRegressor:
    """MediaPipe's BlazePose "heavy"; joints without a body."""
    return blazepose.blazepose_heavy(BlazePoseRegressor)


PUBLISHED_NETWORKS: dict[str, Callable[[], PublishedNetwork]] = {
    builder.__name__: builder
    for builder in (
        spin_hmr,
        pare_hmr_r50,
        pare_hmr_hrnet_w32_conv,
        pare_hrnet_w32_conv,
        pare_r50,
        pare_r50_upsample,
        hmr2,
        camerahmr,
        blazepose_full,
        blazepose_heavy,
    )
}
"""Builders of the published architectures."""

_UNREAD_BY_PARE = frozenset({"head.temperature", "head.init_pose", "head.init_shape", "head.init_cam"})


def unread_tensors(network: nn.Module) -> frozenset[str]:
    """Names of tensors that a network has but never reads; old checkpoints of PARE lack some."""
    absolute = isinstance(network, PARE) and not network.head.corrects_mean
    return _UNREAD_BY_PARE if absolute else frozenset()


def _add_unused_keypoint_layer(backbone: HRNet) -> None:
    """Add the 2D keypoint layer that HRNet's published weights carry although the backbone never calls it."""
    backbone.final_layer = nn.Conv2d(32, 24, 1)


def _with_unused_buffers(network: PARE) -> PARE:
    """Add the temperature and the mean person that PARE's published weights carry without using them."""
    network.head.register_buffer("temperature", torch.tensor(1.0))
    for name, value in MeanParameters.standing().buffers().items():
        network.head.register_buffer(name, value)
    return network
