"""Figures of several models: one scale for all, whiskers and stars only where there is something to say."""

import dataclasses

import numpy as np
import pytest
from matplotlib.container import BarContainer, ErrorbarContainer
from occlusion_toolkit.heatmaps.figures import heatmap_panels, worst_case
from support.figure_fixtures import fake_heatmap
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.comparison.comparison import compare_surveys
from occlusion_toolkit.comparison.figures import bars_figure, curves_figure
from occlusion_toolkit.comparison.heatmaps_by_model import heatmaps_by_model_figure
from occlusion_toolkit.comparison.predictions_by_model import predictions_by_model_figure
from occlusion_toolkit.comparison.record import record
from occlusion_toolkit.comparison.stored import StoredComparison
from occlusion_toolkit.errors import UsageError


def compared(folder, sequences: int) -> StoredComparison:
    """Two models on twelve images."""
    surveys = [
        make_survey(folder / str(seed), model_card=f"model-{seed}", seed=seed, sequences=sequences)
        for seed in range(2)
    ]
    return record(compare_surveys(surveys), surveys, folder)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory) -> StoredComparison:
    return compared(tmp_path_factory.mktemp("six"), sequences=6)


def texts(figure) -> str:
    """All words of a figure."""
    inside = [text.get_text() for axes in figure.axes for text in axes.texts]
    return " ".join([text.get_text() for text in figure.texts] + inside).replace("\N{NO-BREAK SPACE}", " ")


def test_bars_are_as_high_as_the_means_and_whiskers_span_the_intervals(comparison):
    (axes,) = bars_figure(comparison, "worst").axes
    bars = [found for found in axes.containers if isinstance(found, BarContainer)]
    whiskers = [found for found in axes.containers if isinstance(found, ErrorbarContainer)]
    for model, bar, whisker in zip(comparison.models, bars, whiskers, strict=True):
        found = model.quantities["worst"]
        np.testing.assert_allclose([patch.get_height() for patch in bar], found.mean)
        ends = np.array([segment[:, 1] for segment in whisker[2][0].get_segments()])
        np.testing.assert_allclose(ends, np.stack((found.low, found.high), axis=1))


def test_stars_mark_what_is_significant(comparison):
    found = comparison.pairs[0].differences["occluded"]
    (axes,) = bars_figure(comparison).axes
    assert [text.get_text() for text in axes.texts].count("*") == sum(q < 0.05 for q in found.q)
    q = tuple(0.04 if at in (2, 14) else 0.06 for at in range(15))
    differences = {"occluded": found.model_copy(update={"q": q})}
    pair = comparison.pairs[0].model_copy(update={"differences": differences})
    (axes,) = bars_figure(comparison.model_copy(update={"pairs": (pair,)})).axes
    assert [round(text.get_position()[0], 1) for text in axes.texts] == [2, 14.4]


def test_few_sequences_have_no_whiskers_and_the_figures_say_why(tmp_path):
    few = compared(tmp_path, sequences=3)
    bars, curves = bars_figure(few), curves_figure(few)
    assert not any(isinstance(found, ErrorbarContainer) for found in bars.axes[0].containers)
    assert not curves.axes[0].collections
    for figure in (bars, curves):
        assert "they need 6 sequences" in texts(figure)
        assert "95 % interval" not in texts(figure)


def test_every_figure_names_its_protocols(comparison):
    for figure in (bars_figure(comparison), curves_figure(comparison)):
        for model in comparison.models:
            assert model.card.hash in texts(figure)


@pytest.fixture(scope="module")
def panels():
    body = load_open_body()
    return {name: heatmap_panels(fake_heatmap(name, seed), body) for seed, name in enumerate(("a", "b"))}


def test_all_panels_share_a_scale_that_single_cells_do_not_stretch(panels):
    maps = panels["b"].maps_mm.copy()
    maps[0, 0, 0] = 5000
    figure = heatmaps_by_model_figure({**panels, "b": dataclasses.replace(panels["b"], maps_mm=maps)})
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel()]
    everything = np.stack([panels["a"].maps_mm, maps])
    low, high = bar.get_ylim()
    assert everything.min() <= low < 40
    assert 100 < high < 121
    assert any("5000 mm" in axes.get_title(loc="left") for axes in figure.axes)
    assert "1st to the 99th percentile" in texts(figure)


def test_models_on_different_images_are_not_shown_together(panels):
    dark = dataclasses.replace(panels["b"], crop=panels["b"].crop // 2)
    with pytest.raises(UsageError, match="another image"):
        heatmaps_by_model_figure({"a": panels["a"], "b": dark})
    with pytest.raises(UsageError, match="no heatmap"):
        heatmaps_by_model_figure({})


def test_predictions_have_a_row_per_model_and_the_errors_above_them(panels):
    body = load_open_body()
    cases = {
        name: worst_case(fake_heatmap(name, seed), body, panels[name]) for seed, name in enumerate(panels)
    }
    figure = predictions_by_model_figure(cases)
    assert len(figure.axes) == 12
    titles = [axes.get_title(loc="right") for axes in figure.axes]
    for case in cases.values():
        assert f"{case.occluded.mean_mm:.0f} mm" in titles
    assert titles.count("20 mm") == 2  # both clean errors
    assert "numbers: error, mean over joints" in texts(figure)
    with pytest.raises(UsageError, match="no prediction"):
        predictions_by_model_figure({})
