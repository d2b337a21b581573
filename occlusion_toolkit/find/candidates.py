"""Where people may be: the detector over the whole picture and over overlapping tiles of it."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.models.backbones.blazepose_detector import RESOLUTION, BlazePoseDetector
from occlusion_toolkit.models.blazepose_weights import channels_last, load_blazepose

MIN_SCORE: Final = 0.5
"""Certainty of the detector from which on a place is looked at, as published."""

_PARTS: Final = (2, 4, 6)
"""How many times longer than a tile the picture is, coarse tiles first.

The detector wants people to fill half of what it sees: of forty in a row of ten it finds none in the whole
picture, 28 in quarters and all in sixths.
"""

_MIN_TILE: Final = RESOLUTION // 2  # smaller tiles would show the detector nothing but blur

_BATCH: Final = 16


@dataclass(frozen=True)
class Candidate:
    """Where a person may be.

    Attributes:
        hips: middle of the hips, (2,), pixels of the image.
        top: a point as far above the hips, along the body, as the person's circle is large, (2,).
        score: certainty, 0 to 1.
        in_tile: whether only tiles show it and not the whole picture.
    """

    hips: Float64[np.ndarray, " 2"]
    top: Float64[np.ndarray, " 2"]
    score: float
    in_tile: bool

    @property
    def radius(self) -> float:
        """Of the circle around the person, pixels."""
        return float(np.hypot(*(self.top - self.hips)))


def find_candidates(image: UInt8[np.ndarray, "height width 3"]) -> list[Candidate]:
    """Places where a person may be, the surest first, one for each person.

    Tiles get smaller while they show somebody new, or everybody found so far is small for them, or there is
    nobody. So a portrait costs ten looks, a crowd or an empty street up to two hundred, and bystanders far
    behind a large person can be missed.

    Args:
        image: upright RGB, (H, W, 3).
    """
    height, width = image.shape[:2]
    found = _detected(image, [CropBox.whole_image(height, width)], in_tile=False)
    merged = _merged(found)
    for parts in _PARTS:
        before = len(merged)
        tiles = tiles_of(height, width, parts)
        found += _detected(image, tiles, in_tile=True)
        merged = _merged(found)
        all_small = all(one.radius < tile.size / 4 for one in merged for tile in tiles[:1])
        if len(merged) == before and not all_small:
            break
    return merged


def tiles_of(height: int, width: int, parts: int) -> list[CropBox]:
    """Squares that cover a picture and overlap by half, their side so many times shorter than the picture.

    None where they would be too small for the detector.
    """
    side = max(height, width) / parts
    if side < _MIN_TILE:
        return []
    return [CropBox((x, y), side) for y in _tile_middles(height, side) for x in _tile_middles(width, side)]


def _tile_middles(length: int, side: float) -> list[float]:
    """Middles of tiles that cover a length, half a side apart or nearer."""
    if length <= side:
        return [length / 2]
    steps = int(np.ceil((length - side) / (side / 2)))
    middles: list[float] = np.linspace(side / 2, length - side / 2, steps + 1).tolist()
    return middles


def _detected(
    image: UInt8[np.ndarray, "height width 3"], views: list[CropBox], *, in_tile: bool
) -> list[Candidate]:
    found = []
    for start in range(0, len(views), _BATCH):
        batch = views[start : start + _BATCH]
        crops = np.stack([crop_image(image, view, RESOLUTION) for view in batch])
        with torch.inference_mode():
            answers = _detector()(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1)
        for view, score, points in zip(batch, answers.logits.sigmoid(), answers.points, strict=True):
            chosen = score > MIN_SCORE
            hips, top = (view.crop_to_image(points[chosen, index].numpy(), RESOLUTION) for index in (0, 1))
            places = zip(hips, top, score[chosen].tolist(), strict=True)
            candidates = [Candidate(*place, in_tile) for place in places]
            # Whoever is larger than a tile was to be found in a larger view, and whole.
            found += [one for one in candidates if not (in_tile and one.radius > view.size / 2)]
    return found


def _merged(found: list[Candidate]) -> list[Candidate]:
    """The surest candidate for each person; in a tile only where all of that person's are."""
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda candidate: -candidate.score):
        same = next((index for index, other in enumerate(kept) if _same_person(candidate, other)), None)
        if same is None:
            kept.append(candidate)
        elif not candidate.in_tile:
            kept[same] = replace(kept[same], in_tile=False)
    return kept


def _same_person(one: Candidate, other: Candidate) -> bool:
    """Whether two places show one person: circles of like size about nearly one place."""
    small, large = sorted((one.radius, other.radius))
    apart = float(np.hypot(*(one.hips - other.hips)))
    return apart < 0.4 * large and small > 0.5 * large


@cache
def _detector() -> BlazePoseDetector:
    return channels_last(load_blazepose("blazepose-detector", BlazePoseDetector))
