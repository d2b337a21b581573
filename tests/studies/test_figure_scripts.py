"""Every script of figures/ draws from stored results alone, and `figure` finds it by its name."""

from pathlib import Path

import pytest
from PIL import Image
from support.figure_fixtures import draw_coarsely, fake_attention, fake_maps, write_fake_log
from support.painted_people import PAINTED, POINTS, model_of_pixel, painted_people, pixel_reader_survey
from support.survey_fixtures import make_survey

import occlusion_toolkit as ot
from occlusion_toolkit.cli.figure import figure_command, figure_scripts
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.files.shipped import shipped

INPUTS = {
    "attention": (["attention.h5"], ["attention.png", "attention.pdf"]),
    "bars": (["comparison"], ["bars.png", "bars.pdf"]),
    "breaking_size": (["breaking_size.h5"], ["breaking_size.png", "breaking_size.pdf"]),
    "confidence": (["confidence.h5"], ["confidence.png", "confidence.pdf"]),
    "curves": (["comparison"], ["curves.png", "curves.pdf"]),
    "heatmaps": (["a.h5"], ["heatmaps.png", "heatmaps.pdf", "summary.png"]),
    "heatmaps_compared": (["a.h5", "b.h5"], ["heatmaps.png", "heatmaps.pdf"]),
    "heatmaps_compared of compare": (["image"], ["heatmaps.png", "heatmaps.pdf"]),
    "influence": (["influence.h5"], ["influence.png", "influence.pdf"]),
    "meshes_compared": (["a", "b/mesh.h5", "--joint", "left_wrist"], ["meshes.png", "meshes.pdf"]),
    "meshes_compared of compare": (["comparison"], ["meshes.png", "meshes.pdf"]),
    "natural": (["natural.h5"], ["natural.png", "natural.pdf"]),
    "predictions_compared": (["a.h5", "b.h5"], ["predictions.png", "predictions.pdf"]),
    "predictions_compared of compare": (["image"], ["predictions.png", "predictions.pdf"]),
    "reversals": (["reversals.h5"], ["reversals.png", "reversals.pdf"]),
    "sensitivity_meshes": (["a"], ["mesh.png", "mesh.pdf", "mesh_mean.png", "mesh_mean.pdf"]),
    "synthetic_people": ([str(shipped("open-test"))], ["synthetic_people.jpg"]),
    "worst_pair": (["worst_pair.h5"], ["worst_pair.png", "worst_pair.pdf"]),
    "training_curves": (["run"], ["training_curves.png", "training_curves.pdf"]),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    draw_coarsely(monkeypatch)


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """A folder with results of two models, their comparison, and attention."""
    folder = tmp_path_factory.mktemp("stored")
    surveys = []
    for seed, name in enumerate("ab"):
        surveys.append(make_survey(folder / name, model_card=name, seed=seed, images=16, sequences=8))
        fake_maps(name, seed).save(folder / f"{name}.h5")
    compare(*surveys, meshes=True).save(folder / "comparison")
    compare(folder / "a.h5", folder / "b.h5").save(folder / "image")
    fake_attention().save(folder / "attention.h5")
    write_fake_log(folder / "run")
    people = painted_people(folder, PAINTED, points=POINTS, sequences=6)
    survey = pixel_reader_survey(folder / "painted", people, (62, 62), stride=32)
    for analysis in ("influence", "reversals", "natural", "confidence"):
        getattr(ot, analysis)(survey).save(folder / f"{analysis}.h5")
    reader = survey.sweep(model_of_pixel((62, 62)), stride=112, size=57)
    ot.breaking_size(reader, people, sizes=(41, 57)).save(folder / "breaking_size.h5")
    ot.worst_pair(reader, people, beam=1).save(folder / "worst_pair.h5")
    return folder


@pytest.mark.parametrize("name", INPUTS)
def test_every_script_draws_from_stored_results(name, stored, tmp_path, cli):
    words, written = INPUTS[name]
    out = tmp_path / "new" / "folder"
    words = [str(stored / word) if (stored / word).exists() else word for word in words]
    ran = cli("figure", name.split()[0], *words, "--out", out)
    assert ran.code == 0, ran.err
    assert ran.out.split() == [str(out / file) for file in written]
    for path in map(Path, ran.out.split()):
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")
        else:
            with Image.open(path) as picture:
                assert min(picture.size) > 300


def test_every_script_is_tried_here():
    assert {name.split()[0] for name in INPUTS} == set(figure_scripts())


@pytest.mark.parametrize("name", figure_scripts())
def test_every_figure_is_listed_with_what_it_draws(name, cli):
    (line,) = (line for line in cli("figure").out.splitlines() if line.split()[0] == name)
    assert line.endswith((".", ":", "…")), line
    page = next(iter(figure_scripts().values())).parent / "README.md"
    assert f"`{name}.py`" in page.read_text()


WRONG = {
    "no such figure": (["barz", "x"], 2, "Did you mean bars?"),
    "no result": (["bars"], 2, "RESULT"),
    "a result that is not there": (["bars", "nowhere"], 1, "nowhere"),
    "a result of another kind": (["attention", "{stored}/a.h5"], 1, "maps"),
    "one model twice": (["heatmaps_compared", "{stored}/a.h5", "{stored}/a.h5"], 1, "given twice"),
    "a joint that is not there": (
        ["meshes_compared", "{stored}/a", "{stored}/b", "--joint", "tail"],
        1,
        "tail",
    ),
    "a quantity that is not there": (["bars", "{stored}/comparison", "--quantity", "joy"], 1, "joy"),
    "a folder that is a file": (["bars", "{stored}/comparison", "--out", "{stored}/a.h5"], 1, "a.h5"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_end_in_one_clear_line(case, stored, cli):
    words, code, hint = WRONG[case]
    ran = cli("figure", *(word.format(stored=stored) for word in words))
    assert ran.code == code
    assert hint in ran.err


def test_a_figure_explains_itself(cli):
    ran = cli("figure", "meshes_compared", "--help")
    assert ran.code == 0
    assert "--joint" in ran.out
    assert figure_command("bars").help
