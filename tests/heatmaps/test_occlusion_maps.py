"""`OcclusionMaps`: read by names, drawn from what is stored and nothing else, shown in notebooks."""

import re

import numpy as np
import pytest
from PIL import Image
from support.figure_fixtures import draw_coarsely, fake_maps
from support.figure_texts import texts

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.errors import GroundTruthError, ResultError, UsageError
from occlusion_toolkit.files.netcdf import save_dataset
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps, open_maps
from occlusion_toolkit.heatmaps.pictures import draw_all
from occlusion_toolkit.plotting.metric_text import window_text
from occlusion_toolkit.sweep import maps as container
from occlusion_toolkit.sweep.maps import with_card

BODIES = Bodies()
GRID = fake_maps().grid


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


def two_images() -> OcclusionMaps:
    images = [fake_maps(seed=seed).dataset.assign_coords(image=[7 + seed]) for seed in (0, 1)]
    return OcclusionMaps(container.stacked(images), BODIES)


def test_maps_are_read_by_the_names_of_joints_and_the_position_of_the_image():
    maps, error = two_images(), two_images().dataset["error"]
    neck = LSP14.index("neck")
    assert maps.sel(joint="neck", image=1).dims == ("row", "col")
    np.testing.assert_array_equal(maps.sel(joint="neck", image=1), error[1, neck])
    assert maps.sel(joint=["neck", "left_wrist"], image=0).dims == ("joint", "row", "col")
    assert maps.sel(metric="pa_displacement").dims == ("image", "joint", "row", "col")
    assert list(maps.sel(image=-1)["row"].values) == [28, 84, 140, 196]
    assert fake_maps().sel(joint="neck").dims == ("row", "col")
    np.testing.assert_array_equal(maps["increase"], error - maps.dataset["clean_error"])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"joint": "left_wing"}, "'left_wing'; there are: right_ankle"),
        ({"joint": ["neck", "left_wing", "tail"]}, "'left_wing, tail'"),
        ({"image": 2}, "no image 2; there are 2"),
        ({"image": -3}, "no image -3"),
        ({"metric": "mine_error"}, "displacement, error, increase"),
        ({"metric": "beauty"}, "'beauty' is no metric"),
    ],
    ids=str,
)
def test_what_the_maps_do_not_hold_is_an_error_that_says_what_they_do(asked, words):
    with pytest.raises(UsageError, match=words):
        two_images().sel(**asked)


def test_the_focus_is_what_is_read_and_drawn_and_is_stored(tmp_path):
    maps = fake_maps().focused("pa_increase", ["left_wrist", "neck"])
    assert (maps.metric, maps.joints) == ("pa_increase", ("left_wrist", "neck"))
    assert [row.joint for row in maps.table().joints] == ["left_wrist", "neck"]
    assert maps.table().overall.clean_mm is None
    np.testing.assert_array_equal(maps.sel(joint="neck"), fake_maps().sel(metric="pa_increase", joint="neck"))
    maps.save(tmp_path / "result.h5")
    stored = open_maps(tmp_path / "result.h5", BODIES)
    assert (stored.metric, stored.joints) == (maps.metric, maps.joints)
    assert stored.joint_names == LSP14.joint_names  # everything is kept
    assert stored.focused("error").joints == maps.joints
    assert stored.focused("mpjpe_error").metric == "error"
    assert fake_maps().joints == LSP14.joint_names


@pytest.mark.parametrize(("metric", "joints"), [("mine_error", None), ("crop", None), (None, ["tail"])])
def test_a_focus_on_what_is_not_there_is_refused(metric, joints):
    with pytest.raises(UsageError):
        fake_maps().focused(metric, joints)


def without_truth() -> OcclusionMaps:
    dataset, card = fake_maps().dataset, fake_maps().card.model_copy(update={"ground_truth_body": None})
    errors = [name for name in dataset if "error" in str(name)]
    return OcclusionMaps(with_card(dataset.drop_vars(errors), card), BODIES)


def test_without_a_truth_the_maps_show_displacement():
    maps = without_truth()
    assert (maps.metric, maps.metrics) == ("displacement", ("displacement", "pa_displacement"))
    assert maps.clean() is None
    assert maps.table().overall.clean_mm is None
    with pytest.raises(GroundTruthError, match="error needs ground truth"):
        maps.focused("error")


@pytest.mark.parametrize(
    "attributes",
    [
        {"focus": "{"},
        {"focus": "[]"},
        {"focus": '{"metric": "beauty", "joints": ["neck"]}'},
        {"focus": '{"metric": "error", "joints": ["tail"]}'},
        {"focus": '{"metric": "error", "joints": []}'},
        {"focus": '{"metric": "error", "joints": [["neck"]]}'},
        {"deviation_mm": "much"},
    ],
    ids=str,
)
def test_a_file_whose_attributes_are_nonsense_is_refused_when_it_is_opened(tmp_path, attributes):
    dataset = fake_maps().dataset.assign_attrs(attributes)
    save_dataset(tmp_path / "result.h5", dataset, container.KIND, container.LAYOUT)
    with pytest.raises(ResultError, match=r"result\.h5"):
        open_maps(tmp_path / "result.h5")


def test_the_table_has_the_clean_value_the_mean_and_the_worst_window_of_every_joint():
    maps, table = fake_maps(), fake_maps().table()
    values = maps.dataset["error"].values[0].reshape(14, -1)
    for row, joint in zip(table.joints, values, strict=True):
        assert (row.clean_mm, row.mean_mm) == (20, pytest.approx(joint.mean()))
        assert (row.worst_mm, row.worst_window) == (joint.max(), tuple(GRID.windows()[joint.argmax()]))
    assert table.overall.worst_mm == pytest.approx(values.mean(axis=0).max())
    assert table.overall.worst_window == maps.window(maps.worst())
    assert (table.image, table.metric, table.windows) == ("image.jpg", "error", 16)


def test_joints_that_the_clean_prediction_puts_under_a_window_are_hidden_by_it():
    everything = fake_maps().grid.windows()[5]
    errors = np.zeros((1, 14, 4, 4), np.float32)
    errors[0, :, 1, 1] = 1  # the worst is the window of rows and columns 56 to 112
    assert tuple(everything) == (56, 112, 56, 112)
    hides = fake_maps(error=errors).table().overall.hides
    assert "right_hip" in hides  # the right side is on the left of the picture
    assert not {"left_hip", "right_ankle"} & set(hides)


def test_the_occluded_crop_is_painted_again_and_changes_in_the_window_alone():
    maps = fake_maps()
    y0, y1, x0, x1 = maps.window((1, 2))
    painted, crop = maps.occluded_crop((1, 2)).astype(int), maps.detail("crop")
    assert (painted[y0:y1, x0:x1] == [124, 116, 104]).all()
    outside = np.ones((224, 224), bool)
    outside[y0:y1, x0:x1] = False
    np.testing.assert_array_equal(painted[outside], crop[outside])


def test_pictures_of_stored_maps_are_those_of_fresh_ones_byte_by_byte(tmp_path):
    fresh = fake_maps().focused("pa_error", ["left_wrist", "neck"])
    fresh.save(tmp_path / "result.h5")
    written = []
    for name, maps in {"fresh": fresh, "stored": open_maps(tmp_path / "result.h5", BODIES)}.items():
        (tmp_path / name).mkdir()
        files = draw_all(maps, tmp_path / name, smooth=True, shared_limits=False)
        assert [file.name for file in files] == ["heatmaps.png", "heatmaps.pdf", "summary.png"]
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]


def test_the_figure_and_the_table_name_the_same_window():
    maps = fake_maps()
    assert window_text(maps.table().overall.worst_window) in " ".join(texts(maps.summary()))
    means = [f"{mean:.0f} mm" for mean in (20, maps.table().overall.worst_mm)]
    assert set(means) <= set(texts(maps.summary()))


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.jpg", "a.pdf"])
def test_a_figure_is_written_in_the_format_of_its_suffix(tmp_path, name):
    figure = fake_maps().focused(joints=["neck"]).plot(tmp_path / name)
    assert "neck" in texts(figure)
    start = {"png": b"\x89PNG", "svg": b"<?xml", "jpg": b"\xff\xd8", "pdf": b"%PDF"}[name[2:]]
    assert (tmp_path / name).read_bytes().startswith(start)


def test_a_suffix_of_no_picture_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\.png, \.pdf, \.svg, \.jpg"):
        fake_maps().focused(joints=["neck"]).plot(tmp_path / "a.h5")


def test_maps_without_their_crop_say_what_is_missing():
    survey = OcclusionMaps(fake_maps().dataset.drop_vars("crop"), BODIES)
    with pytest.raises(ResultError, match="hold no crop"):
        survey.plot()


def test_a_notebook_shows_picture_and_table_and_fetches_nothing():
    page = fake_maps().focused(joints=["left_wrist", "neck"])._repr_html_()
    assert re.findall(r"""(?:src|href)\s*=\s*["']?([^"'> ]{5})""", page) == ["data:"]
    assert "//" not in re.sub(r"base64,[^\"]*", "", page)
    assert "<table>" in page
    assert page.count("<tr>") == 4
    assert "left wrist" in page


def test_what_a_strangers_file_says_is_text_in_a_notebook():
    hostile = '"><script>alert(1)</script>'
    dataset = fake_maps(hostile).dataset.assign_coords(file=("image", [hostile]))
    for maps in (OcclusionMaps(dataset, BODIES), OcclusionMaps(dataset.drop_vars("crop"), BODIES)):
        assert "<script" not in maps._repr_html_()


def test_maps_of_a_body_that_is_not_here_are_shown_without_pictures(tmp_path):
    maps = fake_maps()
    smpl = OcclusionMaps(
        with_card(maps.dataset, maps.card.model_copy(update={"body": "smpl"})), Bodies(tmp_path)
    )
    assert "no picture" in smpl._repr_html_()


def test_many_images_are_drawn_one_by_one(tmp_path):
    maps = two_images().focused(joints=["neck"])
    for image in (0, 1):
        maps.plot(tmp_path / f"{image}.png", image=image)
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()
    assert "2 images" in repr(maps)
    with Image.open(tmp_path / "1.png") as picture:
        assert min(picture.size) > 300
