"""Reversals of people who are turned, mirrored or moved by hand, and of regressors that do it on purpose."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from support.fakes import bent_elbow
from support.painted_people import painted_people
from support.survey_fixtures import make_survey

import occlusion_toolkit as ot
from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.flips.reversals import Reversals
from occlusion_toolkit.flips.rule import check_joints, heading_degrees, swapped, turned
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.registry import LoadedRegressor

NAMES = SMPL24.joint_names
FACING = np.diag([1.0, -1.0, -1.0]).astype(np.float32)  # the camera looks along +z with y down


def posed(turn_degrees: float = 0.0, tilt_degrees: float = 0.0) -> np.ndarray:
    """The open body in the rest pose, turned about the camera's vertical, then tilted sideways, (24, 3)."""
    rotmats = torch.eye(3).repeat(1, 24, 1, 1)
    turn = Rotation.from_euler("yz", [turn_degrees, tilt_degrees], degrees=True).as_matrix() @ FACING
    rotmats[0, 0] = torch.from_numpy(turn)
    body = BodyParameters(rotmats, torch.zeros(1, 10), torch.zeros(1, 3))
    return load_open_body().centred_joints(body, SMPL24)[0].numpy()


@pytest.mark.parametrize(
    ("degrees", "is_turned"), [(0, False), (85, False), (95, True), (180, True), (-95, True)]
)
def test_a_person_is_turned_beyond_a_quarter(degrees, is_turned):
    assert turned(posed(degrees), posed(), NAMES) == is_turned
    assert turned(posed(170 + degrees), posed(170), NAMES) == is_turned  # across the seam of angles


def test_who_faces_the_camera_has_heading_zero():
    assert heading_degrees(posed(), NAMES) == pytest.approx(0, abs=1)
    assert abs(heading_degrees(posed(180), NAMES)) == pytest.approx(180, abs=1)


def test_who_lies_on_the_side_has_no_heading():
    lying = posed(0, 90)
    assert np.isnan(heading_degrees(lying, NAMES))
    assert not turned(lying, posed(180), NAMES)
    assert heading_degrees(posed(0, 45), NAMES) == pytest.approx(0, abs=2)


def test_sides_that_change_places_are_swapped():
    mirrored = posed()[list(SMPL24.mirror)]
    assert swapped(mirrored, posed(), NAMES)
    assert not swapped(posed(), posed(), NAMES)


def test_a_swap_below_the_margin_does_not_count():
    close = posed() * [0.05, 1, 1]  # left and right nearly in one place
    assert not swapped(close[list(SMPL24.mirror)], close, NAMES)
    assert swapped(close[list(SMPL24.mirror)], close, NAMES, margin_mm=1.0)


def test_joints_of_the_midline_have_no_side():
    moved = posed()
    moved[SMPL24.index("head")] += 5
    assert not swapped(moved, posed(), NAMES)
    mirror = list(SMPL24.mirror)
    sided = np.array(mirror) != np.arange(24)
    # What the exchange takes off is a mean over the joints that have a side.
    taken_off_mm = 1000 * np.linalg.norm(posed()[mirror] - posed(), axis=-1)[sided].mean()
    assert swapped(posed()[mirror], posed(), NAMES, margin_mm=float(taken_off_mm) - 1)
    assert not swapped(posed()[mirror], posed(), NAMES, margin_mm=float(taken_off_mm) + 1)


def test_hips_are_needed():
    with pytest.raises(UsageError, match="left_hip"):
        check_joints(("left_wrist", "right_wrist"))


class Turner(torch.nn.Module):
    """Turns the person round where the pixel in the middle of the head is grey."""

    def forward(self, crops: torch.Tensor) -> RegressorOutput:
        output = bent_elbow(torch.zeros(len(crops)))
        back = torch.from_numpy(np.diag([-1.0, -1.0, 1.0])).float()
        hidden = (crops[:, 0, 20, 170] == 0)[:, None, None]
        output.rotmats[:, 0] = torch.where(hidden, back, torch.from_numpy(FACING))
        return output


HEAD, FOOT = (10, 30, 160, 180), (180, 200, 20, 40)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    people = painted_people(folder, {"head": HEAD, "right_foot": FOOT}, sequences=8)
    for sample in people:
        sample.rotmats[0] = FACING
    card = RegressorCard(name="turner", title="t", description="d", body=OPEN_BODY_TOPOLOGY)
    model = LoadedRegressor(Turner(), card, None, torch.device("cpu"))
    sweep = ot.OcclusionSweep(model, size=40, stride=16, device="cpu", engine="dense")
    return ot.survey(sweep, people, out=folder / "survey")


@pytest.fixture(scope="module")
def found(survey) -> Reversals:
    return ot.reversals(survey)


def covering(survey) -> np.ndarray:
    y0, y1, x0, x1 = survey.grid.windows().T
    return ((y0 <= 20) & (y1 > 20) & (x0 <= 170) & (x1 > 170)).reshape(survey.grid.rows, survey.grid.cols)


@pytest.mark.parametrize("against", ["clean", "truth"])
@pytest.mark.parametrize("kind", ["turned", "either"])
def test_exactly_the_squares_over_the_face_turn_the_person_round(survey, found, against, kind):
    rate = found.dataset["rate"].sel(against=against, kind=kind).values
    np.testing.assert_array_equal(rate, 100.0 * covering(survey))


def test_who_is_turned_round_in_the_rest_pose_has_left_and_right_swapped_too(survey, found):
    rate = found.dataset["rate"].sel(against="clean", kind="swapped").values
    np.testing.assert_array_equal(rate, 100.0 * covering(survey))


def test_hiding_the_head_always_reverses_and_hiding_the_foot_never(found):
    parts = found.dataset["part_rate"].sel(against="clean", kind="either")
    assert float(parts.sel(part="head")) == 100
    assert float(parts.sel(part="right_foot")) == 0
    assert np.isnan(parts.sel(part="pelvis"))


def test_all_of_the_error_is_the_reversals(survey, found):
    told = found.summary()["against"]["clean"]["either"]
    share = covering(survey).mean()
    assert told["windows"]["mean"] == pytest.approx(100 * share)
    assert told["mean_mm"]["without"] == pytest.approx(0, abs=1e-3)
    assert told["mean_share"]["mean"] == pytest.approx(100, abs=1e-3)
    assert told["worst_share"]["mean"] == pytest.approx(100, abs=1e-3)
    assert told["mean_mm"]["all"] == pytest.approx(share * told["worst_mm"]["all"], rel=1e-4)
    assert told["worst_reversed"] == {"mean": 100.0, "low": 100.0, "high": 100.0}
    assert found.summary()["clean_reversed_percent"] == 0


def test_the_place_of_the_worst_square_is_named(found):
    place = found.where()
    assert place["rate"] == 100
    assert abs(place["row"] - 20) <= 20
    assert abs(place["col"] - 170) <= 20


def test_who_is_always_reversed_has_no_error_without(tmp_path):
    survey = make_survey(tmp_path, images=6, sequences=6)
    shards = [survey.shard(shard).load() for shard in range(survey.num_shards)]
    assert "joints_m" not in shards[0]
    with pytest.raises(ResultError, match="no joints under every window"):
        ot.reversals(survey)


def test_the_file_gives_back_everything(tmp_path, found):
    found.save(tmp_path / "a.h5")
    again = Reversals.open(tmp_path / "a.h5")
    assert again.summary() == found.summary()
    assert again.images().equals(found.images())
    found.save(tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 8 * 2 * 3


def test_a_run_that_was_stopped_gives_the_same(tmp_path, survey, found):
    ot.reversals(survey, keep=tmp_path)
    assert ot.reversals(survey, keep=tmp_path).dataset.identical(found.dataset)


def test_one_photograph_is_enough(found):
    crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
    card = RegressorCard(name="turner", title="t", description="d", body=OPEN_BODY_TOPOLOGY)
    model = LoadedRegressor(Turner(), card, None, torch.device("cpu"))
    one = ot.reversals(ot.OcclusionSweep(model, size=40, stride=32, device="cpu", engine="dense")(crop))
    assert one.against == ("clean",)
    assert one.metric == "displacement"
    assert one.summary()["clean_reversed_percent"] is None
    assert 0 < float(one.dataset["rate"].max()) == 100
    assert set(LSP14.joint_names) >= {"left_hip"}
