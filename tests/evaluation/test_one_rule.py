"""One rule for the body of the truth: a model's clean error is the same number from every analysis."""

import dataclasses

import numpy as np
import pytest
import torch
from support.evaluate_fixtures import some_people
from support.fakes import TinyNetwork
from support.smpl_like_body import smpl_like_bodies

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison.example import crop_of
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.data.people import People, PeopleList
from occlusion_toolkit.data.protocol import GenderRule
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.evaluation.run import evaluate
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.registry import LoadedRegressor, load_card
from occlusion_toolkit.surveys.run import survey

GENDERS = ("male", "female", "neutral", "male", "female", "neutral")
CLOSE_MM = 0.01  # batches differ, and with them the last bits


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return smpl_like_bodies()


def threedpw_like() -> People:
    """Six people of as many sequences with three genders, whose bodies are SMPL's."""
    found = some_people(len(GENDERS))
    frames = [dataclasses.replace(frame, gender=gender) for frame, gender in zip(found, GENDERS, strict=True)]
    return PeopleList("3dpw", "test", found.root, "smpl", frames, {}, "spin")


def tiny(card: str, seed: int) -> LoadedRegressor:
    """Random weights under a published card: the card's paper has the rule."""
    return LoadedRegressor(TinyNetwork(seed).eval(), load_card(card), f"{seed:064x}", torch.device("cpu"))


def clean_errors(
    people: People, bodies: Bodies, cards: tuple[str, str], rule: GenderRule | None, folder
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """The mean clean error of each model by analysis, and the rule on its card."""
    models = [tiny(card, seed) for seed, card in enumerate(cards)]
    table = evaluate(models, people, true_gender=rule, bodies=bodies, device="cpu")
    sweeps = [
        OcclusionSweep(model, size=112, stride=112, true_gender=rule, bodies=bodies, device="cpu")
        for model in models
    ]
    surveys = [survey(sweep, people, out=folder / name) for sweep, name in zip(sweeps, cards, strict=True)]
    compared = compare(*surveys, bodies=bodies, allow=() if rule else ("gender_rule",))
    numbers = {}
    for index, name in enumerate(cards):
        heatmaps = sweeps[index]([crop_of(people, position) for position in range(len(people))])
        numbers[name] = {
            "evaluate": float(table.table()["MPJPE"].iloc[index]),
            "mesh": float(surveys[index].maps["clean_error"].mean()),
            "compare": compared.models[index].quantities["clean"].mean[-1],
            "heatmap": float(heatmaps.dataset["clean_error"].mean()),
        }
        rules = {surveys[index].card.gender_rule, table.cards[index].gender_rule}
        assert rules == {heatmaps.card.gender_rule}
    return numbers, {name: str(surveys[index].card.gender_rule) for index, name in enumerate(cards)}


@pytest.mark.parametrize("rule", ["gendered", "neutral", None])
def test_clean_errors_agree_on_smpl_with_three_genders(bodies, rule, tmp_path):
    numbers, rules = clean_errors(threedpw_like(), bodies, ("spin", "pare"), rule, tmp_path)
    for each in numbers.values():
        np.testing.assert_allclose(list(each.values()), each["evaluate"], atol=CLOSE_MM)
    words = {"gendered": "male or female as the data set says", "neutral": "neutral whatever the gender"}
    papers = {"spin": "gendered", "pare": "neutral"}
    assert rules == {name: words[rule or papers[name]] for name in papers}


def test_clean_errors_agree_on_the_open_set_whatever_the_rule(tmp_path):
    people, numbers = some_people(6), {}
    for rule in ("gendered", "neutral"):
        numbers[rule], rules = clean_errors(
            people, Bodies(), ("hmr-open", "pare-open"), rule, tmp_path / rule
        )
        assert set(rules.values()) == {"one body whatever the gender"}
        for each in numbers[rule].values():
            np.testing.assert_allclose(list(each.values()), each["evaluate"], atol=CLOSE_MM)
    assert numbers["gendered"] == numbers["neutral"]


def test_the_rules_make_different_numbers_on_smpl(bodies):
    model, people = tiny("spin", 0), threedpw_like()
    errors = [
        evaluate(model, people, true_gender=rule, bodies=bodies, device="cpu").table()["MPJPE"].iloc[0]
        for rule in ("gendered", "neutral")
    ]
    assert abs(errors[0] - errors[1]) > 1  # men are 4 % taller than the neutral body, women 5 % smaller


def test_papers_with_two_rules_are_not_compared_unless_that_is_allowed(bodies, tmp_path):
    sweeps = [
        OcclusionSweep(tiny(card, seed), size=112, stride=112, bodies=bodies, device="cpu")
        for seed, card in enumerate(("spin", "pare"))
    ]
    surveys = [
        survey(sweep, threedpw_like(), out=tmp_path / str(index)) for index, sweep in enumerate(sweeps)
    ]
    with pytest.raises(ResultError, match="--gt-gender neutral is the rule of PARE's script"):
        compare(*surveys, bodies=bodies)
    again = surveys[0].sweep(sweeps[0].model)  # an image swept again keeps the rule of the survey
    assert again.protocol.gender_rule == "gendered"


def test_the_crops_of_a_card_reach_every_analysis(bodies, tmp_path):
    people, model = threedpw_like(), tiny("spin-imresize", 0)
    plain = tiny("spin", 0)
    sweep = OcclusionSweep(model, size=112, stride=112, bodies=bodies, device="cpu")
    swept = survey(sweep, people, out=tmp_path / "survey")
    crop = crop_of(people, 0, "imresize")
    maps = sweep(crop)
    table = evaluate([model, plain], people, bodies=bodies, device="cpu")
    errors = table.results[0]["clean_error"].values
    np.testing.assert_allclose(swept.maps["clean_error"].values, errors, atol=CLOSE_MM)
    np.testing.assert_allclose(maps.dataset["clean_error"].values[0], errors[0], atol=CLOSE_MM)
    assert np.abs(errors - table.results[1]["clean_error"].values).max() > 0.1
    words = (
        "the data set's box; contrast stretched to 0..255, then anti-aliased bilinear (imresize) to 224 px"
    )
    for card in (swept.card, maps.card, table.cards[0]):
        assert card.crop_rule == f"{words}; black outside the image"
    with pytest.raises(UsageError, match="resampling='imresize'"):
        sweep(crop_of(people, 0))
