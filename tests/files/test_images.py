"""Every way a file can store a photograph gives the same upright RGB (the rest: test_io_images_refused)."""

import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, TiffImagePlugin
from support.picture_files import exif, smooth_scene

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.training.annotated_photographs import cut_square


@pytest.fixture
def scene() -> np.ndarray:
    return smooth_scene()


def to_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera held that way writes: independent of the reader, by the names in the EXIF standard."""
    turns = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(turns[orientation](upright))


def difference(path: Path, expected: np.ndarray) -> int:
    pixels = read_image(path).pixels
    assert pixels.shape == expected.shape
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    return int(np.abs(pixels.astype(int) - expected).max())


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_gives_the_same_picture(tmp_path, scene, orientation, suffix):
    path = tmp_path / f"photo.{suffix}"
    lossless = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(to_stored(scene, orientation)).save(path, exif=exif(orientation), **lossless)
    assert difference(path, scene) <= (3 if suffix == "jpg" else 0)


@pytest.mark.parametrize("orientation", [0, 9, 4242])
def test_an_invalid_orientation_leaves_the_picture_as_stored(tmp_path, scene, orientation):
    Image.fromarray(scene).save(tmp_path / "photo.png", exif=exif(orientation))
    assert difference(tmp_path / "photo.png", scene) == 0


@pytest.mark.parametrize(("shrink", "by"), [(1, 1), (2, 2), (3, 2), (7, 4), (50, 8)])
def test_a_large_photograph_comes_smaller_and_a_box_shows_the_same(tmp_path, scene, shrink, by):
    large = Image.fromarray(scene).resize((1201, 901), Image.Resampling.BICUBIC)
    large.save(tmp_path / "photo.jpg", quality=95)
    full, small = read_image(tmp_path / "photo.jpg"), read_image(tmp_path / "photo.jpg", shrink=shrink)
    assert (full.shrunk, small.shrunk) == (1, by)
    assert small.pixels.shape == (-(-901 // by), -(-1201 // by), 3)
    box = CropBox((611.3, 433.8), 700.9)
    cuts = [cut_square(each.pixels, box.shrunk(each.shrunk), 1.2, 80).astype(int) for each in (full, small)]
    assert np.abs(cuts[0] - cuts[1]).max() <= 4


@pytest.mark.parametrize("file", ["turned.jpg", "photo.png"])
def test_what_cannot_come_smaller_comes_in_full(tmp_path, scene, file):
    Image.fromarray(to_stored(scene, 6)).save(tmp_path / file, exif=exif(6), quality=100, subsampling=0)
    small = read_image(tmp_path / file, shrink=2)
    assert small.shrunk == 1
    assert small.pixels.shape == scene.shape


@pytest.mark.parametrize("offset", [b"\xff\xff\xff\x7f", b"\x08\0\0\0\x09\0\x12\x01"])
def test_a_damaged_exif_block_is_a_warning_not_an_error(tmp_path, scene, offset):
    Image.fromarray(scene).save(tmp_path / "photo.jpg", exif=b"Exif\0\0II*\0" + offset)
    decoded = read_image(tmp_path / "photo.jpg")
    assert decoded.pixels.shape == scene.shape
    assert "EXIF" in decoded.warnings[0]


def test_pictures_taller_than_a_strip_are_whole(tmp_path):
    tall = np.random.default_rng(0).integers(0, 256, (1500, 40, 3), dtype=np.uint8)
    Image.fromarray(to_stored(tall, 6)).save(tmp_path / "wide.png", exif=exif(6))
    Image.fromarray(to_stored(tall, 3)).save(tmp_path / "tall.png", exif=exif(3))
    assert difference(tmp_path / "wide.png", tall) == 0
    assert difference(tmp_path / "tall.png", tall) == 0


def test_grey_is_repeated_over_the_channels(tmp_path, scene):
    grey = scene[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert difference(tmp_path / "grey.png", np.repeat(grey[..., None], 3, axis=-1)) == 0


def test_one_bit_becomes_black_and_white(tmp_path, scene):
    bits = scene[..., 0] > 100
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert difference(tmp_path / "bits.png", np.repeat(bits[..., None] * 255, 3, axis=-1)) == 0


def test_palette_colours_are_looked_up(tmp_path):
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 0, 10, 200, 30])
    picture.save(tmp_path / "palette.png")
    assert difference(tmp_path / "palette.png", np.full((20, 20, 3), (10, 200, 30))) == 0


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, suffix):
    values = np.linspace(0, 65535, 400).round().astype(np.uint16).reshape(20, 20)
    Image.fromarray(values).save(tmp_path / f"deep.{suffix}")
    expected = np.repeat(np.rint(values / 257.0)[..., None], 3, axis=-1)
    assert difference(tmp_path / f"deep.{suffix}", expected) == 0


def test_sixteen_bit_big_endian_tiff_is_read(tmp_path):
    values = np.linspace(0, 65535, 400).round().astype(">u2").reshape(20, 20)
    Image.fromarray(values).save(tmp_path / "deep.tiff")
    assert difference(tmp_path / "deep.tiff", np.repeat(np.rint(values / 257.0)[..., None], 3, axis=-1)) == 0


def test_sixteen_bit_grey_with_a_transparent_value_is_laid_over_white(tmp_path):
    values = np.full((20, 20), 1000, np.uint16)
    values[:10] = 4000
    Image.fromarray(values).save(tmp_path / "deep.png", transparency=4000)
    pixels = read_image(tmp_path / "deep.png").pixels
    assert (pixels[:10] == 255).all()
    assert (pixels[10:] == 4).all()


def write_png(path: Path, values: np.ndarray, colour_type: int) -> None:
    """A 16-bit PNG of any number of channels, which Pillow cannot write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return len(body).to_bytes(4, "big") + kind + body + check.to_bytes(4, "big")

    height, width, _ = values.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, colour_type, 0, 0, 0])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_sixteen_bit_rgb_keeps_eight_bits(tmp_path, scene):
    write_png(tmp_path / "deep.png", scene.astype(np.uint16) * 257, colour_type=2)
    assert difference(tmp_path / "deep.png", scene) == 0


def test_sixteen_bit_rgba_is_laid_over_white(tmp_path, scene):
    alpha = np.zeros((*scene.shape[:2], 1), np.uint16)
    alpha[:20] = 65535
    write_png(tmp_path / "deep.png", np.concatenate([scene.astype(np.uint16) * 257, alpha], -1), 6)
    expected = scene.copy()
    expected[20:] = 255
    assert difference(tmp_path / "deep.png", expected) == 0


@pytest.mark.parametrize(("highest", "gain"), [(1.0, 255.0), (255.0, 1.0)])
def test_floating_point_tiff_is_taken_as_unit_or_byte_range(tmp_path, highest, gain):
    values = np.linspace(0, highest, 400, dtype=np.float32).reshape(20, 20)
    Image.fromarray(values).save(tmp_path / "float.tiff")
    expected = np.repeat(np.rint(values * gain)[..., None], 3, axis=-1)
    assert difference(tmp_path / "float.tiff", expected) == 0


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_alpha_is_laid_over_white(tmp_path, suffix):
    rgba = np.zeros((20, 30, 4), np.uint8)
    rgba[..., 0] = 200
    rgba[:, 10:20, 3] = 128
    rgba[:, 20:, 3] = 255
    lossless = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(rgba).save(tmp_path / f"clear.{suffix}", **lossless)
    expected = np.full((20, 30, 3), 255)
    expected[:, 10:20] = (227, 127, 127)  # 200 * 128/255 + 255 * 127/255 = 227.4 and 127
    expected[:, 20:] = (200, 0, 0)
    assert difference(tmp_path / f"clear.{suffix}", expected) == 0


def test_grey_with_alpha_is_laid_over_white(tmp_path):
    picture = np.zeros((20, 20, 2), np.uint8)
    picture[:10, :, 1] = 255
    Image.fromarray(picture, "LA").save(tmp_path / "la.png")
    expected = np.full((20, 20, 3), 255)
    expected[:10] = 0
    assert difference(tmp_path / "la.png", expected) == 0


@pytest.mark.parametrize("transparency", [0, bytes([0, 255])])
def test_a_transparent_palette_entry_is_laid_over_white(tmp_path, transparency):
    picture = Image.new("P", (20, 20), 1)
    picture.paste(0, (0, 0, 20, 10))
    picture.putpalette([9, 9, 9, 10, 200, 30])
    picture.save(tmp_path / "palette.png", transparency=transparency)
    expected = np.full((20, 20, 3), (10, 200, 30))
    expected[:10] = 255
    assert difference(tmp_path / "palette.png", expected) == 0


def test_a_transparent_rgb_colour_is_laid_over_white(tmp_path, scene):
    scene[:5] = (1, 2, 3)
    Image.fromarray(scene).save(tmp_path / "keyed.png", transparency=(1, 2, 3))
    scene[:5] = 255
    assert difference(tmp_path / "keyed.png", scene) == 0


def test_cmyk_jpeg_has_the_colours_of_the_print(tmp_path):
    """Adobe programs store CMYK inverted; paper without ink must come out white, not black."""
    inks = np.zeros((32, 32, 4), np.uint8)
    inks[16:, :, 0] = 255  # full cyan: no red
    Image.fromarray(inks, "CMYK").save(tmp_path / "print.jpg", quality=100)
    assert b"Adobe" in (tmp_path / "print.jpg").read_bytes()
    pixels = read_image(tmp_path / "print.jpg").pixels
    assert pixels[:15].min() > 250
    assert np.abs(pixels[17:].astype(int) - (0, 255, 255)).max() < 5


def test_cmyk_tiff_is_not_inverted(tmp_path):
    Image.new("CMYK", (20, 20), (255, 0, 0, 0)).save(tmp_path / "print.tiff")
    assert difference(tmp_path / "print.tiff", np.full((20, 20, 3), (0, 255, 255))) == 0


def test_an_icc_profile_changes_nothing(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "profiled.png", icc_profile=b"not even a profile")
    assert difference(tmp_path / "profiled.png", scene) == 0


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_of_several_pictures_the_first_is_read_with_a_warning(tmp_path, suffix):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("white", "black", "red")]
    options = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"moving.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    decoded = read_image(path)
    assert (decoded.pixels == 255).all()
    assert len(decoded.warnings) == 1
    assert "only the first" in decoded.warnings[0]


def test_the_multi_picture_jpeg_of_a_phone_is_one_photograph(tmp_path, scene):
    extra = Image.new("RGB", (20, 20))
    Image.fromarray(scene).save(
        tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[extra], quality=100, subsampling=0
    )
    assert difference(tmp_path / "phone.jpg", scene) <= 3
    assert read_image(tmp_path / "phone.jpg").warnings == ()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff", "jpg", "bmp", "ppm"])
def test_a_single_picture_has_no_warning(tmp_path, scene, suffix):
    Image.fromarray(scene).save(tmp_path / f"still.{suffix}")
    assert read_image(tmp_path / f"still.{suffix}").warnings == ()


def test_the_content_decides_not_the_suffix(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "photo.txt", format="PNG")
    assert difference(tmp_path / "photo.txt", scene) == 0


@pytest.mark.parametrize("name", ["фото 人物.png", 'a"><script>.png', "naïve\nline.png"])
def test_unusual_file_names_are_read(tmp_path, scene, name):
    Image.fromarray(scene).save(tmp_path / name)
    assert difference(tmp_path / name, scene) == 0


def test_no_global_state_of_pillow_or_python_is_changed(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "photo.png")
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, TiffImagePlugin.READ_LIBTIFF)
    filters = list(warnings.filters)
    read_image(tmp_path / "photo.png")
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, TiffImagePlugin.READ_LIBTIFF)
    assert filters == warnings.filters


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_photograph_needs_little_more_than_twice_its_pixels(tmp_path):
    """6000 x 4000 is 72 MB of RGB; Pillow holds 96 MB of its own while decoding."""
    small = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    path = tmp_path / "large.jpg"
    Image.fromarray(small).resize((6000, 4000), Image.Resampling.BILINEAR).save(path, exif=exif(6))
    program = (
        "import pathlib, re, sys\n"
        "from occlusion_toolkit.files.images import read_image\n"
        "def peak_mb():\n"
        "    status = pathlib.Path('/proc/self/status').read_text()\n"
        "    return int(re.search(r'VmHWM:\\s*(\\d+)', status).group(1)) // 1024\n"
        "read_image(sys.argv[2])  # loads what reading needs\n"
        "before = peak_mb()\n"
        "print(*read_image(sys.argv[1]).pixels.shape, peak_mb() - before)\n"
    )
    Image.fromarray(small).save(tmp_path / "small.jpg")
    command = [sys.executable, "-c", program, path, tmp_path / "small.jpg"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    height, width, channels, growth_mb = map(int, answer.stdout.split())
    assert (height, width, channels) == (6000, 4000, 3)
    assert growth_mb < 240  # one copy more would be 72
