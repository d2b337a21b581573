"""BlazePose as a regressor: its own upright crop, joints in the camera's axes, the same windows."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from support.pages import ROOT

from occlusion_toolkit.body.joints import BLAZEPOSE33
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import CheckpointError, CropError
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.find.crop import read_crop
from occlusion_toolkit.find.people import find_people
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.landmarks import upright_crop
from occlusion_toolkit.models.preprocessing import Preprocessing
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.models.views import view_of

PHOTO = ROOT / "examples" / "photo.jpg"
BOX = (258.0, 107.0, 382.0, 707.0)


@pytest.fixture(scope="module")
def blazepose():
    return load_regressor("blazepose")


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTO).pixels


def answer(regressor, image, box):
    view = view_of(regressor.card.preprocessing, image, box)
    given, told = view.given(torch.device("cpu"))
    return view, view.joints_in_reference(regressor(given, *told))


def test_its_joints_are_those_that_finding_people_reports(blazepose, photo):
    [person] = find_people(photo)
    _, output = answer(blazepose, photo, person.box)
    apart_mm = 1000 * np.linalg.norm(output.joints[0].numpy() - person.world_m, axis=-1)
    assert apart_mm.mean() < 45  # its answer changes by up to 30 mm from look to look
    in_image = person.box.crop_to_image(output.points_px[0].numpy().astype(np.float64))
    assert np.linalg.norm(in_image - person.landmarks_px, axis=-1).mean() < 0.02 * person.box.size
    np.testing.assert_allclose(output.confidence[0].numpy(), person.visibility, atol=0.15)


def test_a_turned_photograph_gives_the_turned_person(blazepose, photo):
    width = photo.shape[1]
    box = CropBox.from_xywh(*BOX)
    _, upright = answer(blazepose, photo, box)
    (x, y), quarter = box.centre, np.ascontiguousarray(np.rot90(photo))  # (x, y) goes to (y, width - x)
    _, lying = answer(blazepose, quarter, CropBox((y, width - x), box.size))
    turn = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert (lying.joints - upright.joints @ turn.T).norm(dim=-1).mean() < 0.04


def test_nobody_in_the_box_is_looked_at_as_the_box_stands_and_outside_is_an_error(blazepose):
    grey = np.full((300, 300, 3), 128, dtype=np.uint8)
    view, _ = answer(blazepose, grey, CropBox((150.0, 150.0), 120.0))
    assert np.allclose(view.frame.to_reference[:, :2], np.eye(2) * view.frame.to_reference[0, 0])
    with pytest.raises(CropError):
        answer(blazepose, grey, CropBox((900.0, 150.0), 120.0))


def test_windows_hide_the_same_place_of_the_photograph(blazepose):
    crop = read_crop(PHOTO, bbox=BOX)
    sweep = OcclusionSweep(blazepose, size=56, stride=56, joints="blazepose33", device="cpu")
    maps = sweep(crop)
    assert maps.joint_names == BLAZEPOSE33.joint_names
    image = read_image(PHOTO).pixels.copy()
    y0, y1, x0, x1 = maps.window((1, 2))
    corners = crop.box.crop_to_image(np.array([[x0, y0], [x1, y1]], dtype=np.float64)).round().astype(int)
    (left, top), (right, bottom) = corners
    image[max(top, 0) : bottom, max(left, 0) : right] = (124, 116, 104)
    view = view_of(blazepose.card.preprocessing, read_image(PHOTO).pixels, crop.box)
    # The painted photograph through the crop of the clean one.
    own = upright_crop(read_image(PHOTO).pixels, crop.box)
    painted = torch.tensor(own.cut(image)).permute(2, 0, 1)[None].float() / 255
    seen = view.joints_in_reference(blazepose(painted)).joints[0].numpy()
    np.testing.assert_allclose(maps.dataset["joints_m"].values[0, 1, 2], seen - _pelvis(seen), atol=0.02)


def _pelvis(joints):
    hips, shoulders = (
        joints[[BLAZEPOSE33.index(f"{side}_{name}") for side in ("left", "right")]].mean(axis=0)
        for name in ("hip", "shoulder")
    )
    return 0.82 * hips + 0.18 * shoulders


def test_what_it_cannot_do_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))  # somebody may have made them
    with pytest.raises(ValidationError, match="a turned crop has 256 px"):
        Preprocessing(turned=True)
    with pytest.raises(CheckpointError, match="convert_blazepose"):
        load_regressor("blazepose-heavy")
