"""What users choose about the look of figures."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.plotting.colormaps import scale_for
from occlusion_toolkit.plotting.look import DIVERGING, SEQUENTIAL, chosen_look, look
from occlusion_toolkit.plotting.style import DPI, save_figure

VALUES = np.array([-3.0, 8.0])


def drawn() -> Figure:
    figure = Figure(figsize=(4, 3), dpi=DPI)
    axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    axes.plot([0, 1], [0, 1], lw=2, path_effects=[withStroke(linewidth=3, foreground="white")])
    axes.imshow(np.arange(4.0).reshape(2, 2), extent=(0, 0.5, 0, 0.5))
    axes.set(title="title", xlabel="steps")
    return figure


@pytest.mark.parametrize(
    ("cmap", "sequential", "diverging"),
    [
        (None, SEQUENTIAL.name, DIVERGING.name),
        ("viridis", "viridis", DIVERGING.name),
        ("lajolla", "lajolla", DIVERGING.name),
        ("RdBu_r", SEQUENTIAL.name, "RdBu_r"),
    ],
)
def test_a_colour_map_is_for_the_scales_of_its_kind(cmap, sequential, diverging):
    with look(cmap):
        assert scale_for("error", VALUES).colormap.name == sequential
        assert scale_for("increase", VALUES).colormap.name == diverging
    assert scale_for("error", VALUES).colormap is SEQUENTIAL


def test_colours_of_models_are_taken_from_the_map():
    before = model_colours(3)
    with look("viridis"):
        assert model_colours(3) != before
    assert model_colours(3) == before


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ({"cmap": "jet"}, "up and down"),
        ({"cmap": "viridiss"}, "did you mean viridis"),
        ({"cmap": "no such map at all"}, "cmcrameri"),
        ({"width": 0.1}, "inches"),
        ({"width": float("nan")}, "inches"),
        ({"dpi": 5}, "pixels per inch"),
    ],
)
def test_what_makes_no_sense_is_refused(words, hint):
    with pytest.raises(UsageError, match=hint), look(**words):
        pass
    assert chosen_look().dpi is None


def test_width_and_pixels_per_inch_are_those_of_the_file(tmp_path):
    figure = drawn()
    with look(width=2.0, dpi=150):
        for name in ("a.png", "a.pdf"):
            save_figure(figure, tmp_path / name)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (300, 225)
    assert b"/MediaBox [ 0 0 144 108 ]" in (tmp_path / "a.pdf").read_bytes()


def test_everything_scales_with_the_width_and_is_back_afterwards(tmp_path):
    save_figure(drawn(), tmp_path / "own.png")
    figure = drawn()
    with look(width=2.0, dpi=2 * DPI):
        save_figure(figure, tmp_path / "half.png")
    save_figure(figure, tmp_path / "again.png")
    assert (tmp_path / "own.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    own, half = (np.asarray(Image.open(tmp_path / name), float) for name in ("own.png", "half.png"))
    assert own.shape == half.shape
    assert np.abs(own - half).mean() < 3
