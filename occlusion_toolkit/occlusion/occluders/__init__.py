"""What is pasted over a window: paints and pictures, batched on the device of the crops."""

from occlusion_toolkit.occlusion.occluders.base import Occluder
from occlusion_toolkit.occlusion.occluders.specification import parse_occluder

__all__ = ["Occluder", "parse_occluder"]
