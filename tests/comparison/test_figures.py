"""Figures of several models: one scale for all, whiskers and stars only where there is something to say."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.patches import Polygon
from support.figure_fixtures import draw_coarsely, fake_maps
from support.figure_texts import texts as all_texts
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.example_figures import (
    heatmaps_by_model_figure,
    predictions_by_model_figure,
)
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.plotting.arrangement import reading_order


def compared(folder, sequences: int) -> Comparison:
    """Two models on twelve images."""
    return compare(
        *(
            make_survey(folder / str(seed), model_card=f"model-{seed}", seed=seed, sequences=sequences)
            for seed in range(2)
        )
    )


@pytest.fixture(scope="module")
def comparison(tmp_path_factory) -> Comparison:
    return compared(tmp_path_factory.mktemp("six"), sequences=6)


def texts(figure) -> str:
    """All words of a figure."""
    return " ".join(all_texts(figure))


def in_order(row, comparison) -> np.ndarray:
    """Numbers of the columns in the order of the bars."""
    order = [*reading_order(comparison.columns[:-1]), len(comparison.columns) - 1]
    return np.array(row)[order]


def test_bars_are_as_high_as_the_means_and_whiskers_span_the_intervals(comparison):
    (axes,) = comparison.plot(quantity="worst").axes
    bars = [found for found in axes.containers if isinstance(found, BarContainer)]
    whiskers = [found for found in axes.containers if isinstance(found, ErrorbarContainer)]
    for model, bar, whisker in zip(comparison.models, bars, whiskers, strict=True):
        found = model.quantities["worst"]
        np.testing.assert_allclose([patch.get_height() for patch in bar], in_order(found.mean, comparison))
        ends = np.array([segment[:, 1] for segment in whisker[2][0].get_segments()])
        np.testing.assert_allclose(ends[:, 0], in_order(found.low, comparison))
        np.testing.assert_allclose(ends[:, 1], in_order(found.high, comparison))


def test_joints_stand_in_the_order_of_the_heatmaps(comparison):
    (axes,) = comparison.plot().axes
    shown = [label.get_text().replace(" ", "_") for label in axes.get_xticklabels()]
    assert shown == [*(LSP14.joint_names[joint] for joint in reading_order(LSP14.joint_names)), "mean"]


def test_the_clean_line_has_dark_edges_and_is_inside_the_axes(comparison):
    (axes,) = comparison.plot().axes
    lines = [
        each for each in axes.collections if isinstance(each, LineCollection) and each.get_path_effects()
    ]
    clean = [each for each in lines if np.allclose(each.get_color(), 1)]
    assert len(clean) == len(comparison.models)
    top = max(segment[:, 1].max() for each in clean for segment in each.get_segments())
    assert top <= axes.get_ylim()[1]
    assert "white line with dark edges: clean error" in texts(axes.figure)


def test_stars_mark_what_is_significant(comparison):
    found = comparison.pairs[0].differences["occluded"]
    (axes,) = comparison.plot().axes
    assert [text.get_text() for text in axes.texts].count("*") == sum(q < 0.05 for q in found.q)
    q = tuple(0.04 if at in (2, 14) else 0.06 for at in range(15))
    differences = {"occluded": found.model_copy(update={"q": q})}
    pair = comparison.pairs[0].model_copy(update={"differences": differences})
    (axes,) = comparison.model_copy(update={"pairs": (pair,)}).plot().axes
    place = reading_order(comparison.columns[:-1]).index(2)
    assert [round(text.get_position()[0], 1) for text in axes.texts] == [place, 14.4]


def test_few_sequences_have_no_whiskers_and_the_figures_say_why(tmp_path):
    few = compared(tmp_path, sequences=3)
    bars, curves = few.plot(), few.plot_curves()
    assert not any(isinstance(found, ErrorbarContainer) for found in bars.axes[0].containers)
    assert not curves.axes[0].collections
    for figure in (bars, curves):
        assert "they need 6 sequences" in texts(figure)
        assert "95 % interval" not in texts(figure)


def test_every_figure_names_its_protocols_and_explains_its_lines(comparison):
    for figure in (comparison.plot(), comparison.plot_curves()):
        for model in comparison.models:
            assert model.card.hash in texts(figure)
    assert "dotted: 100 mm" in texts(comparison.plot_curves())


def test_a_quantity_that_is_not_there_is_named(comparison):
    with pytest.raises(UsageError, match=r"joy.*occluded"):
        comparison.plot(quantity="joy")


@pytest.fixture
def maps(monkeypatch):
    draw_coarsely(monkeypatch)
    return {name: fake_maps(name, seed) for seed, name in enumerate(("a", "b"))}


@pytest.mark.parametrize("robust", [True, False])
def test_all_panels_share_a_scale_to_the_worst_window_or_one_with_arrows(maps, robust):
    values = maps["b"]["error"].values.copy()
    values[0, 0, 0, 0] = 5000
    figure = heatmaps_by_model_figure({**maps, "b": fake_maps("b", 1, error=values)}, robust=robust)
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel()]
    everything = np.stack([maps["a"]["error"].values, values])
    low, high = bar.get_ylim()
    assert everything.min() <= low < 40
    assert (100 < high < 121) if robust else high == pytest.approx(5000)
    assert any("5000 mm" in axes.get_title(loc="left") for axes in figure.axes)
    assert ("1st to the 99th percentile; arrows: values beyond" in texts(figure)) == robust
    assert bool([patch for patch in bar.patches if isinstance(patch, Polygon)]) == robust


def test_models_on_different_images_are_not_shown_together(maps):
    dark = fake_maps("b", 1, crop=maps["b"].dataset["crop"].values // 2)
    for draw in (heatmaps_by_model_figure, predictions_by_model_figure):
        with pytest.raises(UsageError, match="another image"):
            draw({"a": maps["a"], "b": dark})
        with pytest.raises(UsageError, match="nothing to draw"):
            draw({})


def test_predictions_have_a_row_per_model_the_errors_above_them_and_name_the_image(maps):
    figure = predictions_by_model_figure(maps)
    assert len(figure.axes) == 3 + 12
    assert [axes.get_title() for axes in figure.axes].count("ground truth") == 2
    titles = [axes.get_title(loc="right") for axes in figure.axes]
    for shown in maps.values():
        worst = shown.sel(joint=shown.joints).mean("joint").max()
        assert f"{float(worst):.0f} mm" in titles
    assert titles.count("20 mm") == 2  # both clean errors
    assert "numbers: error, mean over joints" in texts(figure)
    assert "image.jpg" in texts(figure)
