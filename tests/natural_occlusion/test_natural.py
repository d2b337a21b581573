"""Square against world: joints whose errors are set by hand, so that the answer is known."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from support.painted_people import painted_people
from support.survey_fakes import fake_sweep
from support.survey_fixtures import make_survey, manifest_of, random_maps, survey_card

import occlusion_toolkit as ot
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.data.scene import SIGHTS
from occlusion_toolkit.errors import GroundTruthError, ResultError, UsageError
from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion, _spearman
from occlusion_toolkit.natural_occlusion.rule import STATES, states_of_joints
from occlusion_toolkit.natural_occlusion.table import models_table, rank_of_models
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import save_maps

GRID = Grid("centred", size=56, stride=56)
NAMES = LSP14.joint_names
IMAGES, SEQUENCES = 48, 12


def test_a_joint_is_read_in_the_states_it_is_in():
    windows = np.array([[0, 10, 0, 10], [0, 10, 5, 15], [20, 30, 20, 30]])
    errors = np.array([[10.0, 30.0, 99.0]] * 4)
    places = np.array([[7.0, 5.0], [7.0, 5.0], [np.nan, np.nan], [50.0, 50.0]])
    sight = np.array([SIGHTS.index(name) for name in ("seen", "thing", "frame", "seen")], np.uint8)
    found = states_of_joints(errors, np.array([1.0, 2.0, 3.0, 4.0]), places, sight, windows)
    told = {state: found[STATES.index(state)].tolist() for state in STATES}
    nan = pytest.approx(np.nan, nan_ok=True)
    assert told["seen"] == [1, nan, nan, 4]
    assert told["thing"] == [nan, 2, nan, nan]
    assert told["frame"] == [nan, nan, 3, nan]
    assert told["square"] == [20, nan, nan, nan]  # the mean of the two windows over its place
    assert told["uncovered"] == [1, nan, nan, nan]


def world(
    folder, hidden_mm, square_mm, *, images=IMAGES, sequences=SEQUENCES, name="fake", jitter=3.0
) -> Survey:
    """A survey in which every second image hides all joints, with errors of every joint as they are given."""
    card = survey_card(GRID, model_card=name)
    names = {
        "sequence": [f"s{number * sequences // images:02d}" for number in range(images)],
        "frame": list(range(images)),
        "person": [0] * images,
        "file": ["a.jpg"] * images,
    }
    maps = random_maps(card, range(images), names)
    random = np.random.default_rng(1)
    is_hidden = (np.arange(images) % 2).astype(bool)
    clean = np.where(is_hidden[:, None], hidden_mm, 20.0) + random.normal(0, jitter, (images, len(NAMES)))
    maps["clean_error"][:] = clean
    maps["error"][:] = clean[:, :, None, None]
    covering = np.asarray(square_mm)[None] + random.normal(0, jitter, (images, len(NAMES)))
    maps["error"][:, :, 1, 1] = np.where(is_hidden[:, None], clean, covering)
    sight = np.where(is_hidden[:, None], SIGHTS.index("thing"), SIGHTS.index("seen")).repeat(
        len(NAMES), axis=1
    )
    places = np.full((images, len(NAMES), 2), 84.0, np.float32)  # in the window of row 1 and column 1
    maps = maps.assign(
        sight=(("image", "joint"), sight.astype(np.uint8)),
        true_joints_px=(("image", "joint", "xy"), places),
    )
    (folder / "shards").mkdir(parents=True)
    survey = Survey(folder, manifest_of(card, images, images))
    save_maps(survey.shard_path(0), maps)
    return survey.sealed()


RISING = np.linspace(40.0, 170.0, len(NAMES))


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> NaturalOcclusion:
    """Squares that cost 20 mm less than the world, joint by joint."""
    return ot.natural(world(tmp_path_factory.mktemp("a") / "survey", RISING, RISING - 20))


def test_means_are_those_of_the_states(found):
    mean = found.dataset["mean"].isel(joint=slice(None, -1))
    np.testing.assert_allclose(mean.sel(state="hidden"), RISING, atol=2)
    np.testing.assert_allclose(mean.sel(state="square"), RISING - 20, atol=2)
    np.testing.assert_allclose(mean.sel(state="uncovered"), 20, atol=2)
    assert found.dataset["joints_in_state"].sel(state="hidden").values.tolist() == [24] * 14 + [24 * 14]


def test_squares_that_rank_joints_as_the_world_does_are_said_to(found):
    assert found.agreement["rank_error"]["mean"] > 0.99
    assert found.agreement["hidden_minus_square_mm"]["mean"] == pytest.approx(20, abs=1)
    assert found.verdict.startswith("squares rank the joints as the world does")
    assert len(found.ranked) == 14


@pytest.mark.parametrize(
    ("square", "says"),
    [
        (RISING[::-1], "the other way round"),
        (np.full(14, 90.0), "do not predict which joints"),
    ],
)
def test_squares_that_do_not_are_said_not_to(tmp_path, square, says):
    assert says in ot.natural(world(tmp_path / "survey", RISING, square)).verdict


def test_the_rank_correlation_is_scipys():
    random = np.random.default_rng(0)
    one, other = random.integers(0, 5, (2, 6, 9)).astype(float)  # with ties
    expected = [stats.spearmanr(*rows).statistic for rows in zip(one, other, strict=True)]
    np.testing.assert_allclose(_spearman(one, other), expected)
    other[2, 3] = np.nan
    assert np.isnan(_spearman(one, other)[2])
    assert np.isnan(_spearman(one[:, :2], other[:, :2])).all()


def test_models_are_ranked_by_both(tmp_path, found):
    models = {"b": found}
    for number, name in enumerate("ac"):
        models[name] = ot.natural(
            world(tmp_path / name, RISING + 30 * number - 15, RISING - 35 + 30 * number, name=name)
        )
    assert models_table(models)["hidden [mm]"].rank().tolist() == [2, 1, 3]
    assert rank_of_models(models) == pytest.approx(1)
    assert rank_of_models({"b": found}) is None


def test_the_file_gives_back_everything(tmp_path, found):
    found.save(tmp_path / "a.h5")
    again = NaturalOcclusion.open(tmp_path / "a.h5")
    assert again.summary() == found.summary()
    found.save(tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 8 * 15


def test_a_run_that_was_stopped_gives_the_same(tmp_path, found):
    survey = world(tmp_path / "survey", RISING, RISING - 20)
    ot.natural(survey, keep=tmp_path / "keep")
    xr.testing.assert_equal(ot.natural(survey, keep=tmp_path / "keep").dataset, found.dataset)


def test_people_of_whom_nobody_is_hidden_are_refused(tmp_path):
    everywhere = dict.fromkeys(range(14), (70.0, 70.0))  # in sight, or behind the elbow
    people = painted_people(tmp_path, {"left_elbow": (60, 80, 60, 80)}, sequences=1, points=everywhere)
    survey = ot.survey(fake_sweep(), people, out=tmp_path / "survey")
    with pytest.raises(ResultError, match="nobody in this survey is occluded"):
        ot.natural(survey)


def test_a_data_set_that_does_not_know_what_is_hidden_is_refused(tmp_path):
    with pytest.raises(GroundTruthError, match="does not tell which joints are hidden"):
        ot.natural(make_survey(tmp_path / "survey"))


def test_few_sequences_say_nothing(tmp_path):
    found = ot.natural(world(tmp_path / "survey", RISING, RISING, sequences=1))
    assert "fewer than 6 sequences" in found.verdict
    assert "1 of the 6 sequences" in found.notes[0]


def test_displacement_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not 'displacement'"):
        ot.natural(make_survey(tmp_path / "survey"), metric="displacement")
