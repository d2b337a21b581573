"""Whose rules a model is measured by, and which published figures its numbers may stand beside."""

import copy
import dataclasses
from pathlib import Path

import pytest
from support.evaluate_fixtures import everybody, loaded, some_people
from support.fakes import TinyNetwork

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.catalogue import TEST_SEQUENCES
from occlusion_toolkit.data.people import BAD, People, PeopleList
from occlusion_toolkit.data.protocol import EFT, PARE, SPIN
from occlusion_toolkit.evaluation.protocol import differing_rules, protocol_card
from occlusion_toolkit.evaluation.published import (
    PUBLISHED_TABLES,
    PublishedErrors,
    known_errors,
    other_errors,
    published_table,
)
from occlusion_toolkit.models.papers import chosen_protocol
from occlusion_toolkit.models.registry import load_card

CARD_NAMES = {("3dpw", "test"): "3DPW test", ("3dpw-occ", "all"): "3DPW-OCC", ("3doh", "test"): "3DOH test"}
METHODS = {
    "spin": ("SPIN", "SPIN"),
    "pare": ("PARE (HRNet-W32)", None),
    "pare-3dpw": ("PARE (HRNet-W32) with 3DPW", None),
}


class Nobody(People):
    """An empty data set with any name."""

    def __init__(self, dataset: str, split: str) -> None:
        self.dataset, self.split, self.root = dataset, split, Path("nowhere")
        self.topology, self.frame_filter = "smpl", None

    def __len__(self) -> int:
        return 0

    def sample_at(self, position: int) -> None:
        raise IndexError(position)

    @property
    def left_out(self) -> dict[str, int]:
        return {}


@pytest.mark.parametrize(
    ("model", "protocol"),
    [("spin", SPIN), ("hmr-eft", EFT), ("pare", PARE), ("pare-3dpw", PARE), ("hmr-open", SPIN)],
)
def test_a_model_is_measured_by_its_own_paper(model, protocol):
    assert chosen_protocol(load_card(model)) == protocol


def test_what_is_chosen_replaces_the_papers_rule():
    chosen = chosen_protocol(load_card("pare"), SMPL24, "gendered", "pelvis")
    assert (chosen.joint_set, chosen.gender_rule, chosen.pve_alignment) == (SMPL24, "gendered", "pelvis")


def test_the_gender_of_the_truth_follows_the_rule_and_the_open_body_has_none():
    said = ("male", "female", "neutral")
    assert tuple(SPIN.true_gender(gender, "smpl") for gender in said) == said
    assert {PARE.true_gender(gender, "smpl") for gender in said} == {"neutral"}
    assert {SPIN.true_gender(gender, OPEN_BODY_TOPOLOGY) for gender in said} == {"neutral"}


def test_every_rule_shows_in_the_hash_except_genders_of_the_open_body():
    people, regressor = some_people(2), loaded(TinyNetwork())
    hashes = {
        protocol_card(regressor, people, protocol).hash
        for protocol in (
            SPIN,
            dataclasses.replace(SPIN, joint_set=SMPL24),
            dataclasses.replace(SPIN, pve_alignment="pelvis"),
        )
    }
    assert len(hashes) == 3
    card, neutral = (protocol_card(regressor, people, protocol) for protocol in (SPIN, PARE))
    assert card == neutral
    assert card.gender_rule == "one body whatever the gender"
    fewer = protocol_card(regressor, some_people(1), SPIN)
    assert fewer.people_sha256 != card.people_sha256


def test_gender_rules_of_smpl_show_in_the_card():
    people, regressor = Nobody("3dpw", "test"), loaded(TinyNetwork(), "smpl")
    gendered, neutral = (protocol_card(regressor, people, protocol) for protocol in (SPIN, PARE))
    assert gendered.differences(neutral) == [
        "gender_rule: male or female as the data set says and neutral whatever the gender"
    ]
    assert differing_rules([gendered, gendered]) == []
    (line,) = differing_rules([gendered, neutral])
    assert "different rules" in line
    assert "gender_rule" in line


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: f"{table.dataset}")
def test_cards_and_published_tables_agree(table):
    rows = {row.method: row for row in table.rows}
    metrics = {"MPJPE": "mpjpe_mm", "PA-MPJPE": "pa_mpjpe_mm", "PVE": "pve_mm"}
    wanted = CARD_NAMES.get((table.dataset, table.split))
    for model, (on_3dpw, on_others) in METHODS.items():
        method = on_3dpw if table.dataset == "3dpw" else on_others
        figures = [figure for figure in load_card(model).errors if figure.dataset == wanted]
        for figure in figures:
            assert figure.origin == "published"
            assert table.source in figure.reference
            assert getattr(rows[method], metrics[figure.metric]) == figure.value_mm


def test_published_tables_are_found_by_data_set_and_split():
    found = published_table(Nobody("3dpw-occ", "all"))
    assert found is not None
    assert found.rows[1] == PublishedErrors("SPIN", 95.6, 60.8, 121.6)
    assert published_table(Nobody("3dpw", "train")) is None
    assert published_table(some_people(1)) is None


def test_published_figures_stand_beside_the_same_rules_only():
    model, people = load_card("spin"), Nobody("3dpw-occ", "all")
    card = protocol_card(loaded(TinyNetwork(), "smpl"), people, PARE)
    assert {metric: figure.value_mm for metric, figure in known_errors(model, people, card).items()} == {
        "MPJPE": 95.6,
        "PA-MPJPE": 60.8,
        "PVE": 121.6,
    }
    aligned = card.model_copy(update={"pve_alignment": "pelvis"})
    assert set(known_errors(model, people, aligned)) == {"MPJPE", "PA-MPJPE"}
    gendered = protocol_card(loaded(TinyNetwork(), "smpl"), people, SPIN)
    assert known_errors(model, people, gendered) == {}
    lines = other_errors(model, people, gendered)
    assert set(lines) == {"MPJPE", "PA-MPJPE", "PVE"}
    assert "95.6 mm, published (PARE, Table 2" in lines["MPJPE"]
    assert "ground truth neutral" in lines["MPJPE"]
    assert lines["MPJPE"].endswith("is not compared: other body of the ground truth")
    other_joints = card.model_copy(update={"joint_set": "smpl24"})
    assert set(known_errors(model, people, other_joints)) == {"PVE"}
    assert known_errors(model, Nobody("3dpw", "train"), card) == {}


def test_published_figures_stand_beside_the_whole_test_split_only():
    model, nobody = load_card("pare"), Nobody("3dpw", "test")
    nobody.frame_filter = "spin"
    card = protocol_card(loaded(TinyNetwork(), "smpl"), nobody, PARE)
    frame = everybody()[0]
    rows = [dataclasses.replace(frame, sequence=name) for name in sorted(TEST_SEQUENCES)]
    whole, part = (
        PeopleList("3dpw", "test", nobody.root, "smpl", frames, {}, "spin") for frames in (rows, rows[1:])
    )
    assert set(known_errors(model, whole, card)) == {"MPJPE", "PA-MPJPE", "PVE"}
    assert known_errors(model, part, card) == known_errors(model, nobody, card) == {}
    fewer = PeopleList("3dpw", "test", nobody.root, "smpl", rows, {BAD: 1})
    assert known_errors(model, fewer, card) == other_errors(model, fewer, card) == {}
    vibe = card.model_copy(update={"frame_filter": "vibe"})
    assert known_errors(model, whole, vibe) == {}
    assert other_errors(model, whole, vibe)["PVE"].endswith("other frames")
    eft = load_card("hmr-eft")  # its figure is of every tenth frame, and nobody can measure those here
    assert known_errors(eft, whole, vibe) == {}
    assert "every tenth" in other_errors(eft, whole, vibe)["PA-MPJPE"]


def test_spins_own_numbers_need_spins_own_crops():
    frame = everybody()[0]
    rows = [dataclasses.replace(frame, sequence=name) for name in sorted(TEST_SEQUENCES)]
    people = PeopleList("3dpw", "test", Path("nowhere"), "smpl", rows, {}, "spin")
    regressor = loaded(TinyNetwork(), "smpl")
    for name, compared in (("spin", set()), ("spin-imresize", {"MPJPE", "PA-MPJPE"})):
        model = load_card(name)
        card = protocol_card(regressor, people, chosen_protocol(model))
        assert set(known_errors(model, people, card)) == compared
        assert set(other_errors(model, people, card)) == {"MPJPE", "PA-MPJPE"} - compared
    assert "imresize" in card.crop_rule


def test_measured_figures_stand_beside_the_whole_shipped_set_only(tmp_path):
    model, people = load_card("pare-open"), everybody()
    card = protocol_card(loaded(TinyNetwork()), people, SPIN)
    assert set(known_errors(model, people, card)) == {"MPJPE", "PA-MPJPE"}
    assert set(known_errors(model, some_people(500), card)) == {"MPJPE", "PA-MPJPE"}
    assert known_errors(model, some_people(5), card) == {}
    elsewhere = copy.copy(people)
    elsewhere.root = tmp_path
    assert known_errors(model, elsewhere, card) == {}
