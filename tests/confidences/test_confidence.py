"""Surveys whose confidence is made from their errors by hand, so that it is known what it knows."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from support.survey_fixtures import make_survey, manifest_of, random_maps, survey_card

import occlusion_toolkit as ot
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.confidences import run
from occlusion_toolkit.confidences.confidence import EVERY, PERSON, Confidence
from occlusion_toolkit.confidences.table import by_name, models_table
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import save_maps

GRID = Grid("centred", size=112, stride=112)
JOINTS, IMAGES, SEQUENCES = len(LSP14), 24, 12
SURE = {
    "perfect": lambda errors, random: 1 - errors / 1000,
    "inverse": lambda errors, random: errors / 1000,
    "constant": lambda errors, random: np.full(errors.shape, 0.7),
    "random": lambda errors, random: random.random(errors.shape),
}


@pytest.fixture(autouse=True, scope="module")
def _few_resamples():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "RESAMPLES", 199)
        yield


def judged(folder, *kinds, images=IMAGES, sequences=SEQUENCES, high_mm=200.0) -> Survey:
    """A survey of errors from 1 to 200 mm whose confidences are made from them; `kinds` of `SURE`."""
    card = survey_card(GRID, model_card="-".join(kinds) or "silent")
    names = {
        "sequence": [f"s{number * sequences // images:02d}" for number in range(images)],
        "frame": list(range(images)),
        "person": [0] * images,
        "file": ["a.jpg"] * images,
    }
    maps, random = random_maps(card, range(images), names), np.random.default_rng(5)
    maps["error"][:] = random.uniform(1, high_mm, maps["error"].shape)
    maps["clean_error"][:] = random.uniform(1, high_mm, maps["clean_error"].shape)
    for kind in kinds:
        name = "confidence" if len(kinds) == 1 else f"confidence_{kind}"
        for prefix in ("", "clean_"):
            errors = maps[f"{prefix}error"]
            sure = SURE[kind](errors.values.astype(np.float64), random).astype(np.float32)
            maps[prefix + name] = (errors.dims, sure)
    (folder / "shards").mkdir(parents=True)
    survey = Survey(folder, manifest_of(card, images, images))
    save_maps(survey.shard_path(0), maps)
    return survey.sealed()


@pytest.fixture(scope="module")
def surveys(tmp_path_factory) -> dict[str, Survey]:
    folder = tmp_path_factory.mktemp("surveys")
    return {kind: judged(folder / kind, kind) for kind in SURE}


@pytest.fixture(scope="module")
def found(surveys) -> dict[str, Confidence]:
    return {kind: ot.confidence(survey) for kind, survey in surveys.items()}


@pytest.mark.parametrize("under", ["squares", "clean"])
@pytest.mark.parametrize("joint", ["left_wrist", EVERY])
@pytest.mark.parametrize(("kind", "gained", "rank"), [("perfect", 100, -1), ("constant", 0, None)])
def test_what_can_be_known_is_known_and_a_constant_knows_nothing(found, under, joint, kind, gained, rank):
    assert found[kind].number("gained", under, joint)["mean"] == pytest.approx(gained, abs=0.5)
    assert found[kind].number("rank_error", under, joint)["mean"] == pytest.approx(rank, abs=1e-3)


def test_confidence_upside_down_is_worse_than_nothing_and_chance_is_near_it(found):
    assert found["inverse"].number("gained")["high"] < -50
    assert found["inverse"].number("rank_error")["mean"] == pytest.approx(1, abs=1e-3)
    chance = found["random"].number("gained")
    assert chance["low"] < 0 < chance["high"]


def test_a_model_that_is_confidently_wrong_is_named_as_such(found):
    begins = {kind: one.verdict.split(":")[0] for kind, one in found.items()}
    assert begins == {
        "perfect": "its confidence knows",
        "inverse": "confidently wrong",
        "constant": "confidently wrong",
        "random": "its confidence does not tell right from wrong",
    }


def test_joints_at_which_a_model_is_confidently_wrong_are_named(tmp_path):
    survey = judged(tmp_path / "survey", "perfect")
    maps = survey.maps.load()
    for name in ("confidence", "clean_confidence"):
        maps[name].loc[{"joint": "left_hip"}] = 1 - maps[name].sel(joint="left_hip")
    other = Survey(tmp_path / "other", manifest_of(survey.card, IMAGES, IMAGES))
    save_maps(other.shard_path(0), maps)
    one = ot.confidence(other.sealed())
    assert one.wrong_joints == ("left_hip",)
    assert one.verdict.endswith("confidently wrong at left hip")
    assert one.summary()["confidently_wrong_at"] == ["left_hip"]


def test_the_numbers_are_those_of_a_naive_computation(surveys, found):
    maps, one = surveys["random"].maps, found["random"]
    for joint in ("neck", PERSON):
        chosen = {
            name: maps[name].mean("joint") if joint == PERSON else maps[name].sel(joint=joint)
            for name in ("error", "displacement", "confidence")
        }
        errors, moved, sure = (values.values.astype(np.float64).ravel() for values in chosen.values())
        assert one.dataset["entries"].sel(under="squares", joint=joint) == len(errors) == IMAGES * 4
        ordered = errors[np.argsort(-sure)]
        risks = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
        best = np.cumsum(np.sort(errors)) / np.arange(1, len(errors) + 1)
        expected = {
            "mean": errors.mean(),
            "area": risks.mean(),
            "best": best.mean(),
            "gained": 100 * (errors.mean() - risks.mean()) / (errors.mean() - best.mean()),
            "half": 100 * ((ordered[:48] > 100).mean() - (errors > 100).mean()),
            "rank_error": stats.spearmanr(sure, errors).statistic,
            "rank_displacement": stats.spearmanr(sure, moved).statistic,
        }
        for name, value in expected.items():
            assert one.number(name, joint=joint)["mean"] == pytest.approx(value, rel=1e-5), name
        at = one.dataset.sel(under="squares", joint=joint)
        assert float(at["risk"].sel(coverage=0.25)) == pytest.approx(risks[23], rel=1e-5)
        assert float(at["over"].sel(coverage=0.25)) == pytest.approx(100 * (ordered[:24] > 100).mean())
        tenths = at["tenth_over"].values
        assert tenths.mean() == pytest.approx(100 * (errors > 100).mean())
        confidences = at["tenth_confidence"].values
        assert (np.diff(confidences) < 0).all()
        assert confidences.mean() == pytest.approx(sure.mean(), rel=1e-5)


def test_intervals_are_of_sequences(tmp_path):
    """Frames that are the same in a sequence do not make it surer."""
    card, count = survey_card(GRID), 24
    names = {
        "sequence": [f"s{n // 4}" for n in range(count)],
        "frame": list(range(count)),
        "person": [0] * count,
        "file": ["a.jpg"] * count,
    }
    maps, random = random_maps(card, range(count), names), np.random.default_rng(0)
    widths = []
    for times in (1, 4):
        same = np.arange(count) // times * times
        maps["error"][:] = random.uniform(1, 200, maps["error"].shape)[same]
        sure = random.random(maps["error"].shape).astype(np.float32)[same]
        maps = maps.assign(
            confidence=(maps["error"].dims, sure), clean_confidence=(("image", "joint"), sure[:, :, 0, 0])
        )
        folder = tmp_path / str(times)
        (folder / "shards").mkdir(parents=True)
        survey = Survey(folder, manifest_of(card, count, count))
        save_maps(survey.shard_path(0), maps)
        told = ot.confidence(survey.sealed()).number("gained", joint="neck")
        widths.append(told["high"] - told["low"])
    assert widths[1] > 1.4 * widths[0]


def test_other_thresholds_and_coverages_are_told(surveys):
    told = ot.confidence(surveys["perfect"], over_mm=50.0, coverages=(0.1, 0.9)).summary()
    assert list(told["squares"][EVERY]["over_percent"]) == ["0.1", "0.9", "1"]
    assert told["squares"][EVERY]["over_percent"]["0.1"]["mean"] == 0
    assert told["squares"][EVERY]["over_percent"]["1"]["mean"] == pytest.approx(75, abs=3)


def test_several_confidences_are_chosen_by_name(tmp_path):
    survey = judged(tmp_path / "survey", "perfect", "inverse")
    both = {of: ot.confidence(survey, of=of) for of in ("perfect", "inverse")}
    assert both["perfect"].verdict.startswith("its confidence knows")
    assert ot.confidence(survey).of == "inverse"  # the first by name
    assert list(by_name(list(both.values()))) == ["perfect-inverse-perfect", "perfect-inverse-inverse"]
    assert models_table(both)["gained [%]"].round().tolist()[0] == 100
    with pytest.raises(UsageError, match="has no confidence 'peak'; it has: inverse, perfect"):
        ot.confidence(survey, of="peak")


def test_the_file_gives_back_everything(tmp_path, found):
    one = found["random"]
    one.save(tmp_path / "a.h5")
    assert Confidence.open(tmp_path / "a.h5").summary() == one.summary()
    one.save(tmp_path / "a.csv")
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * (JOINTS + 2) * (7 + 20 + 20 + 10)


def test_a_run_that_was_stopped_gives_the_same(tmp_path, surveys, found):
    ot.confidence(surveys["random"], keep=tmp_path)
    again = ot.confidence(surveys["random"], keep=tmp_path)
    xr.testing.assert_equal(again.dataset, found["random"].dataset)


def test_compare_tells_whether_the_surest_windows_hurt_less(tmp_path):
    surveys = [judged(tmp_path / kind, kind) for kind in ("perfect", "inverse")]
    compared = compare(*surveys)
    knows, wrong = (model.quantities["surer"].mean[-1] for model in compared.models)
    assert knows == pytest.approx(-wrong, rel=0.05)
    assert knows < -5
    silent = compare(surveys[0], judged(tmp_path / "silent"))
    assert "surer" not in silent.models[0].quantities


def test_a_survey_without_confidence_is_refused_in_one_line(tmp_path):
    with pytest.raises(ResultError, match=r"survey of fake holds no confidence; survey a network") as refused:
        ot.confidence(make_survey(tmp_path / "survey"))
    assert len(str(refused.value).splitlines()) == 1


def test_one_sequence_says_nothing(tmp_path):
    one = ot.confidence(judged(tmp_path / "survey", "perfect", sequences=1))
    assert one.verdict.startswith("nothing can be said with fewer than 6 sequences")
    assert one.notes[0].startswith("no intervals: 1 of the 6 sequences")
    assert one.number("gained")["low"] is None


def test_a_threshold_that_nothing_passes_says_nothing(surveys):
    assert "no joint is over 500 mm" in ot.confidence(surveys["perfect"], over_mm=500.0).verdict


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"metric": "increase"}, "give 'error', not 'increase'"),
        ({"over_mm": 0.0}, "a threshold of 0 mm"),
        ({"coverages": (0.5, 1.5)}, "up to 1, not 1.5"),
    ],
)
def test_what_makes_no_sense_is_refused(surveys, wrong, says):
    with pytest.raises(UsageError, match=says):
        ot.confidence(surveys["perfect"], **wrong)


def test_displacement_can_be_what_is_risked(surveys):
    one = ot.confidence(surveys["random"], metric="displacement")
    assert one.number("gained")["mean"] is not None
    assert one.number("gained", "clean")["mean"] is None  # nothing has moved yet
