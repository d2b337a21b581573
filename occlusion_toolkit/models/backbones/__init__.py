"""Backbones of the regressors: networks from a crop to one feature map."""

from occlusion_toolkit.models.backbones.blocks import (
    Backbone,
    BasicBlock,
    Block,
    Bottleneck,
    conv_steps,
    deconv_steps,
    upsample_steps,
)
from occlusion_toolkit.models.backbones.hrnet import HRNet
from occlusion_toolkit.models.backbones.resnet import ResNet

__all__ = [
    "Backbone",
    "BasicBlock",
    "Block",
    "Bottleneck",
    "HRNet",
    "ResNet",
    "conv_steps",
    "deconv_steps",
    "upsample_steps",
]
