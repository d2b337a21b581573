"""Cut-out objects of Pascal VOC 2012, for SynthOcc as Sarandi et al. (2018) and PARE use it.

    ROOT/Annotations/2012_000003.xml         boxes and kinds of the objects
    ROOT/SegmentationObject/2007_000032.png  index of the object that each pixel belongs to, 255 at borders
    ROOT/JPEGImages/2007_000032.jpg

Taken are objects that are neither people nor difficult nor truncated, with at least 500 pixels, at half size.
The outermost 8 pixels are three-quarters opaque, so that no hard edge tells an object from the scene.
"""

import logging
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.images import read_image

Cutout = NDArray[np.uint8]
"""An object to paste: RGBA, (h, w, 4)."""

VOC = "voc"
"""What Pascal VOC's objects are called among the folders of data."""

logger = logging.getLogger(__name__)

HOW_TO_GET = (
    "Pascal VOC 2012 is at http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ (VOCtrainval_11-May-2012.tar; "
    "photographs of Flickr under its terms, for research); unpack VOCdevkit there"
)

_LEAST_PIXELS = 500
_EDGE_ALPHA = 192
_EDGE_PX = 8
_MAX_XML_BYTES = 1024**2


def read_voc_cutouts(root: Path) -> list[Cutout]:
    """All usable objects, in the order of the files.

    Args:
        root: folder `VOC2012`, or one that has it or `VOCdevkit/VOC2012` in it.

    Raises:
        DatasetError: the data set is missing or has no usable object, or a file is malformed.
        ImageError: a picture is damaged.
    """
    folder = voc_folder(root)
    if folder is None:
        raise DatasetError(f"there are no segmented objects of Pascal VOC in {str(root)!r}. {HOW_TO_GET}")
    cutouts = []
    for path in sorted((folder / "SegmentationObject").glob("*.png")):
        usable = _usable_objects(folder / "Annotations" / f"{path.stem}.xml")
        if usable:
            cutouts += _objects_of(folder / "JPEGImages" / f"{path.stem}.jpg", path, usable)
    if not cutouts:
        raise DatasetError(f"Pascal VOC in {str(folder)!r} has no usable object; unpack it again")
    logger.info("%s: %d objects", folder, len(cutouts))
    return cutouts


def default_voc_folder() -> Path:
    """Where Pascal VOC is looked for by default."""
    return toolkit_home() / "data" / "voc"


def voc_folder(root: Path) -> Path | None:
    """The folder with the three sub-folders; None where there is none."""
    for folder in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if all((folder / name).is_dir() for name in ("Annotations", "SegmentationObject", "JPEGImages")):
            return folder
    return None


def _usable_objects(path: Path) -> list[tuple[int, tuple[int, int, int, int]]]:
    """Index in the segmentation, from 1, and box (x0, y0, x1, y1), inclusive, of objects that are taken."""
    try:
        if path.stat().st_size > _MAX_XML_BYTES:
            raise DatasetError(f"{str(path)!r} is too large for an annotation of Pascal VOC")
        text = path.read_bytes()
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # what makes small XML files grow
            raise DatasetError(f"{str(path)!r} defines entities; annotations of Pascal VOC do not")
        usable = []
        for index, item in enumerate(ElementTree.fromstring(text).findall("object"), 1):
            flags = [item.findtext(name, "0").strip() != "0" for name in ("difficult", "truncated")]
            if item.findtext("name") == "person" or any(flags):
                continue
            corners = [int(float(item.findtext(f"bndbox/{name}", ""))) for name in _CORNERS]
            usable.append((index, (corners[0] - 1, corners[1] - 1, corners[2] - 1, corners[3] - 1)))
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise DatasetError(f"the annotation {str(path)!r} is missing or malformed ({error})") from error
    return usable


_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def _objects_of(
    image_path: Path, mask_path: Path, objects: list[tuple[int, tuple[int, int, int, int]]]
) -> list[Cutout]:
    """The objects of one image that are large enough."""
    try:
        with Image.open(mask_path, formats=("PNG",)) as picture:
            owners = np.asarray(picture)
    except OSError as error:
        raise DatasetError(f"the segmentation {str(mask_path)!r} is damaged ({error})") from error
    pixels = read_image(image_path).pixels
    if owners.shape != pixels.shape[:2]:
        raise DatasetError(f"{str(mask_path)!r} does not have the size of its image")
    cutouts = []
    for index, (left, top, right, bottom) in objects:
        window = (slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1))
        mask = owners[window] == index
        if mask.sum() >= _LEAST_PIXELS:
            cutouts.append(_cutout(pixels[window], mask))
    return cutouts


def _cutout(
    pixels: UInt8[np.ndarray, "height width 3"], mask: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "rows columns 4"]:
    """RGBA at half size, the edge three-quarters opaque."""
    offset = np.arange(_EDGE_PX) - (_EDGE_PX - 1) / 2
    disc = offset[:, None] ** 2 + offset**2 <= (_EDGE_PX / 2) ** 2
    inside = ndimage.binary_erosion(mask, disc)
    alpha = np.where(inside, 255, np.where(mask, _EDGE_ALPHA, 0)).astype(np.uint8)
    whole = Image.fromarray(np.dstack([pixels, alpha]))
    size = (max(1, whole.width // 2), max(1, whole.height // 2))
    return np.asarray(whole.resize(size, Image.Resampling.BOX))
