"""How occluders are named: on the command line, in recipes, and in stored results."""

import json
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

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

ENTRY_POINT_GROUP = "occlusion_toolkit.occluders"
"""Other packages add occluders here: a name, and a callable without arguments that makes the occluder."""

_LARGEST_SEED = 2**63 - 1


def parse_occluder(text: str, size: int) -> Occluder:
    """The occluder that a text names.

    Args:
        text: `grey`, `black`, `white`, `mean`, `noise`, `noise:SEED`, `blur`, `image:PATH`, or the name of an
            installed occluder.
        size: side of the window, pixels of the crop; blur and picture scale with it.

    Raises:
        OccluderError: the text is none of these, or the picture cannot be used.
    """
    name, _, argument = text.partition(":")
    if name == "image" and argument:
        return PictureOccluder.from_file(Path(argument), size)
    if name == "noise" and argument.isdecimal() and int(argument) <= _LARGEST_SEED:
        return NoiseOccluder(int(argument))
    match text:
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
    return _installed(text)


def occluder_of(spec: Mapping[str, Any], size: int) -> Occluder:
    """The occluder of a stored result, made again.

    Args:
        spec: as `Occluder.spec`.
        size: side of the window, pixels of the crop.

    Raises:
        OccluderError: it cannot be made here, or what is made is another one (a picture that was changed).
    """
    argument = {"noise": "seed", "image": "file"}.get(str(spec.get("name")))
    made = parse_occluder(
        f"{spec.get('name')}:{spec.get(argument)}" if argument else str(spec.get("name")), size
    )
    if not same_occluder(plain_spec(made), spec):
        raise OccluderError(
            f"the occluder at hand is {made.spec!s}, the result was made with {spec!s}; "
            "give back what was used, or repeat the analysis"
        )
    return made


def plain_spec(occluder: Occluder) -> dict[str, Any]:
    """What results store of an occluder.

    Raises:
        OccluderError: its spec is no dictionary of plain values with a name.
    """
    try:
        spec: Any = json.loads(json.dumps(dict(occluder.spec), allow_nan=False))
    except (AttributeError, TypeError, ValueError) as error:
        raise OccluderError(f"{type(occluder).__name__}.spec is not plain: {error}") from error
    if not isinstance(spec.get("name"), str):
        raise OccluderError(f"{type(occluder).__name__}.spec has no name; give it one: {{'name': ...}}")
    return dict(spec)


def same_occluder(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two specs paint the same; where a picture lies does not matter."""

    def essence(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if spec is None else {key: value for key, value in spec.items() if key != "file"}

    return essence(one) == essence(other)


def describe(spec: Mapping[str, Any] | None) -> str:
    """A spec in words, for captions: "grey", "noise (seed 7)", "image mug.png"; "none" for None."""
    if spec is None:
        return "none"
    if spec["name"] == "image":
        return f"image {Path(str(spec.get('file', ''))).name}"
    shown = ", ".join(f"{key} {value}" for key, value in spec.items() if key not in ("name", "rgb"))
    return f"{spec['name']} ({shown})" if shown else str(spec["name"])


def _installed(name: str) -> Occluder:
    """An occluder of another package."""
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in found:
        known = "".join(f", {other}" for other in found)
        raise OccluderError(
            f"unknown occluder {name!r}; choose grey, black, white, mean, noise, noise:SEED, blur, "
            f"image:PATH{known}"
        )
    try:
        occluder = found[name].load()()
    except Exception as error:  # a stranger's code
        raise OccluderError(f"occluder {name!r} of {found[name].value!r} cannot be made: {error}") from error
    if not isinstance(occluder, Occluder):
        raise OccluderError(
            f"{found[name].value!r} makes {type(occluder).__name__}, which is not an Occluder"
        )
    return occluder
