"""The specifications that name occluders on the command line and in recipes."""

from pathlib import Path

from occlusion_toolkit.errors import OccluderError
from occlusion_toolkit.sweep.occluders.base import Occluder
from occlusion_toolkit.sweep.occluders.paints import (
    BlurOccluder,
    ColourOccluder,
    GreyOccluder,
    MeanOccluder,
    NoiseOccluder,
)
from occlusion_toolkit.sweep.occluders.picture import PictureOccluder

_LARGEST_SEED = 2**63 - 1


def parse_occluder(spec: str, size: int) -> Occluder:
    """The occluder that a specification names.

    Args:
        spec: `grey`, `black`, `white`, `mean`, `noise`, `noise:SEED`, `blur` or `image:PATH`.
        size: side of the window, pixels of the crop; blur and picture scale with it.

    Raises:
        OccluderError: the specification is none of these, or the picture cannot be used.
    """
    name, _, argument = spec.partition(":")
    if name == "image" and argument:
        return PictureOccluder.from_file(Path(argument), size)
    if name == "noise" and argument.isdecimal() and int(argument) <= _LARGEST_SEED:
        return NoiseOccluder(int(argument))
    match spec:
        case "grey":
            return GreyOccluder()
        case "black":
            return ColourOccluder("black", (0, 0, 0))
        case "white":
            return ColourOccluder("white", (255, 255, 255))
        case "mean":
            return MeanOccluder()
        case "noise":
            return NoiseOccluder()
        case "blur":
            return BlurOccluder(size)
    raise OccluderError(
        f"unknown occluder {spec!r}; choose grey, black, white, mean, noise, noise:SEED, blur or image:PATH"
    )
