"""The scripts of analyses/ that measure trained networks."""

import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.drawn_people import draw_cache
from support.training_fixtures import HMR, PARE, tiny_data, tiny_recipe

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.training.run import RunOptions, fit

ANALYSES = Path(__file__).parents[2] / "analyses"


def run(script: str, *words: str) -> list[list[str]]:
    """Rows of the Markdown tables that a script prints, without their heads."""
    main = runpy.run_path(str(ANALYSES / script))["main"]
    printed = CliRunner().invoke(main, words, catch_exceptions=False).output
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines() if line]
    return [row for row in rows if not set("".join(row)) <= {"-"}]


def test_parts_of_the_open_network_overlap_with_those_of_the_true_bodies() -> None:
    head, row = run("part_iou.py", "--limit", "4")
    assert head[-1] == "mean part IoU"
    assert row[:2] == ["pare-open", "4"]
    assert 5 < float(row[2].removesuffix(" %")) < 95


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two recipes, trained for two steps with two seeds."""
    folder = tmp_path_factory.mktemp("ablations")
    cache = draw_cache(load_open_body(), folder / "crops")
    for seed in (1, 2):
        for network in (PARE, HMR):
            recipe = tiny_recipe(network, steps=2, validate_every=2, seed=seed)
            recipe = recipe.model_copy(update={"name": f"tiny-{network['kind']}"})
            fit(recipe, tiny_data(recipe, cache), RunOptions(folder / f"seed-{seed}" / recipe.name))
    return [folder / "seed-1", folder / "seed-2"]


@pytest.mark.slow
def test_ablations_are_means_over_seeds_with_all_pairs_compared(seeds: list[Path]) -> None:
    head, hmr, pare, pairs, pair = run("ablations.py", *map(str, seeds), "--limit", "24")
    assert head[0] == "recipe, 2 seeds"
    assert (hmr[0], hmr[-1]) == ("tiny-hmr", "-")
    assert pare[0] == "tiny-pare"
    assert pare[-1].endswith(" %")
    assert pairs[0] == "pair"
    difference = float(hmr[1].split(" ")[0]) - float(pare[1].split(" ")[0])
    assert pair[0] == "tiny-hmr - tiny-pare"
    assert float(pair[1].split(" ")[0]) == pytest.approx(difference, abs=0.11)
    (alone,) = (row for row in run("ablations.py", str(seeds[0]), "--limit", "24") if row[0] == "tiny-pare")
    assert alone[1] != pare[1]
