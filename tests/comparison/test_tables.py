"""Tables say what the comparison holds: every number, the best in bold, marks only where they are due."""

import csv
import io
import re

import numpy as np
import pytest
from support.survey_fixtures import make_survey

from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.comparison.tables import (
    cells,
    explanation,
    joints_latex,
    joints_table,
    models_latex,
    pair_table,
    tables,
)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory) -> Comparison:
    folder = tmp_path_factory.mktemp("surveys")
    surveys = [
        make_survey(folder / str(seed), model_card=name, seed=seed, images=40, sequences=10)
        for seed, name in enumerate(("pare", "hmr_x", "100%_&"))
    ]
    return compare(*surveys)


def with_q(comparison: Comparison, value: float) -> Comparison:
    """The comparison with every adjusted p-value replaced."""
    pairs = [
        pair.model_copy(
            update={
                "differences": {
                    name: found.model_copy(update={"q": (value,) * len(found.q)})
                    for name, found in pair.differences.items()
                }
            }
        )
        for pair in comparison.pairs
    ]
    return comparison.model_copy(update={"pairs": tuple(pairs)})


def test_the_csv_holds_every_number(comparison):
    rows = list(csv.DictReader(io.StringIO(tables(comparison)["models.csv"])))
    assert len(rows) == len(comparison.models) * len(comparison.quantities) * len(comparison.columns)
    by_key = {(row["model"], row["quantity"], row["joint"]): row for row in rows}
    for model in comparison.models:
        for name, interval in model.quantities.items():
            for joint, mean in zip(comparison.columns, interval.mean, strict=True):
                assert float(by_key[model.name, name, joint]["mean"]) == pytest.approx(mean, rel=1e-5)


def test_the_csv_of_differences_holds_every_pair(comparison):
    rows = list(csv.DictReader(io.StringIO(tables(comparison)["differences.csv"])))
    assert {(row["first"], row["second"]) for row in rows} == {
        (pair.first, pair.second) for pair in comparison.pairs
    }
    assert len(rows) == 3 * len(comparison.quantities) * len(comparison.columns)


@pytest.mark.parametrize("joint", ["left_wrist", "mean"])
def test_exactly_the_smallest_is_best(comparison, joint):
    found = cells(comparison, "occluded", joint)
    assert [cell.best for cell in found] == [cell.mean == min(c.mean for c in found) for cell in found]


def test_marks_are_given_where_the_difference_is_significant_and_only_there(comparison):
    for q, marked in ((0.049, True), (0.05, False)):
        for cell in cells(with_q(comparison, q), "worst", "mean"):
            assert cell.worse == (marked and not cell.best)


def test_equal_models_have_no_best(comparison):
    equal = comparison.model_copy(
        update={
            "models": tuple(
                model.model_copy(update={"quantities": comparison.models[0].quantities})
                for model in comparison.models
            )
        }
    )
    assert not any(cell.best for cell in cells(equal, "clean", "mean"))


def test_latex_escapes_names_and_has_a_row_per_model(comparison):
    text = models_latex(comparison)
    assert r"100\%\_\&" in text
    assert r"hmr\_x" in text
    assert text.count(r"\textbf") == sum(
        any(cell.best for cell in cells(comparison, quantity.name, "mean"))
        for quantity in comparison.quantities
    )
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(comparison.quantities)}


def test_latex_per_joint_ends_with_the_mean_below_a_rule(comparison):
    lines = joints_latex(comparison, "occluded").splitlines()
    end = lines.index(r"\bottomrule")
    assert lines[end - 2] == r"\midrule"
    assert lines[end - 1].startswith("mean & ")
    assert "left wrist" in "".join(lines)


def test_latex_explains_its_marks_in_print(comparison):
    note = models_latex(comparison).splitlines()[-1]
    assert "$^{*}$: significantly larger" in note
    assert "$<$ 0.05" in note
    assert r"95 \% intervals" in note


def test_latex_has_true_minus_signs(comparison):
    lower = comparison.model_copy(
        update={
            "models": tuple(
                model.model_copy(
                    update={
                        "quantities": {
                            name: found.model_copy(update={"mean": tuple(-1.0 for _ in found.mean)})
                            for name, found in model.quantities.items()
                        }
                    }
                )
                for model in comparison.models
            )
        }
    )
    assert "& $-$1.0" in models_latex(lower)
    assert " -1.0" not in models_latex(lower)


def test_the_explanation_says_what_the_units_of_the_statistics_are(comparison):
    text = explanation(comparison)
    assert "40 samples" in text
    assert "10 sequences" in text
    assert "error" in text


def test_the_tables_of_texts_name_every_model_joint_and_test(comparison):
    table, joints = comparison.table(), joints_table(comparison)
    assert list(table.columns) == list(joints.columns) == ["pare", "hmr_x", "100%_&"]
    assert "left wrist" in joints.index
    assert list(pair_table(comparison, comparison.pairs[0]).index) == list(table.index)
    best = min(model.quantities["occluded"].mean[-1] for model in comparison.models)
    shown = table.loc["occluded [mm]"]
    assert [f"{best:.1f}•" in text for text in shown].count(True) == 1
    assert all(re.fullmatch(r"[\d.]+[•* ] \[[\d.]+,\s[\d.]+\]", text) for text in shown)
    assert "<table" in comparison._repr_html_()


def test_differences_are_numbers(comparison):
    frame = comparison.differences()
    row = frame[(frame["quantity"] == "worst") & (frame["joint"] == "mean")].iloc[0]
    assert row["first_minus_second"] == comparison.pairs[0].differences["worst"].interval.mean[-1]
    assert np.isfinite(frame["q_over_joints"]).all()


def test_a_file_has_what_its_suffix_says(comparison, tmp_path):
    for name, found in (("t.csv", "model,quantity"), ("t.tex", "toprule"), ("t.json", '"comparison"')):
        comparison.save(tmp_path / name)
        assert found in (tmp_path / name).read_text()
