"""`compare` from the command line: two small models on two people, and everything a user can get wrong."""

import json

import pytest
from click.testing import CliRunner
from support.figure_fixtures import draw_coarsely, fake_maps
from support.screens import rows_on_a_screen
from support.survey_fixtures import make_survey

from occlusion_toolkit.cli.main import cli as program
from occlusion_toolkit.comparison.comparison import Comparison

QUICK = ["--limit", "2", "--stride", "56", "--device", "cpu"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cli):
    """The folder of a finished comparison of two sizes."""
    folder = tmp_path_factory.mktemp("compare")
    words = ["--model", "pare-open", "--model", "hmr-open", "--size", "40,80", "--out", folder, *QUICK]
    assert cli("compare", *words).code == 0
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take most of the time and are tested elsewhere."""
    monkeypatch.setattr(Comparison, "draw", lambda *_: [])


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """The folders of surveys of three models."""
    folder, name = tmp_path_factory.mktemp("three"), "a-model-of-name-{}"
    return [
        make_survey(folder / n, model_card=name.format(n), seed=i, metrics=("mpjpe",)).folder
        for i, n in enumerate("abc")
    ]


@pytest.mark.slow
def test_a_comparison_leaves_numbers_tables_and_pictures(finished):
    written = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    assert {"comparison.json", "models.csv", "differences.csv", "models.tex", "joints.tex"} <= written
    for name in ("bars", "curves", "meshes", "heatmaps", "predictions"):
        assert {f"{name}.png", f"{name}.pdf"} <= written
    assert {"example/pare-open.h5", "surveys/pare-open-40px/mesh.h5"} <= written
    stored = json.loads((finished / "comparison.json").read_text())
    assert [model["name"] for model in stored["models"]] == ["pare-open", "hmr-open"]
    assert stored["sizes_px"] == [40, 80]


@pytest.mark.slow
def test_finished_surveys_are_used_again(finished, cli):
    shards = sorted(finished.rglob("shard-*.h5"))
    before = [path.stat().st_mtime_ns for path in shards]
    words = ["--model", "pare-open", "--model", "hmr-open", "--out", str(finished), "--json", *QUICK]
    code, out, _ = cli("compare", *words)
    assert code == 0
    assert json.loads(out)["columns"][-1] == "mean"
    assert [path.stat().st_mtime_ns for path in shards] == before


@pytest.mark.slow
def test_results_are_compared_without_their_models(finished, tmp_path, cli):
    folders = [str(finished / "surveys" / f"{name}-40px") for name in ("pare-open", "hmr-open")]
    code, out, err = cli("compare", *folders, "--limit", "2", "--out", str(tmp_path / "again"))
    assert code == 0, err
    assert "pare-open minus hmr-open" in out
    one, two = (
        json.loads((folder / "comparison.json").read_text()) for folder in (finished, tmp_path / "again")
    )
    assert one["models"][0]["quantities"] == two["models"][0]["quantities"]


@pytest.mark.slow
def test_another_grid_in_the_same_folder_is_refused(finished, cli):
    words = ["--model", "pare-open", "--model", "hmr-open", "--out", str(finished), "--limit", "2"]
    code, _, err = cli("compare", *words, "--stride", "28", "--device", "cpu")
    assert code == 1
    assert "--out" in err


def test_results_of_other_windows_are_refused_by_name(tmp_path, cli):
    from occlusion_toolkit.sweep.grid import Grid

    one = make_survey(tmp_path / "one", model_card="a")
    other = make_survey(tmp_path / "other", model_card="b", grid=Grid("centred", size=28, stride=56))
    code, _, err = cli("compare", str(one.folder), str(other.folder), "--out", str(tmp_path / "out"))
    assert code == 1
    assert "grid: " in err
    assert not (tmp_path / "out" / "comparison.json").exists()


def test_surveys_of_data_that_is_not_there_are_compared_without_an_example(three, tmp_path, cli):
    folders = three[:2]
    code, out, err = cli("compare", *folders, "--out", str(tmp_path / "out"))
    assert code == 0, err
    assert "no pictures of an example" in err
    assert "a-model-of-name-a minus a-model-of-name-b" in out
    assert (tmp_path / "out" / "meshes.png").is_file()


@pytest.mark.parametrize("models", [2, 3])
def test_the_answer_fits_a_screen_and_all_is_told_where_it_is_asked_for(
    three, undrawn, tmp_path, cli, models
):
    words = ["compare", *three[:models], "--out", tmp_path / "out", "--example", "none"]
    brief = cli(*words)
    assert brief.code == 0, brief.err
    table = [line for line in brief.out.splitlines() if str(tmp_path) not in line]
    assert rows_on_a_screen("\n".join(table)) <= 18  # and folders, whose names are as long as they are
    assert "a-model-of-name-a minus a-model-of-name-b, occluded: " in brief.out
    assert "per joint" not in brief.out
    whole = cli(*words, "--verbose")
    assert whole.code == 0
    assert "per joint" in whole.out


def test_another_comparison_is_replaced_only_where_that_is_asked_for(three, undrawn, tmp_path, cli):
    folders = three
    words = ("--out", tmp_path / "out", "--example", "none")
    assert cli("compare", folders[0], folders[1], *words).code == 0
    before = (tmp_path / "out" / "comparison.json").read_bytes()
    refused = cli("compare", folders[0], folders[2], *words)
    assert refused.code == 1
    assert "a-model-of-name-b; choose another --out, or --overwrite" in refused.err
    assert (tmp_path / "out" / "comparison.json").read_bytes() == before
    assert cli("compare", folders[0], folders[1], *words).code == 0
    assert cli("compare", folders[0], folders[2], *words, "--overwrite").code == 0


def test_heatmaps_of_one_image_are_compared(tmp_path, cli):
    for seed, name in enumerate("ab"):
        fake_maps(name, seed).save(tmp_path / f"{name}.h5")
    words = [str(tmp_path / "a.h5"), str(tmp_path / "b.h5"), "--out", str(tmp_path / "out")]
    code, out, err = cli("compare", *words)
    assert (code, err) == (0, "")
    assert "1 sample of 1 sequence" in out
    assert "No intervals" in out
    assert "nan" not in out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"comparison.json", "heatmaps.png", "predictions.png", "bars.png"} <= written
    assert "meshes.png" not in written


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "Give either"),
        (["--model", "pare-open"], 2, "two or more"),
        (["--model", "pare-open", "--model", "cards/pare-open.yaml"], 2, "same name"),
        (["a"], 2, "two or more"),
        (["a", "b", "--failure-mm", "nan"], 2, "length"),
        (["a", "b", "--report", "."], 2, "is a directory"),
        (["a", "b", "--allow", "weather"], 1, "weather"),
        (["--model", "pare-open", "some-folder"], 2, "Give either"),
        (["a", "b", "--size", "20,40"], 2, "have their sizes"),
        (["--model", "pare-open", "--model", "hmr-open", "--size", "big"], 2, "list of pixels"),
        (["--model", "pare-open", "--model", "hmr-open", "--size", "0"], 2, "hides nothing"),
        (["a", "b"], 1, "holds no survey"),
        (["--model", "pare-open", "--model", "nobody"], 1, "nobody"),
        (["--model", "pare-open", "--model", "hmr-open", "--stride", "9"], 1, "stride"),
        (
            ["--model", "pare-open", "--model", "hmr-open", "--dataset", "3dpw", "--root", "nowhere"],
            1,
            "nowhere",
        ),
    ],
)
def test_wrong_words_are_refused(words, code, message, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, _, err = cli("compare", *words)
    assert found == code
    assert message in err


@pytest.mark.slow
def test_the_example_is_the_hardest_by_the_metric_compared(tmp_path, cli):
    surveys = [make_survey(tmp_path / n, model_card=n, seed=i, images=30) for i, n in enumerate("ab")]
    positions = []
    for pa in ([], ["--pa"]):
        words = [*(survey.folder for survey in surveys), "--out", tmp_path / f"out{pa}", "--json", *pa]
        positions.append(json.loads(cli("compare", *words).out)["example"]["position"])
    metrics = [
        (survey.maps[name].mean("joint").max(("row", "col")) - survey.maps[f"clean_{name}"].mean("joint"))
        for name in ("error", "pa_error")
        for survey in surveys
    ]
    expected = [int((one + other).argmax()) for one, other in (metrics[:2], metrics[2:])]
    assert positions == expected
    assert expected[0] != expected[1]


def test_the_help_names_the_statistics():
    shown = CliRunner().invoke(program, ["compare", "--help"]).output.replace("\u2502", " ")
    assert "sequences as the units" in " ".join(shown.split())
