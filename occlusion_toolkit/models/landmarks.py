"""A person's landmarks from a crop that is turned until the body is upright, as BlazePose was trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from occlusion_toolkit.data.boxes import BOX_MARGIN, CropBox
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.errors import CropError
from occlusion_toolkit.models.backbones.blazepose import RESOLUTION, BlazePose, blazepose_full
from occlusion_toolkit.models.blazepose_weights import channels_last, load_blazepose

_SIDE: Final = 2.5
"""Side of the crop over the radius of the person's circle, as published."""

MIN_PRESENCE: Final = 0.5
"""Certainty of the landmark network from which on a crop shows a person, as published."""

_LOOKS: Final = 4

_BATCH: Final = 8

_SHOWN: Final = 33  # landmarks of the body; the next two are the hips and the top of the next crop


@dataclass(frozen=True)
class TurnedCrop:
    """A square of the image, turned until a body is upright.

    Attributes:
        box: the square before it is turned; its corners are whole pixels.
        rotation: how far the picture is turned counter-clockwise about the square's centre, degrees.
    """

    box: CropBox
    rotation: float

    @classmethod
    def upright(cls, hips: Float64[np.ndarray, " 2"], top: Float64[np.ndarray, " 2"]) -> "TurnedCrop":
        """The crop of a person by the middle of the hips and a point above it, pixels of the image.

        Raises:
            CropError: the points coincide or are not finite.
        """
        across, up = (top - hips).tolist()
        side = _SIDE * math.hypot(across, up)
        if not math.isfinite(side) or side < 1:
            raise CropError(f"hips at {hips} and a point above them at {top} leave no crop of a person")
        # `crop_image` cuts at whole pixels; a square with corners there loses nothing.
        side = float(math.ceil(side))
        x, y = (round(value - side / 2) + side / 2 for value in hips.tolist())
        return cls(CropBox((x, y), side), math.degrees(math.atan2(across, -up)))

    def cut(self, image: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "256 256 3"]:
        """The pixels, black outside the image.

        Raises:
            CropError: the square lies outside the image or is absurdly large for it.
        """
        return crop_image(image, self.box, RESOLUTION, rotation=self.rotation)

    def to_image(self, points: Float64[np.ndarray, "points 2"]) -> Float64[np.ndarray, "points 2"]:
        """Points of the crop, pixels, in pixels of the image."""
        return self.box.crop_to_image(points, RESOLUTION, self.rotation)

    def turned_back(self, points: Float64[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points 3"]:
        """Points in the axes of the crop (x right, y down, z away) in those of the image."""
        cosine, sine = math.cos(math.radians(self.rotation)), math.sin(math.radians(self.rotation))
        matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        turned: Float64[np.ndarray, "points 3"] = points @ matrix.T
        return turned


def upright_crop(image: UInt8[np.ndarray, "height width 3"], box: CropBox) -> TurnedCrop:
    """The crop that BlazePose makes for itself of the person in a box.

    The first look is at the box, turned to four sides; the next ones are at the crop that follows from the
    answer before, which settles to a few degrees. Where nobody is seen the box as it stands is the crop.

    Args:
        image: upright RGB, (H, W, 3).
        box: the person's square, margin included.
    """
    hips = np.array(box.centre)  # of a standing person, who fills the box
    reach = box.size / (2 * BOX_MARGIN)
    sides = [(hips, hips + reach * np.array(side)) for side in ((0, -1), (1, 0), (-1, 0), (0, 1))]
    seen = [answer for answer in landmarks_at(image, sides) if answer is not None]
    best = max(seen, key=lambda answer: answer.presence, default=None)
    place = sides[0]
    for _ in range(_LOOKS):
        if best is None or best.presence < MIN_PRESENCE:
            break
        place = (best.hips, best.top)
        (best,) = landmarks_at(image, [place])
    return TurnedCrop.upright(*place)


@dataclass(frozen=True)
class Landmarks:
    """What the landmark network says of one crop, in the image.

    Attributes:
        points_px: of the body, (33, 2), pixels of the image.
        visibility: how sure each is to be in the picture and not hidden, 0 to 1, (33,).
        world_m: metres from the middle of the hips, in the image's axes, (33, 3).
        presence: how sure the crop shows a person, 0 to 1.
        silhouette_px: corners of the silhouette's pixels, (K, 2), pixels of the image.
        hips: middle of the hips, for the next crop, (2,), pixels of the image.
        top: point above them, for the next crop, (2,).
    """

    points_px: Float64[np.ndarray, "33 2"]
    visibility: Float64[np.ndarray, " 33"]
    world_m: Float64[np.ndarray, "33 3"]
    presence: float
    silhouette_px: Float64[np.ndarray, "points 2"]
    hips: Float64[np.ndarray, " 2"]
    top: Float64[np.ndarray, " 2"]


def landmarks_at(
    image: UInt8[np.ndarray, "height width 3"],
    places: Sequence[tuple[Float64[np.ndarray, " 2"], Float64[np.ndarray, " 2"]]],
    network: BlazePose | None = None,
) -> list[Landmarks | None]:
    """Landmarks of people by their hips and the points above; None where the image shows nothing there.

    Args:
        image: upright RGB, (H, W, 3).
        places: middle of the hips and the point above it, per person, pixels of the image.
        network: the landmark network, BlazePose "full" by default.
    """
    network = network or _full()
    answers: list[Landmarks | None] = [None] * len(places)
    cut = []
    for number, (hips, top) in enumerate(places):
        try:
            crop = TurnedCrop.upright(hips, top)
            cut.append((number, crop, crop.cut(image)))
        except CropError:
            continue  # the place lies outside the image
    for start in range(0, len(cut), _BATCH):
        numbers, crops, pixels = zip(*cut[start : start + _BATCH], strict=True)
        for number, answer in zip(numbers, _read(network, crops, np.stack(pixels)), strict=True):
            answers[number] = answer
    return answers


@torch.inference_mode()
def _read(
    network: BlazePose, crops: Sequence[TurnedCrop], pixels: UInt8[np.ndarray, "crops 256 256 3"]
) -> list[Landmarks]:
    output = network(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
    rows = zip(
        crops,
        output.landmarks.double().numpy(),
        output.world.double().numpy(),
        output.presence.tolist(),
        (output.mask > 0).numpy(),
        strict=True,
    )
    read = []
    for crop, landmarks, world, presence, mask in rows:
        points = crop.to_image(landmarks[:, :2])
        read.append(
            Landmarks(
                points_px=points[:_SHOWN],
                visibility=1 / (1 + np.exp(-landmarks[:_SHOWN, 3])),
                world_m=crop.turned_back(world[:_SHOWN]),
                presence=presence,
                silhouette_px=crop.to_image(_corners(mask)),
                hips=points[_SHOWN],
                top=points[_SHOWN + 1],
            )
        )
    return read


def _corners(mask: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Float64[np.ndarray, "points 2"]:
    """Corners (x, y) of the pixels of a silhouette that can be its outermost in any direction."""
    rows = np.flatnonzero(mask.any(axis=1))
    first, last = mask[rows].argmax(axis=1), mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    return np.concatenate(
        [np.column_stack([x, rows + below]) for x in (first, last) for below in (0, 1)]
    ).astype(np.float64)


@cache
def _full() -> BlazePose:
    return channels_last(load_blazepose("blazepose-full", blazepose_full))
