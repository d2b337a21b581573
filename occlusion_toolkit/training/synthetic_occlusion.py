"""Synthetic occlusion: object-like cut-outs pasted over people (SynthOcc, Sárándi et al. 2018).

The paper pastes segmented Pascal VOC objects, whose photographs may not be redistributed. Without them
objects are drawn: smooth blobs, polygons, rounded boxes and rods, filled with scraps of other training
crops, with stripes, gradients or noise, shaded and soft at the edge.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFilter

from occlusion_toolkit.errors import DatasetError, TrainingError
from occlusion_toolkit.training.recipe import SampleSettings, SyntheticOcclusion
from occlusion_toolkit.training.voc import (
    HOW_TO_GET,
    Cutout,
    default_voc_folder,
    read_voc_cutouts,
    voc_folder,
)

Pixels = npt.NDArray[np.uint8]
LARGEST_SIDE_PX = 128
SUPERSAMPLING = 2


def draw_cutouts(count: int, textures: Pixels, seed: int) -> list[Cutout]:
    """A library of objects.

    Args:
        count: number of objects.
        textures: pictures to take scraps of, (N, H, W, 3).
        seed: the same seed and textures give the same objects.

    Returns:
        RGBA pictures, none larger than 128 px.
    """
    rng = np.random.default_rng(seed)
    return [_draw_cutout(textures, rng) for _ in range(count)]


def paste_objects(
    crop: npt.NDArray[np.float32],
    cutouts: Sequence[Cutout],
    occlusion: SyntheticOcclusion,
    rng: np.random.Generator,
) -> None:
    """Paste random objects over one crop, in place; their centres are uniform over the crop.

    Part labels, joints and pose of the person underneath are not touched: the paper renders labels from
    the mesh and pastes objects on the image only.

    Args:
        crop: RGB in 0..255, (3, H, W).
        cutouts: the library.
        occlusion: how much to paste.
        rng: source of randomness.
    """
    if rng.random() >= occlusion.probability:
        return
    height, width = crop.shape[1:]
    for _ in range(int(rng.integers(1, occlusion.most + 1))):
        cutout = cutouts[int(rng.integers(len(cutouts)))]
        scale = rng.uniform(occlusion.smallest, occlusion.largest) * min(height, width) / 256
        size = tuple(max(1, round(side * scale)) for side in cutout.shape[1::-1])
        small = np.asarray(Image.fromarray(cutout).resize(size, Image.Resampling.BILINEAR))
        _paste(crop, small, (round(rng.uniform(0, height)), round(rng.uniform(0, width))))


def _paste(crop: npt.NDArray[np.float32], cutout: Cutout, centre: tuple[int, int]) -> None:
    """Blend an object into a crop around a centre (row, column), cut off at the border."""
    height, width = cutout.shape[:2]
    top, left = centre[0] - height // 2, centre[1] - width // 2
    rows = slice(max(top, 0), min(top + height, crop.shape[1]))
    columns = slice(max(left, 0), min(left + width, crop.shape[2]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    seen = cutout[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    colour = seen[..., :3].transpose(2, 0, 1).astype(np.float32)
    alpha = seen[..., 3].astype(np.float32) / 255
    region = crop[:, rows, columns]
    region += alpha * (colour - region)


def _draw_cutout(textures: Pixels, rng: np.random.Generator) -> Cutout:
    width, height = (int(side) for side in rng.integers(40, LARGEST_SIDE_PX + 1, 2))
    colour = _fill(width, height, textures, rng)
    outline = _outline(width, height, rng)
    # Shade across the object and darken its rim a little, so that it looks like a thing, not a sticker.
    slope = np.linspace(-1, 1, width) * rng.normal(0, 0.2) + np.linspace(-1, 1, height)[:, None] * 0.2
    rim = np.asarray(outline.filter(ImageFilter.GaussianBlur(6)), np.float32) / 255
    shaded = colour * (1 + slope[..., None]) * (0.6 + 0.4 * rim[..., None])
    alpha = np.asarray(outline.filter(ImageFilter.GaussianBlur(0.8)))
    return np.dstack((shaded.clip(0, 255).astype(np.uint8), alpha))


def _outline(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A filled shape, one or two pieces, white on black."""
    canvas = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING), 0)
    pen = ImageDraw.Draw(canvas)
    pieces = 1 + int(rng.random() < 0.3)
    for piece in range(pieces):
        shrink = 1.0 if piece == 0 else float(rng.uniform(0.4, 0.8))
        points = _contour(rng) * shrink
        points += rng.uniform(-1, 1, 2) * (1 - shrink)
        corners = (points + 1) / 2 * (np.array(canvas.size) - 1)
        pen.polygon([(float(x), float(y)) for x, y in corners], fill=255)
    return canvas.resize((width, height), Image.Resampling.BOX)


def _contour(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A closed contour in [-1, 1]^2: a smooth blob, a polygon, a superellipse or a tilted rod."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    kind = rng.integers(4)
    if kind == 0:
        radius = np.ones_like(angle)
        for frequency in range(1, 6):
            radius += rng.normal(0, 0.3 / frequency) * np.cos(frequency * angle + rng.uniform(0, 2 * np.pi))
        contour = np.abs(radius)[:, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    elif kind == 1:
        corners = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        reach = rng.uniform(0.6, 1.0, len(corners))[:, None]
        contour = reach * np.stack((np.cos(corners), np.sin(corners)), axis=1)
    else:
        power = 2 / rng.uniform(2, 8)
        cosine, sine = np.cos(angle), np.sin(angle)
        x, y = np.sign(cosine) * np.abs(cosine) ** power, np.sign(sine) * np.abs(sine) ** power
        slim = 1.0 if kind == 2 else rng.uniform(0.15, 0.4)
        tilt = rng.uniform(0, np.pi)
        contour = np.stack((x, y * slim), axis=1) @ np.array(
            [[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]
        )
    return np.asarray(contour / np.abs(contour).max(), np.float64)


def _fill(width: int, height: int, textures: Pixels, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Colours of an object, (height, width, 3) in 0..255: a scrap of a picture, stripes, or plain noise."""
    kind = rng.random()
    if kind < 0.5:
        picture = textures[int(rng.integers(len(textures)))]
        side = int(rng.integers(24, min(picture.shape[:2]) // 2 + 1))
        y, x = (int(rng.integers(limit - side + 1)) for limit in picture.shape[:2])
        scrap = Image.fromarray(picture[y : y + side, x : x + side]).resize((width, height))
        return np.asarray(np.asarray(scrap) * rng.uniform(0.7, 1.3, 3), np.float32)
    first, second = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    if kind < 0.75:
        row, column = np.mgrid[:height, :width]
        direction = rng.uniform(0, np.pi)
        phase = (row * np.sin(direction) + column * np.cos(direction)) / rng.uniform(4, 40)
        share = (0.5 + 0.5 * np.sin(2 * np.pi * phase))[..., None].round(int(rng.integers(2)))
        return np.asarray(first + share * (second - first), np.float32)
    coarse = rng.uniform(0, 255, (int(rng.integers(2, 9)), int(rng.integers(2, 9)))).astype(np.uint8)
    cloud = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float32)
    return np.asarray(first + (cloud[..., None] / 255) * (second - first) * 0.7, np.float32)


_DRAWN = 512


def with_objects_chosen(settings: SampleSettings, voc_root: Path | None) -> SampleSettings:
    """The settings with "voc or drawn" decided by what is on this machine.

    Args:
        settings: how samples are augmented.
        voc_root: folder of Pascal VOC 2012; None for its default place, where it may be or not.

    Raises:
        DatasetError: a folder is given and has no objects.
    """
    occlusion = settings.occlusion
    if occlusion is None or occlusion.objects != "voc or drawn":
        return settings
    there = voc_folder(voc_root or default_voc_folder()) is not None
    if voc_root is not None and not there:
        raise DatasetError(f"there are no segmented objects of Pascal VOC in {str(voc_root)!r}. {HOW_TO_GET}")
    chosen = occlusion.model_copy(update={"objects": "voc" if there else "drawn"})
    return settings.model_copy(update={"occlusion": chosen})


def occluding_objects(
    occlusion: SyntheticOcclusion | None,
    textures: UInt8[np.ndarray, "pictures height width 3"],
    voc_root: Path | None,
    seed: int,
) -> list[Cutout]:
    """The library of objects that settings ask for; empty without SynthOcc.

    Args:
        occlusion: the settings.
        textures: pictures of which drawn objects take scraps.
        voc_root: folder of Pascal VOC 2012; None for its default place.
        seed: of drawn objects.

    Raises:
        DatasetError: objects of Pascal VOC are asked for and not there.
        TrainingError: the settings leave the choice open.
    """
    if occlusion is None:
        return []
    if occlusion.objects == "drawn":
        return draw_cutouts(_DRAWN, textures, seed)
    if occlusion.objects == "voc":
        return read_voc_cutouts(voc_root or default_voc_folder())
    raise TrainingError('"voc or drawn" is undecided: decide it first (with_objects_chosen)')
