"""Networks from a crop of a person to pose, shape and camera."""

from occlusion_toolkit.models.base import MeanParameters, Regressor, RegressorOutput, part_attention
from occlusion_toolkit.models.hmr import HMR, SpinHMR
from occlusion_toolkit.models.hmr2 import HMR2, CameraHMR
from occlusion_toolkit.models.networks import build_network
from occlusion_toolkit.models.pare import PARE

__all__ = [
    "HMR",
    "HMR2",
    "PARE",
    "CameraHMR",
    "MeanParameters",
    "Regressor",
    "RegressorOutput",
    "SpinHMR",
    "build_network",
    "part_attention",
]
