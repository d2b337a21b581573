"""The analyses of surveys from the command line, and what a user can get wrong."""

import json
import shutil

import pytest
from support.figure_fixtures import draw_coarsely
from support.painted_people import PAINTED, POINTS, painted_people, pixel_reader_survey
from support.screens import rows_on_a_screen
from support.survey_fixtures import make_survey

import occlusion_toolkit as ot
from occlusion_toolkit.confidences import run as confidence

COMMANDS = ("influence", "reversals", "natural", "confidence")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)
    monkeypatch.setattr(confidence, "RESAMPLES", 99)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Surveys of two regressors that look at other places, and of one without masks."""
    folder = tmp_path_factory.mktemp("surveys")
    people = painted_people(folder, PAINTED, points=POINTS, sequences=6)
    for name, pixel in (("elbow", (62, 62)), ("head", (20, 170))):
        pixel_reader_survey(folder / name, people, pixel, name, stride=32)
    make_survey(folder / "bare")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_two_surveys_leave_numbers_a_table_and_a_picture(stored, tmp_path, cli, command):
    ran = cli(command, stored / "elbow", stored / "head", "--out", tmp_path)
    assert ran.code == 0, ran.err
    written = {path.name for path in tmp_path.iterdir()}
    extra = {"differences.csv"} if command == "influence" else set()
    expected = {f"{command}.png", f"{command}.pdf", f"{command}.csv", "elbow.h5", "head.h5"} | extra
    assert written == expected  # and nothing unfinished
    assert f"{tmp_path}/" in ran.out
    assert rows_on_a_screen(ran.out) <= 24
    table = (tmp_path / f"{command}.csv").read_text()
    assert "elbow" in table
    assert "head" in table


@pytest.mark.parametrize("command", COMMANDS)
def test_another_result_is_replaced_only_where_that_is_asked_for(stored, tmp_path, cli, command):
    words = (command, stored / "elbow", "--out", tmp_path)
    first = cli(*words)
    assert rows_on_a_screen(first.out) <= 24 + 10  # a line for each of smpl24, of which lsp14 has 14
    again = cli(*words, "--verbose")
    assert (first.code, again.code) == (0, 0)  # the same again
    assert str(tmp_path / f"{command}.csv") in again.out
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refused = cli(command, stored / "head", "--out", tmp_path)
    assert refused.code == 1
    assert f"holds another result, {command}.csv; choose another --out, or --overwrite" in refused.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert cli(command, stored / "head", "--out", tmp_path, "--overwrite").code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_what_the_function_says(stored, tmp_path, cli, command):
    ran = cli(command, stored / "elbow", "--json", "--out", tmp_path)
    assert ran.code == 0, ran.err
    expected = getattr(ot, command)(stored / "elbow").summary()
    assert json.loads(ran.out)["models"]["elbow"] == json.loads(json.dumps(expected))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("influence", "open has no part masks"),
        ("reversals", "no joints under every window"),
        ("natural", "does not tell which joints are hidden"),
        ("confidence", "holds no confidence"),
    ],
)
def test_what_a_survey_lacks_is_said_in_one_line(stored, tmp_path, cli, command, says):
    ran = cli(command, stored / "bare", "--out", tmp_path)
    assert ran.code == 1
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_survey_that_an_older_toolkit_made_is_refused(stored, tmp_path, cli, command):
    shutil.copytree(stored / "elbow", tmp_path / "old")
    manifest = tmp_path / "old" / "survey.json"
    manifest.write_text(manifest.read_text().replace('"version": 3', '"version": 2'))
    ran = cli(command, tmp_path / "old", "--out", tmp_path / "out")
    assert ran.code == 1
    assert "of another version of the toolkit" in ran.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_survey_that_is_not_there_and_one_given_twice_are_refused(stored, tmp_path, cli, command):
    assert "nowhere" in cli(command, tmp_path / "nowhere", "--out", tmp_path).err
    ran = cli(command, stored / "elbow", stored / "elbow", "--out", tmp_path)
    assert ran.code == 1
    assert "given twice" in ran.err
    assert cli(command).code == 2
