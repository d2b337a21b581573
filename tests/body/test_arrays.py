import dataclasses
from typing import Any

import numpy as np
import pytest
from support.body_fixtures import random_people

from occlusion_toolkit.body.arrays import VERTEX_NAMES, BodyArrays, require_topology
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import H36M17, LSP14, SMPL24
from occlusion_toolkit.body.open_body import open_body_arrays
from occlusion_toolkit.errors import BodyModelError, TopologyError


def small_body(**changes: Any) -> BodyArrays:
    """Thirty vertices that belong to nothing in particular, with the given fields replaced."""
    rng = np.random.default_rng(0)
    count = 30
    weights, regressor = rng.random((count, 24)), rng.random((24, count))
    fields: dict[str, Any] = {
        "topology": "toy-30",
        "v_template": rng.normal(size=(count, 3)),
        "shapedirs": rng.normal(size=(count, 3, 10)),
        "posedirs": rng.normal(size=(count, 3, 207)),
        "joint_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "faces": rng.integers(0, count, (40, 3)),
        "vertex_ids": {name: i for i, name in enumerate(VERTEX_NAMES)},
    }
    return BodyArrays(**(fields | changes))


def test_any_vertex_count_makes_a_working_body() -> None:
    model = BodyModel(small_body())
    assert model(random_people(2, seed=0)).vertices.shape == (2, 30, 3)
    assert (model.num_vertices, model.topology) == (30, "toy-30")


def test_more_than_ten_shape_directions_are_cut_to_ten() -> None:
    arrays = small_body()
    extra = np.random.default_rng(1).normal(size=(30, 3, 290))
    longer = dataclasses.replace(arrays, shapedirs=np.concatenate([arrays.shapedirs, extra], axis=-1))
    people = random_people(3, seed=1)
    expected, found = BodyModel(arrays)(people), BodyModel(longer)(people)
    np.testing.assert_array_equal(found.vertices.numpy(), expected.vertices.numpy())


def test_parts_default_to_the_largest_weight() -> None:
    arrays = small_body()
    np.testing.assert_array_equal(BodyModel(arrays).vertex_parts.numpy(), arrays.weights.argmax(axis=1))


def test_body_without_h36m_regressor_still_has_its_own_joints() -> None:
    model = BodyModel(small_body())
    people = random_people(2, seed=2)
    assert model.joints(people, SMPL24).shape == (2, 24, 3)
    for joint_set in (H36M17, LSP14):
        with pytest.raises(BodyModelError, match=r"toy-30.*H36M regressor"):
            model.joints(people, joint_set)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v_template": np.zeros((30, 2))}, r"v_template has shape \(30, 2\)"),
        ({"shapedirs": np.zeros((30, 3, 4))}, r"shapedirs has shape \(30, 3, 4\), not \(30, 3, 10\)"),
        ({"posedirs": np.zeros((30, 3, 0))}, r"posedirs has shape .* not \(30, 3, 207\)"),
        ({"weights": np.zeros((30, 24))}, "rows of weights do not sum to one"),
        ({"joint_regressor": np.zeros((24, 6890))}, r"joint_regressor has shape \(24, 6890\)"),
        ({"h36m_regressor": np.zeros((17, 6890))}, r"h36m_regressor has shape \(17, 6890\), not \(17, 30\)"),
        ({"v_template": np.full((30, 3), np.nan)}, "v_template has values that are not finite"),
        ({"faces": np.array([[0, 1, 30]])}, r"faces has indices outside 0\.\.29"),
        ({"mirror": np.full(30, -1)}, "mirror has indices outside"),
        ({"vertex_parts": np.full(30, 24)}, r"vertex_parts has indices outside 0\.\.23"),
        ({"parents": np.arange(24) - 1}, "24-joint tree"),
        ({"vertex_ids": {"nose": 0}}, "vertex_ids lack reye, leye"),
        ({"vertex_ids": dict.fromkeys(VERTEX_NAMES, 332)}, r"vertex_ids of nose.*outside 0\.\.29"),
    ],
)
def test_unusable_arrays_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BodyModelError, match=message):
        small_body(**changes)


def test_every_problem_is_listed_at_once() -> None:
    with pytest.raises(BodyModelError, match=r"weights has shape .*; parents has shape"):
        small_body(weights=np.zeros((29, 24)), parents=np.zeros(23, int))


def test_equal_topologies_pass_and_unequal_ones_name_both() -> None:
    open_body = open_body_arrays().topology
    require_topology(open_body, open_body, "the regressor 'pare'")
    with pytest.raises(
        TopologyError, match=f"the regressor 'pare' belongs to the body 'smpl-6890'.*{open_body}"
    ):
        require_topology(open_body, "smpl-6890", "the regressor 'pare'")
