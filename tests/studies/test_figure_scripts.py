"""Every script of figures/ draws from stored results alone, and `figure` finds it by its name."""

from pathlib import Path

import pytest
from occlusion_toolkit.attention_maps.result import write_attention
from occlusion_toolkit.meshes.run import make_mesh
from occlusion_toolkit.sweep.results import write_heatmap
from PIL import Image
from support.figure_fixtures import draw_coarsely, fake_attention, fake_heatmap, write_fake_log
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.cli.figure import figure_command, figure_scripts
from occlusion_toolkit.cli.main import main
from occlusion_toolkit.comparison.comparison import compare_surveys
from occlusion_toolkit.comparison.record import record
from occlusion_toolkit.comparison.stored import write_comparison
from occlusion_toolkit.files.shipped import shipped

INPUTS = {
    "attention": (["attention.h5"], ["attention.png", "attention.pdf"]),
    "bars": (["comparison"], ["bars.png", "bars.pdf"]),
    "curves": (["comparison"], ["curves.png", "curves.pdf"]),
    "heatmaps": (["a.h5"], ["heatmaps.png", "heatmaps.pdf", "summary.png"]),
    "heatmaps_compared": (["a.h5", "b.h5"], ["heatmaps.png", "heatmaps.pdf"]),
    "meshes_compared": (["a", "b/mesh.h5", "--joint", "left_wrist"], ["meshes.png", "meshes.pdf"]),
    "predictions_compared": (["a.h5", "b.h5"], ["predictions.png", "predictions.pdf"]),
    "sensitivity_meshes": (["a"], ["mesh.png", "mesh.pdf", "mesh_mean.png", "mesh_mean.pdf"]),
    "synthetic_people": ([str(shipped("open-test"))], []),
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
        make_mesh(surveys[-1], Bodies(), folder / name)
        write_heatmap(folder / f"{name}.h5", fake_heatmap(name, seed))
    (folder / "comparison").mkdir()
    write_comparison(
        folder / "comparison" / "comparison.json", record(compare_surveys(surveys), surveys, folder)
    )
    write_attention(folder / "attention.h5", fake_attention())
    write_fake_log(folder / "run")
    return folder


def run(*words: str) -> int:
    """Exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        main(["figure", *words])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", figure_scripts())
def test_every_script_draws_from_stored_results(name, stored, tmp_path, capsys):
    given, written = INPUTS[name]
    out = tmp_path / ("sheet.jpg" if name == "synthetic_people" else "new/folder")
    words = [str(stored / word) if (stored / word).exists() else word for word in given]
    assert run(name, *words, "--out", str(out)) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [str(out / file) for file in written] or printed == [str(out)]
    for path in map(Path, printed):
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")
        else:
            with Image.open(path) as picture:
                assert min(picture.size) > 300


@pytest.mark.parametrize("path", figure_scripts().values(), ids=figure_scripts())
def test_every_script_is_short(path):
    assert len(path.read_text().splitlines()) < 80


@pytest.mark.parametrize("name", figure_scripts())
def test_every_figure_is_listed_with_what_it_draws(name, capsys):
    assert run() == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.split()[0] == name)
    assert line.endswith((".", ":")), line
    page = next(iter(figure_scripts().values())).parent / "README.md"
    assert f"`{name}.py`" in page.read_text()


WRONG = {
    "no such figure": (["barz", "x"], 2, "Did you mean bars?"),
    "no result": (["bars"], 2, "RESULT"),
    "a result that is not there": (["bars", "nowhere"], 1, "nowhere"),
    "a result of another kind": (["attention", "{stored}/a.h5"], 1, "heatmap"),
    "one model twice": (["heatmaps_compared", "{stored}/a.h5", "{stored}/a.h5"], 1, "two results"),
    "a joint that is not there": (
        ["meshes_compared", "{stored}/a", "{stored}/b", "--joint", "tail"],
        1,
        "tail",
    ),
    "a quantity that is not there": (["bars", "{stored}/comparison", "--quantity", "joy"], 1, "joy"),
    "a folder that is a file": (["bars", "{stored}/comparison", "--out", "{stored}/a.h5"], 1, "a.h5"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_end_in_one_clear_line(case, stored, capsys):
    words, code, hint = WRONG[case]
    assert run(*(word.format(stored=stored) for word in words)) == code
    assert hint in capsys.readouterr().err


def test_a_figure_explains_itself(capsys):
    assert run("meshes_compared", "--help") == 0
    assert "--joint" in capsys.readouterr().out
    assert figure_command("bars").help
