"""The scripts of analyses/ that measure trained networks."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.spatial.transform import Rotation
from support.drawn_people import draw_cache
from support.painted_people import PAINTED, painted_people, pixel_reader_survey
from support.survey_fixtures import make_survey
from support.training_fixtures import HMR, PARE, tiny_data, tiny_recipe

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.errors import UsageError
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


LOOKING_ALONG_Z = """<calibration><cameras>
<camera><transform x="0" y="0" z="-4000"
 r11="1" r12="0" r13="0" r21="0" r22="-1" r23="0" r31="0" r32="0" r33="-1"/>
<intrinsic focalLengthU="64000" focalLengthV="64000" centerPointU="32000" centerPointV="64000"/></camera>
</cameras></calibration>"""


def test_a_calibration_of_qualisys_looks_along_its_optical_axis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ANALYSES)
    views = runpy.run_path(str(ANALYSES / "calibrated_views.py"))
    (tmp_path / "Calib.qca.txt").write_text(LOOKING_ALONG_Z)
    cameras = views["projections"](tmp_path / "Calib.qca.txt")
    ahead, right_and_down = views["project"](np.array([[0.0, 0, 0], [1.0, 0.5, 0]]), cameras)[0]
    np.testing.assert_allclose(ahead, [500, 1000])
    np.testing.assert_allclose(right_and_down, [750, 1125])


def test_a_view_that_contradicts_three_others_hardly_moves_a_joint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ANALYSES)
    views = runpy.run_path(str(ANALYSES / "calibrated_views.py"))
    place, cameras = np.array([0.1, -0.2, 0.3]), []
    for degrees in (0, 40, 80, 120):
        turn = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
        lens = np.array([[1500.0, 0, 540], [0, 1500, 960], [0, 0, 1]])
        cameras.append(lens @ np.concatenate([turn, [[0], [0], [4]]], axis=1))
    seen = views["project"](place, np.array(cameras))
    np.testing.assert_allclose(views["triangulate"](seen, np.array(cameras)), place, atol=1e-6)
    seen[2] += 200  # 40 cm at its distance
    assert np.linalg.norm(views["triangulate"](seen, np.array(cameras)) - place) < 0.03


def test_meshes_need_larger_differences_for_stricter_levels_and_more_sequences_for_smaller_ones(
    tmp_path: Path,
) -> None:
    for seed, name in enumerate("ab"):
        survey = make_survey(tmp_path / name, model_card=name, seed=seed, images=16, sequences=8)
        survey.mesh().save(tmp_path / name / "mesh.h5")
    folders = (str(tmp_path / "a"), str(tmp_path / "b"))
    lines = [row[0] for row in run("mesh_power.py", *folders, "--effect", "2", "--effect", "4")]
    values = {name: float(told.split(" ")[0]) for name, told in (line.split(": ") for line in lines)}
    assert values["found with 80 % at p < 0.005, mm"] > values["found with 80 % at p < 0.05, mm"]
    few, many = (values[f"sequences that must show a vertex for {size} mm"] for size in (4, 2))
    assert many == pytest.approx(4 * few, rel=0.02)


def test_a_body_turns_by_the_angle_that_its_joints_do_wherever_it_stands() -> None:
    turns = runpy.run_path(str(ANALYSES / "what_turns_bodies.py"))
    clean = np.random.default_rng(0).normal(size=(14, 3))
    around = [Rotation.from_euler("y", angle, degrees=True).apply(clean) + angle for angle in (0, 20, 170)]
    np.testing.assert_allclose(turns["angles_degrees"](clean, np.array(around)), [0, 20, 170], atol=1e-5)


def test_a_body_turns_most_where_the_only_part_that_is_looked_at_is_hidden(tmp_path: Path) -> None:
    people = painted_people(tmp_path, PAINTED)
    pixel_reader_survey(tmp_path / "elbow", people, (62, 62), stride=32)
    head, worst, *others, second, errors = run("what_turns_bodies.py", str(tmp_path / "elbow"))
    assert head == ["hidden part", "elbow, degrees"]
    assert worst[0] == "left_elbow"
    assert int(worst[1]) > 0
    assert dict(others) == {"head": "0", "right_foot": "0"}
    assert second[0] == "clean error, mm"
    assert sum(int(cell.split("(")[1].split(" ")[0]) for cell in errors[1:]) == len(people)


def test_what_turns_bodies_is_unknown_without_part_masks(tmp_path: Path) -> None:
    pixel_reader_survey(
        tmp_path / "elbow", painted_people(tmp_path, PAINTED, masks=False), (62, 62), stride=32
    )
    with pytest.raises(UsageError, match="no part masks"):
        run("what_turns_bodies.py", str(tmp_path / "elbow"))
