"""The shipped body and wardrobe as data: geometry, symmetry, labels, regressors, size."""

import itertools
from importlib import resources

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from support.body_fixtures import random_people

from occlusion_toolkit.body.arrays import BodyArrays
from occlusion_toolkit.body.joints import H36M17, LSP14, SMPL24
from occlusion_toolkit.body.open_body import (
    OPEN_BODY_TOPOLOGY,
    dense_weights,
    load_open_body,
    open_body_arrays,
)
from occlusion_toolkit.body.parts import NUM_PARTS, face_parts, part_colours
from occlusion_toolkit.errors import BodyModelError

Points = NDArray[np.float64]
FLIP_X = np.array([-1.0, 1.0, 1.0])
GARMENTS = ("tights", "skirt", "hair", "left_eye", "right_eye")


@pytest.fixture(scope="module")
def arrays() -> BodyArrays:
    return open_body_arrays()


@pytest.fixture(scope="module")
def wardrobe() -> dict[str, NDArray[np.generic]]:
    path = resources.files("occlusion_toolkit.open_world") / "data" / "wardrobe.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        return dict(archive)


def face_normals(vertices: Points, faces: NDArray[np.integer]) -> Points:
    """Normals (..., F, 3) with the length of twice the area."""
    corner = vertices[..., faces, :]
    return np.cross(corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :])


def volume(vertices: Points, faces: NDArray[np.integer]) -> float:
    """Litres inside the surface."""
    return float(1000 * (vertices[faces[:, 0]] * face_normals(vertices, faces)).sum() / 6)


def height(vertices: Points) -> float:
    return float(np.ptp(vertices[:, 1]))


def random_bodies(arrays: BodyArrays, count: int) -> Points:
    betas = np.random.default_rng(0).normal(size=(count, 10))
    return arrays.v_template + np.einsum("vdk,nk->nvd", arrays.shapedirs, betas)


def test_topology_is_named_and_cannot_be_taken_for_smpl(arrays: BodyArrays) -> None:
    assert arrays.topology == OPEN_BODY_TOPOLOGY
    assert arrays.num_vertices == 6000 != 6890
    assert arrays.faces.shape == (11996, 3)


def test_surface_is_watertight_and_of_genus_zero(arrays: BodyArrays) -> None:
    faces = arrays.faces
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = {(int(a), int(b)) for a, b in directed}
    assert len(edges) == len(directed), "an edge is used twice in one direction"
    assert all((b, a) in edges for a, b in edges), "an edge has one face only"
    assert arrays.num_vertices - len(edges) // 2 + len(faces) == 2
    graph = coo_matrix((np.ones(len(directed)), directed.T), shape=(arrays.num_vertices,) * 2)
    assert connected_components(graph, directed=False)[0] == 1


def test_faces_look_outwards_at_rest(arrays: BodyArrays) -> None:
    normals = face_normals(arrays.v_template, arrays.faces)
    smooth = np.zeros_like(arrays.v_template)
    for corner in range(3):
        np.add.at(smooth, arrays.faces[:, corner], normals)
    smooth /= np.linalg.norm(smooth, axis=1, keepdims=True)
    agreement = (normals * smooth[arrays.faces].mean(axis=1)).sum(axis=1)
    assert (agreement > 0).all()
    assert np.linalg.norm(normals, axis=1).min() / 2 > 1e-6  # no face below 1 mm2
    assert 50 < volume(arrays.v_template, arrays.faces) < 80


def test_few_faces_flip_over_the_population(arrays: BodyArrays) -> None:
    rest = face_normals(arrays.v_template, arrays.faces)
    shaped = face_normals(random_bodies(arrays, 100), arrays.faces)
    flipped = ((shaped * rest).sum(axis=-1) < 0).sum(axis=1)
    assert flipped.mean() < 3  # the prototype's mesh: 1.6 of 13,776


def test_mesh_weights_and_shapes_are_their_own_mirror_image(arrays: BodyArrays) -> None:
    mirror, swap = arrays.mirror, list(SMPL24.mirror)
    assert mirror is not None
    np.testing.assert_array_equal(mirror[mirror], np.arange(arrays.num_vertices))
    np.testing.assert_array_equal(arrays.v_template[mirror] * FLIP_X, arrays.v_template)
    np.testing.assert_array_equal(arrays.shapedirs[mirror] * FLIP_X[:, None], arrays.shapedirs)
    np.testing.assert_allclose(arrays.weights[mirror][:, swap], arrays.weights, atol=1e-12)
    faces = {tuple(sorted(face)) for face in arrays.faces.tolist()}
    assert {tuple(sorted(mirror[list(face)].tolist())) for face in faces} == faces


@pytest.mark.parametrize("joints", [SMPL24, H36M17], ids=lambda joints: joints.name)
def test_rest_joints_are_symmetric(joints: object, arrays: BodyArrays) -> None:
    assert arrays.h36m_regressor is not None
    regressor = arrays.joint_regressor if joints is SMPL24 else arrays.h36m_regressor
    mirror = list((SMPL24 if joints is SMPL24 else H36M17).mirror)
    for shape in (arrays.v_template, *random_bodies(arrays, 5)):
        rest = regressor @ shape
        np.testing.assert_allclose(rest[mirror] * FLIP_X, rest, atol=1e-4)


def test_rest_pose_is_smpls(arrays: BodyArrays) -> None:
    rest = dict(zip(SMPL24.joint_names, arrays.joint_regressor @ arrays.v_template, strict=True))
    arm = [rest[f"left_{name}"] for name in ("shoulder", "elbow", "wrist", "hand")]
    assert all(b[0] - a[0] > 0.05 for a, b in itertools.pairwise(arm))  # +x is the body's left
    assert max(abs(joint[1] - arm[0][1]) for joint in arm[1:]) < 0.01  # arms level
    leg = [rest[f"left_{name}"] for name in ("hip", "knee", "ankle")]
    assert all(a[1] - b[1] > 0.3 for a, b in itertools.pairwise(leg))  # y is up
    assert rest["left_foot"][2] - rest["left_ankle"][2] > 0.1  # z is to the front
    nose, tips = arrays.v_template[arrays.vertex_ids["nose"]], arrays.v_template[arrays.vertex_ids["lmiddle"]]
    assert nose[2] > rest["head"][2] + 0.08
    assert tips[0] > rest["left_wrist"][0] + 0.15


def test_betas_do_what_the_documentation_says(arrays: BodyArrays) -> None:
    def with_beta(index: int, value: float) -> Points:
        return arrays.v_template + value * arrays.shapedirs[..., index]

    assert height(with_beta(0, 2)) - height(with_beta(0, -2)) == pytest.approx(0.42, abs=0.02)
    for beta in range(1, 10):
        assert volume(with_beta(beta, 2), arrays.faces) > volume(with_beta(beta, -2), arrays.faces)
    variance = (arrays.shapedirs**2).sum(axis=(0, 1))
    assert (np.diff(variance) < 0).all()


def test_numbers_stay_near_the_prototypes(arrays: BodyArrays) -> None:
    """Feasibility study: height 1.693 m, random bodies 1.69 +- 0.11 m with BMI 22.0 +- 3.2."""
    assert height(arrays.v_template) == pytest.approx(1.693, abs=0.01)
    bodies = random_bodies(arrays, 300)
    heights = np.array([height(body) for body in bodies])
    bmi = np.array([0.98 * volume(body, arrays.faces) for body in bodies]) / heights**2
    assert heights.mean() == pytest.approx(1.69, abs=0.02)
    assert heights.std() == pytest.approx(0.11, abs=0.02)
    assert bmi.mean() == pytest.approx(22.0, abs=0.7)
    assert bmi.std() == pytest.approx(3.2, abs=0.6)
    variance = (arrays.shapedirs**2).sum(axis=(0, 1))
    assert 100 * variance[0] / variance.sum() == pytest.approx(92.2, abs=1.5)
    assert arrays.h36m_regressor is not None
    assert np.count_nonzero(arrays.joint_regressor) == pytest.approx(221, abs=40)
    assert np.count_nonzero(arrays.h36m_regressor) == pytest.approx(166, abs=40)
    influences = np.count_nonzero(arrays.weights, axis=1)
    assert influences.max() <= 5
    assert influences.mean() == pytest.approx(2.2, abs=0.3)


@pytest.mark.parametrize(
    ("row", "joint"),
    [
        *((name, name) for name in H36M17.joint_names if name in SMPL24.joint_names),
        ("spine", "spine2"),
    ],
)
def test_regressed_joints_stay_with_the_kinematic_ones_on_posed_bodies(row: str, joint: str) -> None:
    body, people = load_open_body(), random_people(200, seed=11)
    regressed = body.joints(people, H36M17)[:, H36M17.index(row)]
    kinematic = body.joints(people, SMPL24)[:, SMPL24.index(joint)]
    assert 1000 * (regressed - kinematic).norm(dim=1).mean() < 6


def test_skin_rows_lie_on_the_skin(arrays: BodyArrays) -> None:
    assert arrays.h36m_regressor is not None
    joints = dict(zip(H36M17.joint_names, arrays.h36m_regressor @ arrays.v_template, strict=True))
    assert arrays.v_template[:, 1].max() - joints["head_top"][1] < 0.01
    assert arrays.v_template[:, 2].max() >= joints["nose"][2] > arrays.v_template[:, 2].max() - 0.05
    assert abs(joints["nose"][0]) < 1e-9
    assert LSP14.joint_names[-1] == "head_top"


def test_all_parts_exist_and_mirror_each_other(arrays: BodyArrays) -> None:
    assert arrays.vertex_parts is not None
    assert arrays.mirror is not None
    counts = np.bincount(arrays.vertex_parts, minlength=NUM_PARTS)
    assert len(counts) == NUM_PARTS
    assert counts.min() >= 100
    swap = np.array(SMPL24.mirror)
    np.testing.assert_array_equal(swap[arrays.vertex_parts], arrays.vertex_parts[arrays.mirror])
    assert len(np.unique(face_parts(arrays.vertex_parts, arrays.faces))) == NUM_PARTS


def test_parts_are_the_largest_weight_except_for_the_grown_collars(arrays: BodyArrays) -> None:
    assert arrays.vertex_parts is not None
    largest = arrays.weights.argmax(axis=1)
    differs = largest != arrays.vertex_parts
    on_midline = np.abs(arrays.v_template[:, 0]) < 1e-6
    grown = differs & ~on_midline
    collars = [SMPL24.index("left_collar"), SMPL24.index("right_collar")]
    givers = [SMPL24.index(name) for name in ("spine3", "left_shoulder", "right_shoulder")]
    assert np.isin(arrays.vertex_parts[grown], collars).all()
    assert np.isin(largest[grown], givers).all()
    assert 60 < grown.sum() < 300


def test_named_vertices_are_where_their_names_say(arrays: BodyArrays) -> None:
    place = {name: arrays.v_template[vertex] for name, vertex in arrays.vertex_ids.items()}
    rest = dict(zip(SMPL24.joint_names, arrays.joint_regressor @ arrays.v_template, strict=True))
    for name, point in place.items():
        if name.startswith(("l", "L")):
            twin = {"l": "r", "L": "R"}[name[0]] + name[1:]
            assert point[0] > 0
            np.testing.assert_allclose(place[twin] * FLIP_X, point)
    assert place["lear"][0] > place["leye"][0] > 0.02
    assert place["LHeel"][2] < rest["left_ankle"][2] < place["LSmallToe"][2] < place["LBigToe"][2]
    assert place["LSmallToe"][0] > place["LBigToe"][0]
    fingers = [place[f"l{name}"][2] for name in ("thumb", "index", "middle", "ring", "pinky")]
    assert fingers == sorted(fingers, reverse=True)  # palms down: the thumb points to the front


def test_part_colours_are_distinct() -> None:
    assert len(np.unique(part_colours(), axis=0)) == NUM_PARTS


def test_files_keep_their_budgets_and_say_their_licence() -> None:
    for package, name, budget_kib in (
        ("occlusion_toolkit.body", "open_body.npz", 1000),
        ("occlusion_toolkit.open_world", "wardrobe.npz", 600),
    ):
        folder = resources.files(package) / "data"
        with resources.as_file(folder / name) as path:
            assert path.stat().st_size < budget_kib * 1024
            with np.load(path, allow_pickle=False) as archive:
                assert "CC0" in str(archive["licence"])
                assert str(archive["topology"]) == OPEN_BODY_TOPOLOGY
        notice = (folder / "NOTICE").read_text()
        assert name in notice
        assert "NAVER" in notice


def test_damaged_file_is_a_body_model_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    def damaged(package: str) -> object:
        return _Damaged()

    open_body_arrays.cache_clear()
    monkeypatch.setattr("occlusion_toolkit.body.open_body.resources.files", damaged)
    with pytest.raises(BodyModelError, match="reinstall"):
        open_body_arrays()
    monkeypatch.undo()
    assert open_body_arrays().topology == OPEN_BODY_TOPOLOGY


def test_every_call_makes_its_own_body_from_one_read() -> None:
    first, second = load_open_body(), load_open_body()
    assert first is not second
    assert first.arrays is second.arrays


@pytest.mark.parametrize("name", GARMENTS)
def test_garments_are_whole_meshes_with_weights(name: str, wardrobe: dict[str, NDArray[np.generic]]) -> None:
    vertices, faces = wardrobe[f"{name}_vertices"], wardrobe[f"{name}_faces"].astype(int)
    assert set(np.unique(faces)) == set(range(len(vertices)))
    assert wardrobe[f"{name}_shapedirs"].shape == (len(vertices), 3, 10)
    weights = dense_weights(wardrobe[f"{name}_weight_joint"], wardrobe[f"{name}_weight_share"])
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    if name in ("hair", "left_eye", "right_eye"):
        np.testing.assert_array_equal(weights.argmax(axis=1), SMPL24.index("head"))


@pytest.mark.parametrize("beta", [(0, 2.0), (0, -2.0), (4, 2.0), (2, -2.0)])
def test_tights_lie_on_the_skin_of_every_shape(
    beta: tuple[int, float], arrays: BodyArrays, wardrobe: dict[str, NDArray[np.generic]]
) -> None:
    index, value = beta
    body = arrays.v_template + value * arrays.shapedirs[..., index]
    directions = wardrobe["tights_shapedirs"].astype(np.float64)
    tights = wardrobe["tights_vertices"].astype(np.float64) + value * directions[..., index]
    gap, _ = cKDTree(body).query(tights)
    assert np.median(gap) < 0.02
    assert gap.max() < 0.08


class _Damaged:
    """A package resource whose file is not an npz."""

    def __truediv__(self, name: str) -> "_Damaged":
        return self

    def open(self, mode: str) -> object:
        raise OSError("not a zip file")
