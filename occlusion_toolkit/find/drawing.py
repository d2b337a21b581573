"""Found people drawn onto their pictures."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from occlusion_toolkit.find.images import unique_names
from occlusion_toolkit.find.person import LANDMARKS, FoundPerson

_BONES: Final = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)

_COLOURS: Final = ("#0077bb", "#ee7733", "#009988", "#ee3377", "#33bbee", "#cc3311")
"""Of people, in turn (Paul Tol's vibrant scheme, safe for the colour-blind)."""


def draw_people(
    image: UInt8[np.ndarray, "height width 3"], people: Iterable[FoundPerson]
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture with everybody's number, rectangle (full line), crop (thin line) and limbs.

    Args:
        image: upright RGB, (H, W, 3); stays as it is.
        people: who was found in it, in order.
    """
    picture = Image.fromarray(image)
    canvas = ImageDraw.Draw(picture)
    unit = max(1, round(max(image.shape[:2]) / 500))
    font = ImageFont.load_default(size=12 * unit)
    for number, person in enumerate(people, start=1):
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        x, y, width, height = person.bbox_xywh
        canvas.rectangle((x, y, x + width, y + height), outline=colour, width=2 * unit)
        (cx, cy), half = person.box.centre, person.box.size / 2
        canvas.rectangle((cx - half, cy - half, cx + half, cy + half), outline=colour, width=1)
        for bone in _BONES:
            ends = [tuple(person.landmarks_px[LANDMARKS.index(name)].tolist()) for name in bone]
            canvas.line(ends, fill=colour, width=unit)
        corner = (max(x, 0) + 3 * unit, max(y, 0) + 2 * unit)
        canvas.text(corner, str(number), fill="white", font=font, stroke_width=unit, stroke_fill=colour)
    return np.asarray(picture)


def drawing_names(images: Sequence[Path]) -> list[str]:
    """Names of the drawings, NAME.png for NAME.jpg; those of one name get a number behind it."""
    return [f"{name}.png" for name in unique_names(images)]
