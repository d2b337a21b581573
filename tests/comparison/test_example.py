"""The example is the image that its rule names, and its heatmaps are those of the surveys."""

from pathlib import Path

import numpy as np
import pytest
from support.survey_fakes import fake_sweep, some_people
from support.survey_fixtures import make_survey

from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.example import example_file
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.surveys.run import survey


def per_image(surveys, metric: str, reduced) -> np.ndarray:
    """A number per image, averaged over surveys."""
    return np.mean([reduced(one.maps, metric) for one in surveys], axis=0)


def added(maps, metric: str) -> np.ndarray:
    """What the worst window adds to the clean error."""
    worst = maps[metric].mean("joint").max(("row", "col"))
    return np.asarray(worst - maps[f"clean_{metric}"].mean("joint") if "error" in metric else worst)


def test_the_hardest_image_gains_most_under_its_worst_window_by_the_metric_compared(tmp_path):
    surveys = [make_survey(tmp_path / str(n), model_card=str(n), seed=n, images=30) for n in range(2)]
    chosen = []
    for metric in ("error", "pa_error", "displacement"):
        chosen.append(compare(*surveys, metric=metric).example.position)
        assert chosen[-1] == per_image(surveys, metric, added).argmax(), metric
    assert chosen[0] != chosen[1]


def test_the_typical_image_is_nearest_to_the_median(tmp_path):
    surveys = [make_survey(tmp_path / str(n), model_card=str(n), seed=n) for n in range(2)]
    means = per_image(surveys, "error", lambda maps, name: maps[name].mean(("joint", "row", "col")).values)
    chosen = compare(*surveys, example="typical").example
    assert chosen.rule == "typical"
    assert abs(means[chosen.position] - np.median(means)) == np.abs(means - np.median(means)).min()


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Two sweeps, their surveys of two people, and their comparison."""
    people, sweeps = some_people(2), [fake_sweep(seed) for seed in range(2)]
    folder = tmp_path_factory.mktemp("surveys")
    surveys = [survey(sweep, people, out=folder / str(n)) for n, sweep in enumerate(sweeps)]
    return sweeps, surveys, compare(*surveys)


def test_heatmaps_of_the_example_are_those_of_the_surveys(compared, tmp_path):
    sweeps, surveys, comparison = compared
    found = comparison.sweep_example(sweeps=sweeps)  # the data set is found by its name
    position = comparison.example.position
    for one, maps in zip(surveys, found.values(), strict=True):
        stored = one.maps.isel(image=position)
        np.testing.assert_allclose(maps.sel(metric="error"), stored["error"], atol=0.01)
        np.testing.assert_allclose(maps.clean("error")[0], stored["clean_error"], atol=0.01)
    comparison.save(tmp_path)
    again = Comparison.open(tmp_path)
    for name, maps in again.maps.items():
        np.testing.assert_array_equal(maps["error"], found[name]["error"])


def test_the_example_is_named_by_sequence_and_frame(compared):
    _, surveys, comparison = compared
    sample = some_people(2)[comparison.example.position]
    assert comparison.example.title == f"{sample.sequence}, frame {sample.frame}"
    (maps, *_) = comparison.sweep_example(sweeps=compared[0]).values()
    assert str(maps.dataset["file"].values[0]) == f"{sample.sequence}/{sample.image_path.name}"
    assert surveys[0].maps["sequence"].values[comparison.example.position] == sample.sequence


def test_people_of_another_list_are_refused_and_the_whole_of_the_same_one_is_thinned(compared):
    sweeps, surveys, _ = compared
    with pytest.raises(DatasetError, match="same data set"):
        compare(*surveys).sweep_example(some_people(3), sweeps=sweeps)
    assert compare(*surveys).sweep_example(open_dataset("open"), sweeps=sweeps)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("pare-open", "pare-open.h5"),
        ("../../etc/passwd", "_.._etc_passwd.h5"),
        ("a (12345678)", "a_12345678_.h5"),
        (".hidden", "hidden.h5"),
    ],
)
def test_names_of_models_stay_inside_the_folder(model, name):
    assert example_file(Path("folder"), model) == Path("folder") / "example" / name
