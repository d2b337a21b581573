"""Influence of hand-made regressors whose answer is known, and what is said where there is none."""

import numpy as np
import pytest
from support.fakes import PointNetwork
from support.painted_people import PAINTED, painted_people, pixel_reader_survey
from support.survey_fixtures import make_survey

import occlusion_toolkit as ot
from occlusion_toolkit.body.parts import LIMBS, PART_NAMES
from occlusion_toolkit.errors import GroundTruthError, ResultError, UsageError
from occlusion_toolkit.influences.influence import Influence
from occlusion_toolkit.influences.rule import COVERED, covers, hides, relation
from occlusion_toolkit.influences.table import difference

BENT = ("left_wrist", "left_hand")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return painted_people(tmp_path_factory.mktemp("people"), PAINTED)


@pytest.fixture(scope="module")
def by_elbow(tmp_path_factory, people):
    """Of a regressor that looks at the middle of the forearm alone."""
    return pixel_reader_survey(
        tmp_path_factory.mktemp("elbow") / "survey", people, (62, 62), "elbow", stride=32
    )


@pytest.fixture(scope="module")
def found(by_elbow) -> Influence:
    return ot.influence(by_elbow)


@pytest.fixture(scope="module")
def by_head(tmp_path_factory, people) -> Influence:
    """Of a regressor that looks at the head alone."""
    folder = tmp_path_factory.mktemp("head") / "survey"
    return ot.influence(pixel_reader_survey(folder, people, (20, 170), "head", stride=32))


def test_a_wrist_that_depends_on_one_part_gives_exactly_that_cell(by_elbow, found):
    matrix = found.dataset["increase"].sel(joint=list(by_elbow.joint_names))
    lost = -by_elbow.maps["clean_error"].mean("image")  # grey is zero: the arm is straight, as it truly is
    np.testing.assert_allclose(
        matrix.sel(part="left_elbow", joint=list(BENT)), lost.sel(joint=list(BENT)), rtol=1e-5
    )
    others = [name for name in by_elbow.joint_names if name not in BENT]
    assert np.abs(matrix.sel(part=list(PAINTED), joint=others)).max() == 0
    assert np.abs(matrix.sel(part=["head", "right_foot"])).max() == 0
    assert np.isnan(matrix.drop_sel(part=list(PAINTED))).all()


def test_that_cell_alone_is_significant(found):
    q = found.dataset["q"]
    significant = q < 0.05
    assert int(significant.sum()) == 2
    assert significant.sel(part="left_elbow", joint=list(BENT)).all()
    assert found.summary()["cells_significant"] == 2


def test_all_that_occlusion_does_comes_from_where_the_network_looks(found, by_head):
    for influence, kind in ((found, "own"), (by_head, "remote")):
        shares = influence.dataset["increase_share"].sel(joint="left_wrist")
        assert float(shares.sel(covered=kind)) == pytest.approx(100, abs=1e-6)
        assert float(np.abs(shares.drop_sel(covered=kind)).max()) == pytest.approx(0, abs=1e-6)


def test_the_windows_of_a_joint_are_all_of_one_kind_each(found):
    shares = found.dataset["covered_share"].sel(sight="all").sum("covered")
    np.testing.assert_allclose(shares, 100, rtol=1e-6)


def test_a_part_is_hidden_where_half_of_what_is_seen_of_it_is_under_the_window():
    parts = np.zeros((100, 100), np.uint8)
    parts[10:20, 10:20] = 1 + PART_NAMES.index("left_wrist")
    parts[50:52, 50:57] = 1 + PART_NAMES.index("head")  # 14 pixels are too few to be seen
    windows = np.array([[0, 15, 0, 40], [0, 14, 0, 40], [40, 80, 40, 80]])
    hidden, seen = hides(parts, windows)
    assert [PART_NAMES[part] for part in np.flatnonzero(seen)] == ["left_wrist"]
    assert hidden[:, PART_NAMES.index("left_wrist")].tolist() == [True, False, False]


def test_the_nearest_of_what_a_window_touches_decides():
    parts = np.zeros((100, 100), np.uint8)
    for number, name in enumerate(("left_hand", "pelvis", "head")):
        parts[:10, 20 * number : 20 * number + 10] = 1 + PART_NAMES.index(name)
    windows = np.array([[0, 10, 9, 60], [0, 10, 20, 60], [0, 10, 40, 60], [50, 60, 0, 60]])
    seen_from = covers(parts, windows, ("left_wrist", "right_knee", "pelvis", "head_top"))
    assert [[COVERED[kind] for kind in row] for row in seen_from] == [
        ["own", "neighbour", "remote", "background"],
        ["neighbour", "neighbour", "remote", "background"],
        ["own", "own", "neighbour", "background"],
        ["own", "own", "own", "background"],
    ]


def test_every_part_is_in_one_limb():
    assert sorted(name for limb in LIMBS.values() for name in limb) == sorted(PART_NAMES)
    assert relation(PART_NAMES.index("left_hand"), "left_elbow") == "own"
    assert relation(PART_NAMES.index("spine1"), "left_elbow") == "neighbour"
    assert relation(PART_NAMES.index("head"), "left_elbow") == "remote"
    assert relation(PART_NAMES.index("head"), "mean") is None


def test_two_models_differ_in_the_cells_in_which_they_differ(found, by_head):
    frame = difference(found, by_head)
    significant = frame[frame["q"] < 0.05].index
    assert set(significant) == {(part, joint) for part in ("left_elbow", "head") for joint in BENT}
    cell = frame.loc[("left_elbow", "left_wrist"), "difference_mm"]
    assert cell == pytest.approx(float(found.dataset["increase"].sel(part="left_elbow", joint="left_wrist")))


def test_the_file_gives_back_everything(tmp_path, found):
    found.save(tmp_path / "a.h5")
    again = Influence.open(tmp_path / "a.h5")
    assert again.summary() == found.summary()
    assert again.cells().equals(found.cells())
    again.save(tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 24 * 25
    with pytest.raises(UsageError, match=r"\.h5 or \.csv"):
        found.save(tmp_path / "a.txt")


def test_a_run_that_was_stopped_goes_on(tmp_path, by_elbow, found, monkeypatch):
    stop_at = iter([False, True])

    def progress(done, total):
        if next(stop_at):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ot.influence(by_elbow, keep=tmp_path, progress=progress)
    read = []
    monkeypatch.setattr(
        type(by_elbow), "shard", lambda *words: read.append(words) or pytest.fail("read again")
    )
    again = ot.influence(by_elbow, keep=tmp_path)
    assert read == []
    assert again.dataset.identical(found.dataset)


def test_estimated_masks_are_those_of_the_clean_estimate(by_elbow):
    found = ot.influence(by_elbow, masks="estimate")
    assert found.dataset.attrs["masks"] == "estimate"
    assert int(found.dataset["seen_images"].sel(part="pelvis")) == 12


def test_a_network_without_a_body_has_no_estimated_masks(tmp_path, people):
    model = ot.load_regressor(PointNetwork().eval(), name="points", body="joints")
    survey = ot.survey(ot.OcclusionSweep(model, size=112, stride=112), people, out=tmp_path / "survey")
    with pytest.raises(GroundTruthError, match="points gives joints alone"):
        ot.influence(survey, masks="estimate")


def test_a_survey_without_masks_says_what_to_do(tmp_path, people):
    without = painted_people(tmp_path, PAINTED, sequences=1, masks=False)
    survey = pixel_reader_survey(tmp_path / "survey", without, (62, 62))
    with pytest.raises(GroundTruthError, match=r"painted has no part masks; .*--masks estimate"):
        ot.influence(survey)
    with pytest.raises(GroundTruthError, match="no part masks"):
        ot.influence(make_survey(tmp_path / "old"))


def test_one_sequence_has_numbers_but_no_tests(tmp_path):
    survey = pixel_reader_survey(
        tmp_path / "survey", painted_people(tmp_path, PAINTED, sequences=1), (62, 62)
    )
    found = ot.influence(survey)
    assert np.isfinite(found.dataset["increase"].sel(part="left_elbow")).all()
    assert np.isnan(found.dataset["q"]).all()
    assert "1 of the 6 sequences" in found.notes[0]


def test_windows_that_hide_no_part_are_refused(tmp_path):
    large = painted_people(tmp_path, {"spine2": (0, 200, 0, 200)}, sequences=1)
    survey = pixel_reader_survey(tmp_path / "survey", large, (62, 62))
    with pytest.raises(ResultError, match=r"squares of 40 px, 16 px apart, hide half of only 0 %"):
        ot.influence(survey)


def test_errors_are_not_what_hiding_adds(by_elbow):
    with pytest.raises(UsageError, match="give 'increase'"):
        ot.influence(by_elbow, metric="error")
