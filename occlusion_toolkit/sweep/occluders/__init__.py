"""What is pasted over a window: paints and pictures, batched on the device of the crops."""

from occlusion_toolkit.sweep.occluders.base import Occluder
from occlusion_toolkit.sweep.occluders.specification import (
    describe,
    occluder_of,
    parse_occluder,
    plain_spec,
    same_occluder,
)

__all__ = ["Occluder", "describe", "occluder_of", "parse_occluder", "plain_spec", "same_occluder"]
