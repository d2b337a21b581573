from pathlib import Path

import numpy as np
import pytest
import torch
from support import training_files as files

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import J24, Joints49
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import face_parts
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.eft import read_eft
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.bodies import TrainingBodies, with_body_joints
from occlusion_toolkit.training.label_cameras import (
    FOCAL_LENGTH_PX,
    Pinhole,
    camera_translation,
    fit_translation,
)
from occlusion_toolkit.training.part_labels import (
    LABEL_MARGIN,
    LABELS_PX,
    prepare_part_labels,
    render_part_labels,
)

CPU = torch.device("cpu")
PEOPLE = 4


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


@pytest.fixture(scope="module")
def bodies() -> TrainingBodies:
    return TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)


@pytest.fixture(scope="module")
def truth(body: BodyModel) -> files.Truth:
    return files.make_people(body, Joints49(body.arrays), PEOPLE, seed=1)


@pytest.fixture(scope="module")
def table(truth: files.Truth, tmp_path_factory: pytest.TempPathFactory) -> AnnotationTable:
    root = tmp_path_factory.mktemp("coco")
    return read_eft(files.write_eft(root, truth), ImageFolder(root, ("train2014",)))


def _parameters(truth: files.Truth) -> BodyParameters:
    return BodyParameters(*(torch.from_numpy(a).float() for a in (truth.rotmats, truth.betas, truth.camera)))


def test_fitted_camera_is_the_one_that_made_the_keypoints() -> None:
    rng = np.random.default_rng(0)
    joints = torch.from_numpy(rng.normal(0, 0.4, (5, 24, 3)))
    translation = torch.from_numpy(rng.normal((0.1, -0.2, 50), (0.1, 0.1, 5), (5, 3)))
    moved = joints + translation[:, None]
    seen = moved[..., :2] * FOCAL_LENGTH_PX / moved[..., 2:] / 112
    confidence = torch.from_numpy(rng.uniform(0.2, 1, (5, 24, 1)))
    keypoints = torch.cat((seen, confidence), dim=2)
    keypoints[:, 3, :2] = 7.0
    keypoints[:, 3, 2] = 0.0  # what is not annotated does not count
    fitted, good = fit_translation(joints, keypoints)
    assert good.all()
    assert torch.allclose(fitted, translation, atol=1e-6)


def test_confident_keypoints_pull_harder() -> None:
    joints = torch.from_numpy(np.random.default_rng(0).normal(0, 0.4, (1, 24, 3)))
    moved = joints + torch.tensor([0.0, 0.0, 50.0])
    seen = moved[..., :2] * FOCAL_LENGTH_PX / moved[..., 2:] / 112
    seen[0, :12, 0] += 0.2
    shifts = []
    for confidence in (0.1, 1.0):
        weights = torch.ones(1, 24, 1)
        weights[0, :12] = confidence
        shifts.append(float(fit_translation(joints, torch.cat((seen, weights), dim=2))[0][0, 0]))
    assert 0 < shifts[0] < shifts[1]


def test_too_few_keypoints_and_people_behind_the_camera_have_no_camera() -> None:
    joints = torch.randn(3, 24, 3, generator=torch.Generator().manual_seed(0))
    keypoints = torch.cat((joints[..., :2] / 3, torch.ones(3, 24, 1)), dim=2)
    keypoints[0, 2:, 2] = 0
    keypoints[1, :, :2] *= -1  # upside down: only a camera behind the person shows that
    _, good = fit_translation(joints, keypoints)
    assert good.tolist() == [False, False, True]


def test_labels_agree_with_a_rendering_under_the_true_camera(body: BodyModel, truth: files.Truth) -> None:
    parameters = _parameters(truth)
    parts = face_parts(body.vertex_parts.numpy(), body.faces.numpy())
    camera = Pinhole.at(camera_translation(parameters.camera))
    labels = render_part_labels(body, parts, parameters, camera, 224)
    vertices = body(parameters).vertices
    fragments = rasterize(project_to_crop(vertices, parameters.camera), body.faces, 224, 224)
    corner = body.vertex_parts[body.faces[:, 0]]
    expected = torch.where(fragments.covered, corner[fragments.face] + 1, 0)
    agreement = (labels == expected).float().mean()
    assert float(agreement) > 0.98  # perspective at 50 m, and faces between two parts


def test_stored_labels_lie_where_the_joints_are(
    table: AnnotationTable, bodies: TrainingBodies, truth: files.Truth, tmp_path: Path
) -> None:
    store = prepare_part_labels(table, bodies, tmp_path, CPU)
    hits = []
    for row in range(PEOPLE):
        labels = store.labels(row)
        assert labels is not None
        assert 0.01 < (labels > 0).mean() < 0.2
        x, y, side = truth.boxes[row]
        for name in ("right_knee", "left_knee", "right_elbow", "left_elbow"):
            seen = 2 * (truth.pixels[row, 25 + J24.index(name)] - (x, y)) / side
            column, line = ((seen / LABEL_MARGIN + 1) * LABELS_PX / 2).astype(int)
            part = int(labels[line, column]) - 1
            parent = {"knee": "hip", "elbow": "shoulder"}[name.split("_")[1]]
            hits.append(part in (SMPL24.index(name), SMPL24.index(f"{name.split('_')[0]}_{parent}")))
    assert np.mean(hits) > 0.8  # an arm may hide behind the trunk


def test_labels_are_rendered_once_and_again_when_the_annotations_change(
    truth: files.Truth, bodies: TrainingBodies, tmp_path: Path
) -> None:
    root, cache = tmp_path / "coco", tmp_path / "cache"
    folder = ImageFolder(root, ("train2014",))
    first = prepare_part_labels(read_eft(files.write_eft(root, truth), folder), bodies, cache, CPU)
    shard = next(first.folder.iterdir())
    written = shard.stat().st_mtime_ns
    again = prepare_part_labels(read_eft(files.write_eft(root, truth), folder), bodies, cache, CPU)
    assert (again.folder, shard.stat().st_mtime_ns) == (first.folder, written)
    changed = read_eft(files.write_eft(root, truth, parm_shape=[0.0] * 10), folder)
    assert prepare_part_labels(changed, bodies, cache, CPU).folder != first.folder


def test_people_without_a_body_have_no_labels(
    truth: files.Truth, bodies: TrainingBodies, tmp_path: Path
) -> None:
    from occlusion_toolkit.data.published_list import read_npz

    listed = read_npz(files.write_mpi_inf(tmp_path, truth), ImageFolder(tmp_path))
    store = prepare_part_labels(listed, bodies, tmp_path, CPU)
    assert [store.labels(row) is not None for row in range(PEOPLE)] == [False, True, False, True]


def test_camera_of_eft_stands_in_for_missing_keypoints(
    truth: files.Truth, bodies: TrainingBodies, tmp_path: Path
) -> None:
    unseen = truth.keypoints[0] * (1, 1, 0)
    folder = ImageFolder(tmp_path, ("train2014",))
    full = read_eft(files.write_eft(tmp_path, truth), folder)
    empty = read_eft(files.write_eft(tmp_path, truth, gt_keypoint_2d=unseen.tolist()), folder)
    first, second = (prepare_part_labels(t, bodies, tmp_path, CPU).labels(0) for t in (full, empty))
    assert (first != second).mean() < 0.01
    assert first.any()


def test_damaged_labels_say_what_to_do(
    table: AnnotationTable, bodies: TrainingBodies, tmp_path: Path
) -> None:
    store = prepare_part_labels(table, bodies, tmp_path, CPU)
    shard = next(store.folder.glob("*.npy"))
    content = shard.read_bytes()
    for damaged in (content[:200], content[:-40] + b"\0" * 40, b""):
        shard.write_bytes(damaged)
        with pytest.raises(TrainingError, match="delete the file"):
            store.labels(PEOPLE - 1)


def test_bodies_without_joints_get_their_own(
    table: AnnotationTable, bodies: TrainingBodies, truth: files.Truth
) -> None:
    complete = with_body_joints(table, bodies)
    assert complete.has_pose_3d.all()
    np.testing.assert_allclose(complete.joints_m[..., :3], truth.joints[:, 25:], atol=1e-4)
    assert (complete.joints_m[..., 3] == 1).all()
