"""The example is the image that its rule names, and its heatmaps are those of the surveys."""

from pathlib import Path

import numpy as np
import pytest
import torch
from occlusion_toolkit.sweep.results import read_heatmap
from support.survey_fakes import FakeSource, no_files, some_people
from support.survey_fixtures import make_survey

from occlusion_toolkit.comparison.example import (
    choose_example,
    example_file,
    example_heatmap,
    example_heatmaps,
)
from occlusion_toolkit.errors import DatasetError, UsageError
from occlusion_toolkit.surveys.run import run_survey

CPU = torch.device("cpu")


def per_image(surveys, read) -> np.ndarray:
    """A number per image, averaged over surveys."""
    return np.mean([np.concatenate([read(shard) for shard in survey.shards()]) for survey in surveys], axis=0)


@pytest.mark.parametrize("truth", [True, False])
def test_the_hardest_image_gains_most_under_its_worst_window(tmp_path, truth):
    surveys = [make_survey(tmp_path / str(n), model_card=str(n), seed=n, truth=truth) for n in range(2)]
    read_out = "error" if truth else "displacement"

    def added(shard):
        worst = shard.values(read_out).mean(axis=1).reshape(len(shard.images), -1).max(axis=1)
        return worst - shard.clean_error_mm.mean(axis=1) if truth else worst

    assert choose_example(surveys, "hardest", read_out) == per_image(surveys, added).argmax()


def test_the_typical_image_is_nearest_to_the_median(tmp_path):
    surveys = [make_survey(tmp_path / str(n), model_card=str(n), seed=n) for n in range(2)]
    means = per_image(surveys, lambda shard: shard.values("error").mean(axis=(1, 2, 3)))
    chosen = choose_example(surveys, "typical", "error")
    assert abs(means[chosen] - np.median(means)) == np.abs(means - np.median(means)).min()


def test_heatmaps_of_the_example_are_those_of_the_surveys(tmp_path):
    people, sources = some_people(2), {"one": FakeSource(0), "two/..": FakeSource(1)}
    surveys = {
        name: run_survey(source, people, no_files(), tmp_path / str(source.seed))
        for name, source in sources.items()
    }
    found = example_heatmaps(surveys, sources, people, 1, no_files(), CPU, tmp_path / "example")
    for name, survey in surveys.items():
        (shard,) = survey.shards()
        maps = found[name].of("lsp14")
        np.testing.assert_allclose(maps.error_mm, shard.error_mm[1], atol=0.01)
        np.testing.assert_allclose(maps.clean_error_mm, shard.clean_error_mm[1], atol=0.01)
        stored = read_heatmap(example_file(tmp_path / "example", name))
        np.testing.assert_array_equal(stored.of("lsp14").error_mm, maps.error_mm)


def test_people_of_another_list_are_refused(tmp_path):
    source = FakeSource()
    survey = run_survey(source, some_people(2), no_files(), tmp_path / "survey")
    with pytest.raises(DatasetError, match="same data set"):
        example_heatmaps({"a": survey}, {"a": source}, some_people(3), 0, no_files(), CPU, tmp_path)


def test_a_position_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="no image 2"):
        example_heatmap(FakeSource()(CPU), no_files(), some_people(2), 2, "lsp14")


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
    assert example_file(Path("folder"), model) == Path("folder") / name
