import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from support.fakes import random_crops
from support.plugin_packages import install

from occlusion_toolkit.data.crops import IMAGENET_MEAN, IMAGENET_STD, denormalise
from occlusion_toolkit.errors import OccluderError
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import Occluder, describe, occluder_of, parse_occluder, plain_spec
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
    assert grey.spec["rgb"] == [124, 116, 104]


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
    assert describe(occluder.spec) == "image cup.png"


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
    occluded = PictureOccluder(rgba, Path("test.png"), "0" * 64).apply(crops, windows(WHOLE))[0]
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
    choices = "grey, black, white, mean, noise, noise:SEED, blur, image:PATH"
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


@pytest.mark.parametrize("text", [*PAINTS, "image"])
def test_an_occluder_is_made_again_from_its_spec(text, tmp_path):
    if text == "image":
        text = f"image:{save_picture(tmp_path / 'cup.png', np.full((24, 16, 3), 77))}"
    occluder, crops = parse_occluder(text, SIZE), random_crops(1, GRID.resolution)
    again = occluder_of(json.loads(json.dumps(plain_spec(occluder))), SIZE)
    assert torch.equal(again.apply(crops, windows(WHOLE)), occluder.apply(crops, windows(WHOLE)))


def test_what_would_paint_something_else_is_not_made_again(tmp_path):
    path = save_picture(tmp_path / "cup.png", np.full((24, 16, 3), 77))
    picture, blur = parse_occluder(f"image:{path}", SIZE).spec, parse_occluder("blur", SIZE).spec
    save_picture(path, np.full((24, 16, 3), 78))
    for spec in (picture, blur, {"name": "mug"}, {"name": "noise", "seed": "x"}, {"name": "image"}):
        with pytest.raises(OccluderError):
            occluder_of(spec, 2 * SIZE)


def test_specs_read_as_words():
    texts = {"noise:7": "noise (seed 7)", "grey": "grey", "blur": "blur (sigma_px 4.0)"}
    assert {text: describe(parse_occluder(text, SIZE).spec) for text in texts} == texts
    assert describe(None) == "none"


class Stripes(Occluder):
    """An occluder of one's own: black and white rows."""

    def __init__(self, **changes: object) -> None:
        self.spec = {"name": "stripes", "period": 2, "rgb": (0, 255)} | changes

    def fill(self, crops: torch.Tensor) -> torch.Tensor:
        return (torch.arange(crops.shape[2]) % 2 * 4.0 - 2.0)[None, None, :, None].expand_as(crops)


def test_an_occluder_of_ones_own_needs_a_spec_and_a_fill_and_nothing_else():
    crops = random_crops(1, GRID.resolution)
    (y0, y1, x0, x1), painted = windows(WHOLE)[0].tolist(), Stripes().apply(crops, windows(WHOLE))
    assert torch.equal(painted[0, :, y0:y1, x0:x1], Stripes().fill(crops)[0, :, y0:y1, x0:x1])
    assert torch.equal(painted[0, :, :y0], crops[0, :, :y0])
    assert plain_spec(Stripes()) == {"name": "stripes", "period": 2, "rgb": [0, 255]}


@pytest.mark.parametrize("change", [{"name": 3}, {"seed": float("nan")}, {"file": Path("x")}], ids=str)
def test_a_spec_that_cannot_be_stored_is_refused(change):
    with pytest.raises(OccluderError, match=r"Stripes\.spec"):
        plain_spec(Stripes(**change))


def test_installed_packages_add_occluders_by_name(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    code = """
from occlusion_toolkit.sweep.occluders import Occluder

class Dots(Occluder):
    spec = {"name": "dots"}

    def fill(self, crops):
        return crops.new_ones((len(crops), 3, 1, 1))

number = int
"""
    points = {"dots": "paintbox:Dots", "number": "paintbox:number", "gone": "paintbox:nothing"}
    install(tmp_path, "paintbox", points, code, group="occlusion_toolkit.occluders")
    dots = parse_occluder("dots", SIZE)
    assert (dots.fill(random_crops(1, 8)) == 1).all()
    assert plain_spec(occluder_of(dots.spec, SIZE)) == {"name": "dots"}
    for name, words in {
        "number": "not an Occluder",
        "gone": "cannot be made",
        "stripes": "image:PATH, dots",
    }.items():
        with pytest.raises(OccluderError, match=words):
            parse_occluder(name, SIZE)
