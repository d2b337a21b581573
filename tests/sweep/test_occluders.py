from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from support.fakes import random_crops

from occlusion_toolkit.data.crops import IMAGENET_MEAN, IMAGENET_STD, denormalise
from occlusion_toolkit.errors import OccluderError
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.occluders.picture import PictureOccluder

SIZE = 16
GRID = Grid(size=SIZE, stride=8, resolution=64)
PAINTS = ["grey", "black", "white", "mean", "noise", "noise:7", "blur"]
CLIPPED, WHOLE = 0, 3 * GRID.cols + 4
TO_NUMPY = {"rtol": 1e-5, "atol": 1e-5}


def windows(*indices: int) -> torch.Tensor:
    return torch.from_numpy(GRID.windows()[list(indices)])


def rgb(normalised: torch.Tensor) -> np.ndarray:
    """8-bit RGB values (..., 3) of a normalised crop (3, H, W)."""
    pixels = normalised.double().permute(1, 2, 0).numpy() * IMAGENET_STD + IMAGENET_MEAN
    return 255 * pixels


def save_picture(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("spec", PAINTS)
def test_paint_covers_exactly_the_window(spec):
    crops = random_crops(2, GRID.resolution)
    occluder = parse_occluder(spec, SIZE)
    chosen = windows(CLIPPED, WHOLE)
    occluded, paint = occluder.apply(crops, chosen), occluder.fill(crops).expand_as(crops)
    for number, (y0, y1, x0, x1) in enumerate(chosen.tolist()):
        expected = crops[number].clone()
        expected[:, y0:y1, x0:x1] = paint[number, :, y0:y1, x0:x1]
        assert torch.equal(occluded[number], expected)
        assert (occluded[number] != crops[number]).any(dim=0).sum() == (y1 - y0) * (x1 - x0)


@pytest.mark.parametrize("spec", PAINTS)
def test_an_empty_window_leaves_the_crop(spec):
    crops = random_crops(1, GRID.resolution)
    assert torch.equal(parse_occluder(spec, SIZE).apply(crops, torch.zeros((1, 4), dtype=torch.int64)), crops)


@pytest.mark.parametrize("spec", PAINTS)
def test_paint_has_the_type_of_the_crops_and_leaves_them_alone(spec):
    crops = random_crops(1, GRID.resolution).double()
    before = crops.clone()
    assert parse_occluder(spec, SIZE).apply(crops, windows(WHOLE)).dtype == torch.float64
    assert torch.equal(crops, before)


@pytest.mark.parametrize("spec", PAINTS)
def test_every_crop_of_a_batch_is_painted_as_if_alone(spec):
    crops, chosen = random_crops(3, GRID.resolution), windows(CLIPPED, WHOLE, WHOLE + 1)
    occluder = parse_occluder(spec, SIZE)
    alone = torch.cat([occluder.apply(crops[i : i + 1], chosen[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(occluder.apply(crops, chosen), alone, rtol=0, atol=1e-6)


def test_grey_is_zero_in_normalised_space_and_says_its_colour():
    grey = parse_occluder("grey", SIZE)
    fill = grey.fill(random_crops(1, GRID.resolution))
    assert (fill == 0).all()
    np.testing.assert_allclose(rgb(fill[0])[0, 0], [124, 116, 104], atol=0.5)
    assert "124,116,104" in grey.description


@pytest.mark.parametrize(("spec", "value"), [("black", 0.0), ("white", 255.0)])
def test_black_and_white_are_black_and_white(spec, value):
    fill = parse_occluder(spec, SIZE).fill(random_crops(1, GRID.resolution))
    np.testing.assert_allclose(rgb(fill[0]), value, atol=1e-3)


def test_occluders_and_crops_mean_the_same_colours():
    grey, white = (parse_occluder(s, SIZE).fill(random_crops(1, GRID.resolution)) for s in ("grey", "white"))
    assert denormalise(grey)[0, 0, 0].tolist() == [124, 116, 104]
    assert denormalise(white)[0, 0, 0].tolist() == [255, 255, 255]


def test_mean_is_the_mean_colour_of_each_crop():
    crops = random_crops(2, GRID.resolution)
    fill = parse_occluder("mean", SIZE).fill(crops)
    torch.testing.assert_close(fill[:, :, 0, 0], crops.mean(dim=(2, 3)))
    assert not torch.equal(fill[0], fill[1])


def test_noise_is_8_bit_fixed_to_the_crop_and_chosen_by_its_seed():
    crops = random_crops(2, GRID.resolution)
    first, again = (parse_occluder("noise:3", SIZE).fill(crops) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first, parse_occluder("noise:4", SIZE).fill(crops))
    values = rgb(first[0])
    np.testing.assert_allclose(values, values.round(), atol=1e-3)
    assert values.round().min() == 0
    assert values.round().max() == 255
    assert abs(values.mean() - 127.5) < 3


def test_blur_is_a_gaussian_with_a_quarter_of_the_size_as_sigma():
    crops = random_crops(1, GRID.resolution)
    blurred = parse_occluder("blur", SIZE).fill(crops)[0]
    for channel in range(3):
        expected = gaussian_filter(crops[0, channel].numpy(), SIZE / 4, mode="nearest", truncate=3.0)
        np.testing.assert_allclose(blurred[channel].numpy(), expected, **TO_NUMPY)


def test_opaque_picture_fills_the_window_at_full_size(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3))
    occluder = parse_occluder(f"image:{save_picture(tmp_path / 'cup.png', pixels)}", SIZE)
    y0, y1, x0, x1 = windows(WHOLE)[0].tolist()
    occluded = occluder.apply(random_crops(1, GRID.resolution), windows(WHOLE))[0]
    np.testing.assert_allclose(rgb(occluded[:, y0:y1, x0:x1]), pixels, atol=1e-3)
    assert "cup.png" in occluder.description
    assert str(tmp_path) not in occluder.description


def test_clipped_windows_show_the_part_of_the_picture_inside_the_crop(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3))
    occluder = parse_occluder(f"image:{save_picture(tmp_path / 'cup.png', pixels)}", SIZE)
    corners = (0, GRID.cols - 1, len(GRID) - GRID.cols, len(GRID) - 1)
    margin, last = SIZE // 4, GRID.resolution - 3 * SIZE // 4
    parts = (
        (slice(margin, None), slice(margin, None)),
        (slice(margin, None), slice(None, -margin)),
        (slice(None, -margin), slice(margin, None)),
        (slice(None, -margin), slice(None, -margin)),
    )
    assert windows(0)[0].tolist() == [0, SIZE - margin, 0, SIZE - margin]
    assert windows(len(GRID) - 1)[0].tolist() == [last, GRID.resolution] * 2
    occluded = occluder.apply(random_crops(4, GRID.resolution), windows(*corners))
    for number, (window, part) in enumerate(zip(windows(*corners).tolist(), parts, strict=True)):
        y0, y1, x0, x1 = window
        np.testing.assert_allclose(rgb(occluded[number, :, y0:y1, x0:x1]), pixels[part], atol=1e-3)


def test_alpha_mixes_picture_and_crop():
    rgba = np.full((SIZE, SIZE, 4), 200, np.uint8)
    rgba[:, :, 3] = 255
    rgba[:4, :, 3] = 0
    rgba[4:8, :, 3] = 51
    crops = random_crops(1, GRID.resolution)
    y0, y1, x0, x1 = windows(WHOLE)[0].tolist()
    inside = (slice(None), slice(y0, y1), slice(x0, x1))
    occluded = PictureOccluder(rgba, "test").apply(crops, windows(WHOLE))[0]
    assert torch.equal(occluded[:, y0 : y0 + 4], crops[0, :, y0 : y0 + 4])
    before, after = rgb(crops[0][inside]), rgb(occluded[inside])
    np.testing.assert_allclose(after[4:8], 0.8 * before[4:8] + 0.2 * 200, atol=1e-3)
    np.testing.assert_allclose(after[8:], 200, atol=1e-3)


def test_pictures_of_any_shape_are_stretched_and_keep_colour_under_transparent_edges(tmp_path):
    pixels = np.zeros((20, 60, 4))
    pixels[:, :30] = [255, 0, 0, 255]
    pixels[:, 30:] = [0, 255, 0, 0]  # transparent green must not bleed into the red
    occluder = parse_occluder(f"image:{save_picture(tmp_path / 'half.png', pixels)}", SIZE)
    paint = occluder.fill(random_crops(1, GRID.resolution))[0]
    colours, alpha = rgb(paint[:3]), paint[3].numpy()
    assert (alpha[:, : SIZE // 2 - 2] == 1).all()
    assert (alpha[:, SIZE // 2 + 2 :] == 0).all()
    np.testing.assert_allclose(colours[alpha > 0.2], np.tile([255, 0, 0], ((alpha > 0.2).sum(), 1)), atol=2)


def test_pictures_are_turned_upright(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    paint = rgb(parse_occluder(f"image:{path}", SIZE).fill(random_crops(1, GRID.resolution))[0, :3])
    assert paint[0].max() < 20
    assert paint[-1].min() > 235


@pytest.mark.parametrize("spec", ["gray", "", "grey:2", "noise:x", "noise:-1", "noise:1e3", "image:"])
def test_unknown_specifications_are_an_error_that_lists_the_choices(spec):
    choices = "grey, black, white, mean, noise, noise:SEED, blur or image:PATH"
    with pytest.raises(OccluderError, match=choices):
        parse_occluder(spec, SIZE)


def test_a_seed_too_large_for_a_generator_is_an_error():
    with pytest.raises(OccluderError):
        parse_occluder(f"noise:{2**64}", SIZE)


def test_a_missing_or_broken_picture_is_an_error_that_names_it(tmp_path):
    with pytest.raises(OccluderError, match=r"nowhere\.png"):
        parse_occluder(f"image:{tmp_path / 'nowhere.png'}", SIZE)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    with pytest.raises(OccluderError, match=r"broken\.png"):
        parse_occluder(f"image:{broken}", SIZE)
