"""What is no usable photograph is refused with one clear line, whatever its bytes."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.picture_files import exif, smooth_scene

from occlusion_toolkit.errors import ImageError
from occlusion_toolkit.files.images import MAX_PIXELS, MIN_SIDE, read_image


@pytest.fixture
def scene() -> np.ndarray:
    return smooth_scene()


def refusal(path: Path) -> str:
    """The message of the error that reading raises; always a single line that names the file."""
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name.split("\n")[0] in message
    return message


@pytest.mark.parametrize("odd", [np.nan, np.inf, -0.5, 256.0])
def test_floating_point_tiff_outside_both_ranges_is_refused(tmp_path, odd):
    values = np.full((20, 20), 0.5, np.float32)
    values[7, 3] = odd
    Image.fromarray(values).save(tmp_path / "float.tiff")
    with pytest.raises(ImageError, match=r"\[0, 255\]"):
        read_image(tmp_path / "float.tiff")


def test_integers_beyond_sixteen_bits_are_refused(tmp_path):
    Image.fromarray(np.full((20, 20), 70000, np.int32)).save(tmp_path / "wide.tiff")
    with pytest.raises(ImageError, match="70000"):
        read_image(tmp_path / "wide.tiff")


def test_a_missing_file_is_named(tmp_path):
    assert "does not exist" in refusal(tmp_path / "no\nsuch.jpg")


def test_a_folder_is_not_an_image(tmp_path):
    assert "folder" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "regular file" in refusal(tmp_path / "pipe.jpg")


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert "0 bytes" in refusal(tmp_path / "empty.jpg")


@pytest.mark.parametrize(
    "content", [b"hello", b"\0" * 1000, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_other_files_are_not_images(tmp_path, content):
    (tmp_path / "other.jpg").write_bytes(content)
    assert "not an image" in refusal(tmp_path / "other.jpg")


@pytest.mark.parametrize("suffix", ["ico", "tga", "pcx", "jp2"])
def test_formats_off_the_list_are_not_decoded(tmp_path, scene, suffix):
    Image.fromarray(scene).save(tmp_path / f"exotic.{suffix}")
    assert "not an image in a known format" in refusal(tmp_path / f"exotic.{suffix}")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "gif", "bmp"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_file_cut_short_is_refused(tmp_path, suffix, kept):
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert "cut.xyz".replace("xyz", suffix) in refusal(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "gif", "bmp", "ppm"])
@pytest.mark.filterwarnings("ignore:::PIL")
def test_damaged_files_give_an_image_or_an_image_error(tmp_path, scene, suffix):
    """No other exception and no Pillow class reaches the caller, whatever bytes are wrong."""
    path = tmp_path / f"damaged.{suffix}"
    options = {} if suffix == "ppm" else {"exif": exif(6)}
    Image.fromarray(scene).save(path, **options)
    content = path.read_bytes()
    generator = np.random.default_rng(7)
    understood = 0
    for _ in range(60):
        broken = bytearray(content)
        for position in generator.integers(0, min(len(broken), 400), 4):
            broken[position] = generator.integers(0, 256)
        path.write_bytes(broken)
        try:
            read_image(path)
        except ImageError as error:
            understood += "\n" not in str(error)
        else:
            understood += 1
    assert understood == 60


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, MIN_SIDE - 1)])
def test_a_sliver_is_refused_with_its_size(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "sliver.png")
    assert f"{size[0]} x {size[1]}" in refusal(tmp_path / "sliver.png")


@pytest.mark.parametrize("side", [12_500, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, side):
    header = b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    header += side.to_bytes(4, "little") * 2 + bytes([1, 0, 24, 0]) + bytes(24)
    (tmp_path / "bomb.bmp").write_bytes(header)
    assert side * side > MAX_PIXELS
    message = refusal(tmp_path / "bomb.bmp")
    assert "bomb" in message
    assert "limit" in message or "150 million" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said_to_be_so(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "secret.png")
    (tmp_path / "secret.png").chmod(0)
    assert "permission" in refusal(tmp_path / "secret.png")


def test_permission_errors_are_told_from_damage(tmp_path, scene, monkeypatch):
    def denied(*_args: object, **_options: object) -> Image.Image:
        raise PermissionError(13, "Permission denied")

    Image.fromarray(scene).save(tmp_path / "secret.png")
    monkeypatch.setattr(Image, "open", denied)
    assert "permission denied" in refusal(tmp_path / "secret.png")
