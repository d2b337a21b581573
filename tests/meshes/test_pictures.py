"""Mesh figures: texts fit, scales are shared and robust, files hold what the result holds."""

import numpy as np
import pytest
import trimesh
from PIL import Image
from support.figure_texts import assert_texts_fit, texts
from support.mesh_fixtures import JOINTS, ball_mesh
from support.synthetic_meshes import sphere

from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.meshes import pictures
from occlusion_toolkit.meshes.figure import MeshBand, MeshPanel, mesh_figure
from occlusion_toolkit.meshes.pictures import draw_all
from occlusion_toolkit.plotting.arrangement import arrange
from occlusion_toolkit.plotting.colormaps import ColourScale, robust_scale
from occlusion_toolkit.plotting.look import SEQUENTIAL
from occlusion_toolkit.plotting.mesh_views import body_views

CAPTION = "pare-open · 120 images of 24 sequences · " + "many words " * 12 + "· protocol 3fa2c91b7d00"


@pytest.fixture(scope="module")
def views():
    vertices, faces = sphere(rings=6, radius=0.8)
    return body_views(vertices.numpy(), faces.numpy(), 1.2, 60.0)


@pytest.fixture(autouse=True)
def _coarse(monkeypatch):
    monkeypatch.setattr(pictures, "VIEWS_PER_INCH", 60.0)
    monkeypatch.setattr(pictures, "_LARGE_PER_INCH", 60.0)


def panel(title, low=0.0, high=100.0, quiet=None):
    values = np.random.default_rng(len(title)).uniform(low, high, 7 * 12)
    values[:3] = np.nan
    return MeshPanel(title, values, quiet)


def band(rows, low=0.0, high=90.0, label="error [mm]", signed=False):
    return MeshBand(rows, ColourScale(SEQUENTIAL, float(low), float(high), signed), label)


@pytest.mark.parametrize("names", [("neck",), LSP14.joint_names, SMPL24.joint_names])
def test_no_text_sticks_out_or_touches_another(views, names):
    places = arrange((*names, "mean of 14 joints"), 4)
    panels = [panel(name.replace("_", " "), 1000, 2000) for name in (*names, "mean of 14 joints")]
    rows = [[None if k is None else panels[k] for k in line] for line in places]
    label = "displacement from the clean prediction, Procrustes-aligned [mm]"
    assert_texts_fit(mesh_figure(views, [band(rows, 1000, 1900, label)], CAPTION))


def test_bands_have_their_own_bars_and_models_stand_side_by_side(views):
    quiet = np.zeros(7 * 12, dtype=bool)
    quiet[::2] = True
    models = band([[panel("pare-open"), panel("hmr-open")]])
    difference = band([[panel("hmr-open − pare-open", -50, 50, quiet)]], -50, 50, "difference [mm]", True)
    figure = mesh_figure(views, [models, difference], CAPTION, quiet_meaning="not significant, 5 % FDR")
    assert_texts_fit(figure)
    found = texts(figure)
    assert found.count("error [mm]") == found.count("difference [mm]") == 1
    assert "seen in no image" in found
    assert "not significant, 5 % FDR" in found


def test_keys_are_shown_only_where_something_needs_them(views):
    whole = MeshPanel("neck", np.linspace(0, 50, 7 * 12))
    assert "seen in no image" not in texts(mesh_figure(views, [band([[whole]])]))


def test_bodies_are_not_stretched(views):
    figure = mesh_figure(views, [band([[panel("neck"), panel("head")]])])
    pictures = [axes for axes in figure.axes if axes.images and axes.images[0].get_array().shape[-1] == 4]
    assert len(pictures) == 2
    for axes in pictures:
        width, height = axes.get_position().size * figure.get_size_inches()
        rows, columns = axes.images[0].get_array().shape[:2]
        assert width / height == pytest.approx(columns / rows, rel=1e-3)


def test_a_few_wild_vertices_do_not_decide_the_colours():
    values = np.tile(np.linspace(10, 50, 1000), (3, 1))
    values[:, 0], values[:, 1] = 9000, np.nan
    weights = np.full(1000, 20.0)
    weights[0] = 1
    scale = robust_scale("pa_error", values, weights)
    assert 10 <= scale.low < 11
    assert 49 < scale.high <= 50
    assert robust_scale("displacement", values, weights).low == 0
    assert robust_scale("mine_increase", values - 30, weights).signed


def test_a_bar_says_that_values_lie_beyond_its_ends(views):
    ends = {
        name: len(mesh_figure(views, [band([[panel("neck", 10, 80)]], low, high)]).axes[-2].patches)
        for name, low, high in (("none", 0, 90), ("above", 0, 50), ("both", 20, 50))
    }
    assert ends == {"none": 0, "above": 1, "both": 2}


def test_the_figures_name_every_joint_its_range_and_the_protocol():
    mesh = ball_mesh()
    found = texts(mesh.plot(metric="increase"))
    for joint in mesh.joints:
        name = "mean of 3 joints" if joint == "mean" else joint.replace("_", " ")
        mean = mesh.sel(metric="increase", joint=joint).values
        assert name in found
        assert f"{np.nanmin(mean):.0f}…{np.nanmax(mean):.0f} mm".replace("-", "−") in found
    joined = " ".join(found)
    assert "90 images of 2 sequences" in joined
    assert f"protocol {mesh.card.hash}" in joined
    assert_texts_fit(mesh.plot(joint="mean"))


def test_one_joint_is_drawn_large_on_a_scale_of_its_own(tmp_path):
    mesh = ball_mesh()
    mesh.dataset["mean"].loc[{"joint": "neck"}] += 1000
    figure = mesh.plot(tmp_path / "neck.png", joint="neck")
    assert "neck" in texts(figure)
    assert "left wrist" not in texts(figure)
    assert all(float(tick.get_text()) >= 1000 for tick in figure.axes[1].get_yticklabels()[1:-1])
    with Image.open(tmp_path / "neck.png") as image:
        image.load()


def test_a_metric_of_ones_own_is_drawn_under_its_name():
    mesh = ball_mesh(metrics=("mine",))
    assert mesh.metric == "mine_error"
    assert any("error by mine [mm]" in text.replace("\n", " ") for text in texts(mesh.plot(joint="mean")))


def test_all_files_are_drawn(tmp_path):
    mesh = ball_mesh()
    files = draw_all(mesh, tmp_path)
    assert {path.name for path in files} == {
        *(f"{name}.{suffix}" for name in ("mesh", "mesh_mean", "mesh_increase") for suffix in ("png", "pdf")),
        *("mesh.glb", "mesh"),
    }
    for name in ("mesh.png", "mesh_mean.png", "mesh_increase.png"):
        with Image.open(tmp_path / name) as image:
            image.load()
    assert {path.stem for path in (tmp_path / "mesh").iterdir()} == {*JOINTS, "mean"}


def test_without_ground_truth_the_displacement_is_drawn(tmp_path):
    mesh = ball_mesh(truth=False)
    assert {path.name for path in draw_all(mesh, tmp_path)} == {
        *("mesh.png", "mesh.pdf", "mesh_mean.png", "mesh_mean.pdf", "mesh.glb", "mesh")
    }
    ply = trimesh.load(tmp_path / "mesh" / "neck.ply", process=False)
    assert "displacement_mm" in ply.metadata["_ply_raw"]["vertex"]["data"].dtype.names
    with pytest.raises(UsageError, match="no metric 'error'"):
        mesh.plot(metric="error")


def test_meshes_that_nothing_was_seen_of_are_drawn_hatched():
    mesh = ball_mesh()
    mesh.dataset["count"][:] = 0
    mesh.dataset["mean"][:] = np.nan
    found = texts(mesh.plot(joint="mean"))
    assert "no values" in found
    assert any("no vertex is seen" in text for text in found)


def test_in_a_notebook_meshes_show_a_picture_and_a_table():
    shown = ball_mesh()._repr_html_()
    assert "data:image/png;base64," in shown
    assert "<table>" in shown
