"""The heatmap figure and the summary: what they say, to which scale, and that nothing sticks out."""

import dataclasses

import matplotlib
import numpy as np
import pytest
from PIL import Image
from support.figure_fixtures import fake_maps
from support.figure_texts import assert_texts_fit, texts
from support.synthetic_meshes import sphere

from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, heatmap_figure
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.pictures import occluder_swatch, true_body, worst_case
from occlusion_toolkit.heatmaps.summary_figure import WorstCase, summary_figure
from occlusion_toolkit.plotting import posed
from occlusion_toolkit.plotting.metric_text import axis_label, window_text
from occlusion_toolkit.plotting.posed import PosedBody, Surface
from occlusion_toolkit.plotting.style import DPI, FORMATS, save_figure, wrap_small_print
from occlusion_toolkit.sweep.grid import Grid

GRID = Grid("centred", 40, 28)
CAPTION = "pare-open · grey (124, 116, 104) · centred grid, stride 28 px · protocol 3fa2c91b7d00"


METRICS = ["error", "pa_increase", "displacement", "mine_error"]


def example(names=LSP14.joint_names, metric="error", **changes):
    rng = np.random.default_rng(0)
    maps = HeatmapPanels(
        crop=np.arange(224, dtype=np.uint8)[:, None, None].repeat(224, axis=1).repeat(3, axis=2),
        maps_mm=rng.uniform(1012, 1143, (len(names), GRID.rows, GRID.cols)),
        joint_names=tuple(names),
        cells=GRID.cells(),
        metric=metric,
        occluder_px=GRID.size,
        joints_px=rng.uniform(0, 224, (len(names), 2)),
        caption=CAPTION,
    )
    return dataclasses.replace(maps, **changes)


def example_case(*, truth=False, **changes):
    vertices, faces = sphere(rings=8, radius=0.5)
    maps = example(**changes)
    camera = np.array([1.0, 0.0, 0.0], dtype=np.float32)
    return WorstCase(
        maps=maps,
        window=tuple(map(int, GRID.windows()[maps.maps_mm.mean(0).argmax()])),
        occluded_crop=maps.crop,
        surface=Surface(faces.numpy(), np.zeros(len(vertices), np.int64)),
        clean=PosedBody(vertices.float().numpy(), camera, 62.0),
        truth=PosedBody(vertices.float().numpy(), camera) if truth else None,
        occluded=PosedBody(vertices.float().numpy() * 0.7, camera, 148.0),
    )


@pytest.fixture(autouse=True)
def _small_meshes(monkeypatch):
    monkeypatch.setattr(posed, "_MESH_PIXELS", 56)


@pytest.fixture(scope="module")
def heatmaps():
    return heatmap_figure(example())


@pytest.fixture(scope="module")
def smoothed():
    return heatmap_figure(example(), shared_limits=False, smoothing="linear")


@pytest.mark.parametrize("count", [1, 2, 3, 24])
@pytest.mark.parametrize("shared", [True, False])
def test_no_text_sticks_out_or_touches_another(count, shared):
    maps = example(SMPL24.joint_names[-count:], "pa_increase")
    maps = dataclasses.replace(maps, maps_mm=maps.maps_mm - 1100)
    assert_texts_fit(heatmap_figure(maps, shared_limits=shared, smoothing="linear"))


def test_no_text_of_the_14_joints_sticks_out_or_touches_another(heatmaps, smoothed):
    assert_texts_fit(heatmaps)
    assert_texts_fit(smoothed)


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("metric", METRICS)
def test_no_text_of_the_summary_sticks_out_or_touches_another(metric, truth):
    assert_texts_fit(summary_figure(example_case(metric=metric, truth=truth)))


def test_the_ground_truth_stands_beside_the_predictions_where_it_is_known():
    assert "(b) ground truth" in texts(summary_figure(example_case(truth=True)))
    assert not any("truth" in text for text in texts(summary_figure(example_case())))


def test_the_swatch_is_the_occluder():
    rng = np.random.default_rng(0)
    occluder = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for shown in (occluder, None):
        figure = heatmap_figure(example(("neck",), occluder=shown))
        swatches = [
            image for axes in figure.axes for image in axes.images if image.get_array().shape == (40, 40, 3)
        ]
        assert len(swatches) == (shown is not None)
        for swatch in swatches:
            assert np.array_equal(swatch.get_array(), occluder)


def test_the_swatch_of_a_sweep_is_what_was_pasted():
    grey = np.array([124, 116, 104])
    assert np.abs(occluder_swatch(fake_maps()).astype(int) - grey).max() <= 1
    assert occluder_swatch(fake_maps()).shape == (56, 56, 3)


@pytest.mark.parametrize("camera_known", [True, False])
def test_a_truth_without_a_camera_is_put_where_the_clean_prediction_is(camera_known):
    camera = np.array([[0.5, 0.1, 0.2]] if camera_known else [[np.nan] * 3], np.float32)
    maps = fake_maps(true_camera=camera)
    truth, clean = true_body(maps), worst_case(maps).clean
    assert np.allclose(truth.camera, camera[0] if camera_known else clean.camera)
    assert np.allclose(truth.vertices, clean.vertices, atol=1e-5)  # both stand upright
    without = maps.dataset.drop_vars([f"true_{name}" for name in ("rotmats", "betas", "camera")])
    assert true_body(OcclusionMaps(without)) is None


def test_every_joint_is_named_with_its_own_range(heatmaps):
    maps, found = example(), texts(heatmaps)
    for name, values in zip(maps.joint_names, maps.maps_mm, strict=True):
        assert name.replace("_", " ") in found
        assert f"{values.min():.0f}–{values.max():.0f} mm" in found


def test_ranges_do_not_depend_on_smoothing_or_limits(heatmaps, smoothed):
    sharp, smooth = ([text for text in texts(f) if text.endswith(" mm")] for f in (heatmaps, smoothed))
    assert len(sharp) == 14
    assert sharp == smooth


@pytest.mark.parametrize("metric", METRICS)
def test_both_figures_say_what_they_show(metric):
    joined = " ".join(" ".join(texts(heatmap_figure(example(("neck",), metric)))).split())
    assert axis_label(metric) in joined
    assert "protocol 3fa2c91b7d00" in joined
    assert axis_label(metric) in texts(summary_figure(example_case(metric=metric)))


def test_smoothing_is_declared(heatmaps, smoothed):
    assert any("interpolated" in text for text in texts(smoothed))
    assert not any("interpolated" in text for text in texts(heatmaps))


def test_panels_are_square_and_the_occluder_is_to_their_scale(heatmaps):
    figure = heatmaps
    size = figure.get_size_inches()
    panels = [axes for axes in figure.axes if axes.get_xlim() == (0, 224)]
    assert len(panels) == 14
    for axes in panels:
        width, height = axes.get_position().size * size
        assert width == pytest.approx(height)
    square = next(patch for axes in figure.axes for patch in axes.patches)
    drawn = square.get_window_extent()
    assert drawn.width == pytest.approx(drawn.height)
    assert drawn.width / (width * figure.dpi) == pytest.approx(40 / 224)


def test_the_worst_window_is_outlined_where_it_is():
    case = example_case()
    y0, y1, x0, x1 = case.window
    figure = summary_figure(case)
    assert window_text(case.window) in " ".join(texts(figure))
    outlined = [axes for axes in figure.axes if axes.patches]
    assert len(outlined) == 2
    for axes in outlined:
        for patch in axes.patches:
            assert (*patch.get_xy(), patch.get_width(), patch.get_height()) == (x0, y0, x1 - x0, y1 - y0)


def test_the_summary_names_both_means():
    found = texts(summary_figure(example_case()))
    assert "62 mm" in found
    assert "148 mm" in found


def test_files_have_the_size_of_the_figure_and_repeat_byte_by_byte(tmp_path):
    figure = heatmap_figure(example(LSP14.joint_names[:1]))
    for suffix in FORMATS:
        for name in "ab":
            save_figure(figure, tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    width, height = figure.get_size_inches() * DPI
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == pytest.approx((width, height), abs=1)
    assert b"/Type0" in (tmp_path / "a.pdf").read_bytes()  # a TrueType font: text stays text


def test_figures_leave_the_settings_of_matplotlib_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    save_figure(heatmap_figure(example(LSP14.joint_names[:1])), tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ResultError):
        save_figure(heatmap_figure(example(LSP14.joint_names[:1])), tmp_path / "none" / "a.png")


def test_maps_with_missing_values_are_drawn():
    maps = example(("left_wrist", "neck"))
    maps.maps_mm[0] = np.nan
    maps.maps_mm[1, 2] = np.nan
    assert "no values" in texts(heatmap_figure(maps, shared_limits=False, smoothing="linear"))


def test_small_print_breaks_between_its_parts():
    lines = wrap_small_print("one part here · another part · the last part", 1.5)
    plain = [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
    assert plain == ["one part here · another part", "the last part"]
