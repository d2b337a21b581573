"""The container: names of metrics, what is stored is what is read, and files that contradict their card."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from support.fakes import fake_card, random_crops, random_people, sweep_of

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.errors import GroundTruthError, ResultError, UsageError
from occlusion_toolkit.files.netcdf import save_dataset
from occlusion_toolkit.sweep import maps as container
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import (
    card_of,
    check_metrics,
    clean_of,
    default_metric,
    metric_name,
    metric_names,
    metric_parts,
    open_maps,
    save_maps,
    stacked,
    values_of,
    with_card,
    worst_window,
)
from occlusion_toolkit.sweep.measure import METRICS
from occlusion_toolkit.sweep.protocol import ProtocolCard

GRID = Grid(size=16, stride=16, resolution=64)


def card(truth: bool = True, **changes: object) -> ProtocolCard:
    facts = {"grid": GRID, "ground_truth_body": OPEN_BODY_TOPOLOGY if truth else None}
    return fake_card(**facts | changes)


@functools.cache
def measured(truth: bool = True) -> xr.Dataset:
    maps = sweep_of(grid=GRID).run(random_crops(2, 64), random_people(2) if truth else None)
    return maps.assign_coords(image=[0, 1], file=("image", ["фото.jpg", "b.jpg"]))


def make_maps(truth: bool = True) -> xr.Dataset:
    return with_card(measured(truth), card(truth))


@pytest.fixture
def path(tmp_path) -> Path:
    save_maps(tmp_path / "result.h5", make_maps())
    return tmp_path / "result.h5"


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("truth", [True, False])
def test_maps_are_read_back_bit_by_bit(tmp_path, truth, lazy):
    save_maps(tmp_path / "result.h5", make_maps(truth))
    with open_maps(tmp_path / "result.h5", lazy=lazy) as maps:
        xr.testing.assert_identical(maps, make_maps(truth).assign_attrs(kind="maps", layout=container.LAYOUT))
        assert card_of(maps) == card(truth)


def test_a_file_of_maps_opens_in_plain_xarray_and_is_read_by_its_labels(path):
    with xr.open_dataset(path) as plain:
        cell = plain["error"].sel(image=1, joint="left_wrist").sel(row=50, col=20, method="nearest")
        expected = make_maps()["error"][1, list(make_maps()["joint"].values).index("left_wrist"), 3, 1]
        assert float(cell) == float(expected)
        assert (float(cell["row"]), float(cell["col"]), cell.attrs["units"]) == (56.0, 24.0, "mm")


def test_equal_maps_are_equal_files(path):
    save_maps(path.with_name("again.h5"), open_maps(path))
    assert path.with_name("again.h5").read_bytes() == path.read_bytes()


def test_images_stacked_are_the_images_in_order():
    maps = make_maps()
    one_by_one = [maps.isel(image=[number]) for number in (0, 1)]
    xr.testing.assert_identical(stacked(one_by_one), maps)


@pytest.mark.parametrize("metric", ["mpjpe", "pa_mpjpe", "mine", "mine_2", "pa_mine", "error"])
@pytest.mark.parametrize("quantity", container.QUANTITIES)
def test_the_name_of_a_quantity_says_which_metric_it_is_of(metric, quantity):
    assert metric_parts(metric_name(metric, quantity)) == (metric, quantity)


def test_the_names_of_the_built_in_metrics_are_short():
    names = "displacement error increase pa_displacement pa_error pa_increase mine_displacement mine_error"
    made = metric_names(card(metrics=("mpjpe", "pa_mpjpe", "mine")))
    assert made == (*names.split(), "mine_increase")
    assert metric_names(card(False)) == ("displacement", "pa_displacement")
    assert (default_metric(card()), default_metric(card(False))) == ("error", "displacement")
    assert default_metric(card(metrics=("mine", "mpjpe"))) == "mine_error"


@pytest.mark.parametrize("name", ["", "mpjpe", "mineerror", "_error", "my metric_error", "error_mm"])
def test_what_names_no_quantity_is_an_error_that_lists_them(name):
    with pytest.raises(UsageError, match="displacement, error, increase"):
        metric_parts(name)


@pytest.mark.parametrize(
    "names", [(), ("mpjpe", "pa"), ("clean",), ("clean_mine",), ("my metric",), ("a/b",), ("",)]
)
def test_metrics_whose_names_would_be_mistaken_are_refused(names):
    with pytest.raises(UsageError):
        check_metrics(names)
    check_metrics([*METRICS, "mine", "pa_mine", "µ"])


def test_increase_is_error_less_that_of_the_clean_crop_and_carries_its_unit():
    maps = make_maps()
    for prefix in ("", "pa_"):
        increase = values_of(maps, f"{prefix}increase")
        clean = maps[f"clean_{prefix}error"].values[..., None, None]
        np.testing.assert_array_equal(increase, maps[f"{prefix}error"].values - clean)
        assert (increase.name, increase.attrs["units"]) == (f"{prefix}increase", "mm")
        assert clean_of(maps, f"{prefix}increase") is clean_of(maps, f"{prefix}displacement") is None
        xr.testing.assert_identical(clean_of(maps, f"{prefix}error"), maps[f"clean_{prefix}error"])
    xr.testing.assert_identical(values_of(maps, "mpjpe_error"), maps["error"])
    xr.testing.assert_identical(clean_of(maps, "mpjpe_error"), maps["clean_error"])


@pytest.mark.parametrize("name", ["error", "increase", "pa_error", "pa_increase"])
def test_errors_without_a_truth_are_a_clear_error(name):
    with pytest.raises(GroundTruthError, match=name):
        values_of(make_maps(truth=False), name)


@pytest.mark.parametrize("name", ["crop", "joint", "clean_error", "mine_error", "joints_m", "beauty"])
def test_what_is_no_metric_of_the_maps_is_not_read_as_one(name):
    with pytest.raises(UsageError):
        values_of(make_maps(), name)


def test_the_worst_window_is_the_first_of_those_with_the_largest_mean():
    values = xr.DataArray(np.zeros((2, 3, 4)), dims=("joint", "row", "col"))
    values[0, 0, 0] = 9  # one joint alone
    values[:, 1, 2], values[:, 2, 1] = 5, 5
    assert worst_window(values) == worst_window(values.transpose("col", "joint", "row")) == (1, 2)


def test_maps_without_a_card_are_not_written(tmp_path):
    with pytest.raises(ResultError, match="card"):
        save_maps(tmp_path / "result.h5", measured())
    assert list(tmp_path.iterdir()) == []


def refusal(folder: Path, change: Callable[[xr.Dataset], xr.Dataset]) -> str:
    """Why maps that were changed are refused."""
    path, maps = folder / "result.h5", make_maps().drop_vars(container.WINDOW_DETAILS, errors="ignore")
    save_dataset(path, change(maps), container.KIND, container.LAYOUT)
    with pytest.raises(ResultError) as caught:
        open_maps(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_protocol(text: str) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda maps: maps.assign_attrs(protocol=text)


CARDS = {
    "none": (lambda maps: maps.drop_attrs(), "protocol card is malformed"),
    "empty": (with_protocol("{}"), "analysis: Field required"),
    "no JSON": (with_protocol("{"), "Invalid JSON"),
    "a number": (lambda maps: maps.assign_attrs(protocol=3), "malformed"),
    "changed": (with_protocol(card(model_card="other").canonical_json()), "changed after it was written"),
    "an impossible grid": (
        with_protocol(card().canonical_json().replace('"stride":16', '"stride":9')),
        "grid: stride 9",
    ),
    "an endless grid": (
        with_protocol(card().canonical_json().replace('"resolution":64', f'"resolution":{10**15}')),
        "choose 1 to 4096",
    ),
    "an unknown joint set": (lambda maps: with_card(maps, card(joint_set="horse")), "'horse'"),
    "other windows": (
        lambda maps: with_card(maps, card(grid=Grid(size=16, stride=8, resolution=64))),
        "windows",
    ),
    "a metric that is not there": (
        lambda maps: with_card(maps, card(metrics=("mpjpe", "x"))),
        "no x_displacement",
    ),
    "an occluder without a name": (
        with_protocol(card().canonical_json().replace('"name":"grey"', '"nome":"grey"')),
        "occluder has a name",
    ),
}


@pytest.mark.parametrize("case", CARDS)
def test_a_card_that_is_not_that_of_the_maps_is_named(tmp_path, case):
    change, words = CARDS[case]
    assert words in refusal(tmp_path, change)


@pytest.mark.parametrize("name", ["displacement", "error", "clean_pa_error", "clean_rotmats", "clean_camera"])
def test_a_missing_array_is_named(tmp_path, name):
    assert f"it has no {name}" in refusal(tmp_path, lambda maps: maps.drop_vars(name))


def first_joint_twice(maps: xr.Dataset) -> xr.Dataset:
    return maps.assign_coords(joint=[*maps["joint"].values[:-1], maps["joint"].values[0]])


ARRAYS = {
    "other numbers": (lambda maps: maps.assign(error=maps["error"].astype(int)), "error is stored as int"),
    "other dimensions": (lambda maps: maps.assign(error=maps["error"].transpose()), "error has shape"),
    "other lengths": (lambda maps: maps.rename(beta="more_betas"), "betas has shape"),
    "fewer windows": (lambda maps: maps.isel(row=slice(0, 3)), "windows"),
    "shifted windows": (lambda maps: maps.assign_coords(col=maps["col"] + 1), "along col"),
    "unlabelled windows": (lambda maps: maps.drop_vars("row"), "along row"),
    "unlabelled images": (lambda maps: maps.drop_vars("image"), "does not number its images"),
    "images by name": (lambda maps: maps.assign_coords(image=["a", "b"]), "does not number its images"),
    "no images": (lambda maps: maps.isel(image=slice(0)), "does not number its images"),
    "unlabelled joints": (lambda maps: maps.drop_vars("joint"), "joints are not those of lsp14"),
    "joints of another set": (lambda maps: maps.assign_coords(joint=[f"j{k}" for k in range(14)]), "lsp14"),
    "a joint twice": (first_joint_twice, "lsp14"),
    "joints by number": (lambda maps: maps.assign_coords(joint=range(14)), "joint does not hold names"),
    "files by number": (lambda maps: maps.assign_coords(file=("image", [1, 2])), "file does not hold names"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_not_those_of_the_card_are_named(tmp_path, case):
    change, words = ARRAYS[case]
    assert words in refusal(tmp_path, change)


def test_maps_of_some_joints_and_results_without_windows_are_read_too(path):
    some = make_maps().sel(joint=["neck", "left_wrist"])
    save_maps(path, some)
    assert list(open_maps(path)["joint"].values) == ["neck", "left_wrist"]
    clean = [name for name in make_maps() if str(name).startswith("clean")]
    save_maps(path, with_card(make_maps()[clean], card(grid=None, occluder=None)))
    assert clean_of(open_maps(path), "error").shape == (2, 14)
