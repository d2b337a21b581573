"""Any photograph to upright 8-bit RGB, whatever way its file stores it.

Colours are taken as sRGB: embedded ICC profiles are ignored, as the data sets and the training code of the
published regressors ignore them.
"""

import errno
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import ExifTags, Image, UnidentifiedImageError

from occlusion_toolkit.errors import ImageError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
"""Pillow's decoders that are ever tried; the others (EPS starts a program, for one) are never reached."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm")
"""Names by which images are picked from a folder; what a file is, its content decides."""

MAX_PIXELS = 150_000_000
"""Largest image that is decoded, in pixels: more than any camera's, less than a decompression bomb's."""

MIN_SIDE = 16
"""Smallest usable side, in pixels: below it there is no person to see."""

_DAMAGED_EXIF = "the EXIF block is damaged; if it held an orientation, the image may not be upright"

_STRIP_ROWS = 512  # rows converted at a time, so that no second full-size copy ever exists

_WARNING_FILTERS = threading.Lock()  # `warnings.catch_warnings` changes the whole process for a moment

_BITS_16 = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow scales every "I" it reads to 16 bits


@dataclass(frozen=True)
class DecodedImage:
    """An image as the regressors expect it.

    Attributes:
        pixels: upright RGB, (H, W, 3) uint8; transparent parts are laid over white.
        warnings: what the reader of a result should know, such as frames that were left out.
        shrunk: how many pixels of the file, along each side, became one.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    warnings: tuple[str, ...] = ()
    shrunk: int = 1


def read_image(path: Path | str, *, shrink: int = 1) -> DecodedImage:
    """Reads one image file as upright 8-bit RGB.

    EXIF orientation is applied. Grey, palette, 1-bit, CMYK (stored inverted, as every program that writes
    CMYK JPEG does), 16-bit and floating-point images are converted: 16-bit values are divided by 257;
    floating-point values are taken as [0, 1] or, if any exceeds 1, as [0, 255]. Of an animation or of
    several pages the first is used, with a warning.

    Args:
        path: file in one of `FORMATS`; the content decides, not the suffix.
        shrink: how many times smaller the picture may be. JPEG decoders give a half, a quarter or an eighth
            of a picture in a fraction of the time; other files, and JPEGs stored turned, come in full.

    Returns:
        The pixels and the warnings.

    Raises:
        ImageError: the file is missing, unreadable, not an image of these formats, damaged, smaller than
            `MIN_SIDE` or larger than `MAX_PIXELS`.
    """
    path = Path(path)
    _check_file(path)
    notes: list[str] = []
    with _one_line_errors(path), _open(path, notes) as image:
        _check_size(path, image.width, image.height)
        shrunk = _draft(image, shrink)
        image.load()
        # Pillow turns a TIFF while loading and then reports orientation 1, so this is read afterwards.
        pixels = _upright_rgb(path, image, _orientation(image, notes))
        if _has_more_frames(image):
            notes.append(f"{_shown(path)} holds several pictures; only the first is used")
        return DecodedImage(pixels, tuple(notes), shrunk)


def _shown(path: Path) -> str:
    """The file name quoted, so that line breaks in it cannot break the line it is shown on."""
    return repr(str(path))


def _check_file(path: Path) -> None:
    """Refuses what can be told without opening an image, in the words of the file system."""
    shown = _shown(path)
    try:
        if path.is_dir():
            raise ImageError(f"{shown} is a folder, not an image; give the file inside it")
        if not path.exists():
            raise ImageError(f"{shown} does not exist; check the path")
        if not path.is_file():
            raise ImageError(f"{shown} is not a regular file; give an image file")
        if path.stat().st_size == 0:
            raise ImageError(f"{shown} is empty (0 bytes); copy or download it again")
    except (OSError, ValueError) as error:
        raise ImageError(f"{shown} cannot be read: {error}") from error


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{_shown(path)} claims {width} x {height} pixels, more than the {MAX_PIXELS // 10**6} million "
            "that are decoded (it may be a decompression bomb); scale it down first"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"{_shown(path)} is only {width} x {height} pixels; both sides must have at least {MIN_SIDE}"
        )


def _open(path: Path, notes: list[str]) -> Image.Image:
    """Reads the header; Pillow's warnings (large image, damaged EXIF block) become notes or nothing."""
    with _WARNING_FILTERS, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = Image.open(path, formats=FORMATS)
    if any("EXIF" in str(warning.message) for warning in caught):
        notes.append(_DAMAGED_EXIF)
    return image


def _draft(image: Image.Image, shrink: int) -> int:
    """Asks a JPEG's decoder for a smaller picture; returns how many times smaller it will be."""
    width, height = image.size
    # Of a turned picture with odd sides the incomplete pixels would come first, and shift it.
    if shrink < 2 or image.format not in ("JPEG", "MPO") or _orientation(image, []) != 1:
        return 1
    image.draft(None, (max(1, width // shrink), max(1, height // shrink)))
    return next(by for by in (1, 2, 4, 8) if image.width == -(-width // by))


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    """Turns whatever Pillow raises on hostile or damaged data into one `ImageError`.

    Decoders raise nearly any class of exception on damaged data (`struct.error`, `KeyError`,
    `zlib.error`, ...), so all of them count as "damaged".
    """
    shown = _shown(path)
    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{shown} is not an image in a known format; convert it to one of {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{shown} is too large ({error}); scale it down first") from error
    except MemoryError as error:
        raise ImageError(f"{shown} does not fit into memory; scale it down first") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
            raise ImageError(f"{shown} cannot be read: permission denied") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{shown} is damaged or cut short ({reason}); copy or download it again") from error


def _orientation(image: Image.Image, notes: list[str]) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where it is absent, invalid or unreadable."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged EXIF block raises nearly anything, and the pixels are still good
        notes.append(_DAMAGED_EXIF)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright_rgb(path: Path, image: Image.Image, orientation: int) -> UInt8[np.ndarray, "height width 3"]:
    """Converts strip by strip into the turned output, so peak memory is Pillow's image plus the result."""
    to_rgb = _converter(path, image)
    width, height = image.size
    swapped = orientation >= 5
    upright = np.empty((width, height, 3) if swapped else (height, width, 3), np.uint8)
    stored = _as_stored(upright, orientation)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        stored[top:bottom] = to_rgb.strip(image.crop((0, top, width, bottom)))
    return upright


def _as_stored(
    upright: UInt8[np.ndarray, "height width 3"], orientation: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """A view of the upright image in the row and column order of the file (EXIF 2.32, tag 0x0112)."""
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    view = upright[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return view.swapaxes(0, 1) if orientation >= 5 else view


@dataclass(frozen=True)
class _Converter:
    """How the strips of one image become RGB.

    Attributes:
        mode: Pillow's mode of the stored image.
        has_transparency: whether there is an alpha channel or a transparent palette entry or colour.
        transparent: the declared transparent value of a 16-bit grey image.
        gain: what floating-point values are multiplied by.
    """

    mode: str
    has_transparency: bool
    transparent: int | None = None
    gain: float = 1.0

    def strip(self, part: Image.Image) -> UInt8[np.ndarray, "rows columns 3"]:
        """Some rows of the image as RGB."""
        if self.mode == "F":
            return _grey(np.asarray(part, np.float32) * np.float32(self.gain))
        if self.mode in _BITS_16:
            values = np.asarray(part).astype(np.float32)
            white = values == self.transparent if self.transparent is not None else False
            return _grey(np.where(white, np.float32(255.0), values / np.float32(257.0)))
        if self.has_transparency:
            return _over_white(np.asarray(part.convert("RGBA")))
        return np.asarray(part.convert("RGB"))


def _converter(path: Path, image: Image.Image) -> _Converter:
    """Chooses the conversion for a loaded image.

    Raises:
        ImageError: the values have no agreed meaning as colours.
    """
    transparent = image.info.get("transparency")
    if image.mode == "I":
        lowest, highest = np.asarray(image.getextrema(), np.float64)
        if lowest < 0 or highest > 65535:
            raise ImageError(
                f"{_shown(path)} holds integers from {lowest:.0f} to {highest:.0f}, more than 16 bits; "
                "save it with 8 bits"
            )
    if image.mode in _BITS_16:
        return _Converter(image.mode, False, transparent if isinstance(transparent, int) else None)
    if image.mode == "F":
        return _Converter("F", False, gain=_float_gain(path, np.asarray(image)))
    if image.mode in ("LAB", "HSV"):
        raise ImageError(f"{_shown(path)} stores {image.mode} colours; save it as RGB")
    return _Converter(image.mode, image.has_transparency_data)


def _float_gain(path: Path, values: Float32[np.ndarray, "height width"]) -> float:
    """255 for values in [0, 1], 1 for values in [0, 255]; anything else has no agreed meaning."""
    lowest, highest = float(values.min()), float(values.max())
    if not (lowest >= 0.0 and highest <= 255.0):  # also false where a NaN makes both of them NaN
        raise ImageError(
            f"{_shown(path)} holds floating-point values from {lowest:g} to {highest:g}; "
            "they must lie in [0, 1] or in [0, 255]"
        )
    return 255.0 if highest <= 1.0 else 1.0


def _grey(values: Float32[np.ndarray, "rows columns"]) -> UInt8[np.ndarray, "rows columns 3"]:
    grey = np.rint(values).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _over_white(rgba: UInt8[np.ndarray, "rows columns 4"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Lays colours with alpha over white, rounded to nearest."""
    alpha = rgba[..., 3:].astype(np.uint16)
    blended = rgba[..., :3] * alpha + np.uint16(255) * (255 - alpha)  # at most 255 * 255, fits 16 bits
    return ((blended + np.uint16(127)) // np.uint16(255)).astype(np.uint8)


def _has_more_frames(image: Image.Image) -> bool:
    """Whether a second frame or page follows; a phone's multi-picture JPEG counts as one photograph."""
    if image.format == "MPO":
        return False
    try:
        image.seek(1)
    except Exception:  # no second frame, or a damaged one: neither matters, since the first is read
        return False
    return True
