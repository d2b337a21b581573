"""Networks with crops of their own meet the same windows at the same place of the photograph."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.fakes import StickBody, bent_elbow
from support.tiny_card import write_tiny_modern_card
from torch import Tensor

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image, normalise
from occlusion_toolkit.errors import CropError, SweepError
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.preprocessing import REFERENCE, Preprocessing
from occlusion_toolkit.models.registry import LoadedRegressor, load_regressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import Occluder, parse_occluder
from occlusion_toolkit.sweep.subjects import Subject
from occlusion_toolkit.sweep.sweep import WindowSweep

CPU = torch.device("cpu")
GRID = Grid(size=40, stride=16)
BOX = CropBox((150.0, 160.0), 240.0, (120.0, 200.0))
PLACE = (175.71, 134.29)
"""x and y of a place in the photograph, pixels: four units of the square from the edges of windows."""


def photograph() -> np.ndarray:
    y, x, c = np.meshgrid(np.arange(320), np.arange(300), np.arange(3), indexing="ij")
    return np.round(200 + 20 * np.sin(x / 17 + c) + 20 * np.cos(y / 23 - 2 * c)).astype(np.uint8)


def reader(preprocessing: Preprocessing) -> LoadedRegressor:
    """A network that looks at one place of the photograph, in whatever crops it is given."""
    regressor = LoadedRegressor(
        lambda crops: bent_elbow(crops[:, 0, 0, 0]), card_of(preprocessing), None, CPU
    )
    view = regressor.view(photograph(), BOX)
    if view is None:
        column, row = ((PLACE - np.array(BOX.centre)) * 224 / 240 + 112).astype(int)
    else:
        place = (torch.tensor(PLACE) - torch.tensor(BOX.centre)) * 224 / 240 + 112
        distance = (view.frame.places - place).square().sum(-1)
        row, column = divmod(int(distance.argmin()), view.frame.resolution)

    def network(crops: Tensor) -> RegressorOutput:
        return bent_elbow(preprocessing.rgb(crops)[:, 0, row, column])

    return LoadedRegressor(network, card_of(preprocessing), None, CPU)


def card_of(preprocessing: Preprocessing) -> RegressorCard:
    return RegressorCard(
        name="reader", title="r", description="r", body=OPEN_BODY_TOPOLOGY, preprocessing=preprocessing
    )


def swept(regressor: LoadedRegressor, occluder: Occluder | str = "grey", **options: object):
    image = photograph()
    subject = Subject(normalise(crop_image(image, BOX)), view=regressor.view(image, BOX, 900.0))
    painter = parse_occluder(occluder, 40) if isinstance(occluder, str) else occluder
    sweep = WindowSweep(regressor, StickBody(), GRID, painter, **options)  # type: ignore[arg-type]
    (maps,) = sweep.stream([subject])
    return maps


OWN = {
    "hmr2": Preprocessing(resolution=256, box_margin=1.0, aspect=(3, 4), crop_rule="bilinear"),
    "sam": Preprocessing(resolution=512, box_margin=1.25, aspect=(3, 4), normalisation="unit"),
    "bgr": Preprocessing(resolution=128, box_margin=1.0, colours="bgr", normalisation="signed"),
}


class Stripes(Occluder):
    """Paints every second column of a window: an occluder that is no plain paint."""

    spec = {"name": "stripes"}  # noqa: RUF012

    def fill(self, crops: Tensor) -> Tensor:
        return crops.new_full((len(crops), 3, 1, 1), -1.0)

    def paste(self, crops: Tensor, fills: Tensor, windows: Tensor) -> Tensor:
        painted = super().paste(crops, fills, windows)
        wide = (torch.arange(crops.shape[-1]) + 4) // 8 % 2 == 1  # the place is in the middle of one
        return torch.where(wide, painted, crops)


@pytest.mark.parametrize(
    "occluder",
    ["grey", "black", "mean", "noise", "blur", Stripes()],
    ids=lambda one: one if isinstance(one, str) else "stripes",
)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "sam" else name for name in OWN]
)
def test_the_same_windows_hide_a_place_of_the_photograph_from_every_network(
    name: str, occluder: Occluder | str
):
    reference, own = (swept(reader(way), occluder) for way in (REFERENCE, OWN[name]))
    hidden = [maps["displacement"].max("joint").values[0] > 1e-3 for maps in (reference, own)]
    assert 2 < int(hidden[0].sum()) < 30
    assert np.array_equal(*hidden)
    if occluder in ("grey", "black"):
        sizes = [maps["displacement"].max("joint").values[0][hidden[0]] for maps in (reference, own)]
        assert np.abs(sizes[1] / sizes[0] - 1).max() < 0.5  # the pixel that is read is not quite the same


@pytest.mark.parametrize("kind", ["hmr2", "camerahmr"])
def test_windows_that_a_network_cannot_see_are_exactly_zero_and_marked(kind: str, tmp_path: Path):
    regressor = load_regressor(write_tiny_modern_card(tmp_path, kind))
    maps = swept(regressor)
    seen = maps["seen"].values[0].astype(bool)
    values = maps["displacement"].values[0]
    assert 0 < int((~seen).sum()) < seen.size
    assert not values[:, ~seen].any()
    assert (values[:, seen].max(axis=0) > 0).mean() > 0.9  # a sliver of a pixel may be lost in rounding
    np.testing.assert_array_equal(maps["rotmats"].values[0][~seen][0], maps["clean_rotmats"].values[0])


def test_networks_of_the_reference_square_have_no_such_mark():
    assert "seen" not in swept(reader(REFERENCE))


def test_batches_do_not_change_the_numbers(tmp_path: Path):
    regressor = load_regressor(write_tiny_modern_card(tmp_path, "camerahmr"))
    one, other = swept(regressor, batch_size=7), swept(regressor, batch_size=64)
    np.testing.assert_allclose(one["displacement"].values, other["displacement"].values, atol=1e-2)


def test_a_camera_changes_what_a_network_that_is_told_answers(tmp_path: Path):
    regressor = load_regressor(write_tiny_modern_card(tmp_path, "camerahmr"))
    image = photograph()
    views = [regressor.view(image, BOX, focal) for focal in (300.0, 3000.0)]
    near, far = (regressor(view.crop[None], view.placement[None]) for view in views)  # type: ignore[union-attr,index]
    assert not torch.equal(near.rotmats, far.rotmats)


def test_cameras_in_the_maps_are_those_of_the_reference_square(tmp_path: Path):
    regressor = load_regressor(write_tiny_modern_card(tmp_path))
    view = regressor.view(photograph(), BOX)
    assert view is not None
    own = regressor(view.crop[None]).camera
    np.testing.assert_allclose(
        swept(regressor)["clean_camera"].values, view.to_reference(own).numpy(), rtol=1e-5
    )


def test_other_engines_than_the_dense_one_say_why_they_cannot_be_used(tmp_path: Path):
    regressor = load_regressor(write_tiny_modern_card(tmp_path))
    for engine in ("fused", "incremental"):
        with pytest.raises(SweepError, match=f"{engine} engine .* windows lie differently for every person"):
            swept(regressor, engine=engine)
    assert swept(regressor, engine="auto")["displacement"].any()


def test_a_subject_without_a_view_is_refused(tmp_path: Path):
    regressor = load_regressor(write_tiny_modern_card(tmp_path))
    sweep = WindowSweep(regressor, StickBody(), GRID, parse_occluder("grey", 40))
    with pytest.raises(CropError, match="has no view"):
        list(sweep.stream([Subject(normalise(crop_image(photograph(), BOX)))]))


def test_bf16_is_compared_with_plain_arithmetic_in_own_crops_too(tmp_path: Path):
    regressor = load_regressor(write_tiny_modern_card(tmp_path))
    image = photograph()
    subject = Subject(normalise(crop_image(image, BOX)), view=regressor.view(image, BOX))
    sweep = WindowSweep(regressor, StickBody(), GRID, parse_occluder("grey", 40), precision="bf16")
    list(sweep.stream([subject]))
    assert sweep.deviation is not None
    assert sweep.deviation.largest_mm > 0
