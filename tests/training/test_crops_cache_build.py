import json
import shutil
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
import torch
from filelock import FileLock
from support.weak_cameras import fit_camera

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import SPIN49
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import DatasetError, TopologyError, TrainingError
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.training import crops_cache_build
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.crops_cache import MARGIN, CropsCache
from occlusion_toolkit.training.crops_cache_build import build_crops_cache, cached_person, extend_cache
from occlusion_toolkit.training.losses import project
from occlusion_toolkit.training.warp import Warp

DATA = Path(__file__).parents[2] / "examples" / "open-test-2"
SOLID = [
    SPIN49.index(f"{side}_{name}") for side in ("left", "right") for name in ("knee", "elbow", "shoulder")
]


@pytest.fixture(scope="module")
def frames() -> list:
    people = ThreeDPW(DATA, "test")
    return [people[index] for index in (0, 24, 74)]


def test_joints_lie_on_the_labelled_body(frames: list, bodies: TrainingBodies) -> None:
    hits = []
    for frame in frames:
        person = cached_person(frame, bodies)
        size = len(person.labels)
        columns, rows = ((person.joints_2d[SOLID] / MARGIN + 1) * size / 2).astype(int).T
        hits += list(person.labels[rows, columns] > 0)
    assert np.mean(hits) > 0.9


def test_cached_parameters_project_onto_cached_joints(frames: list, bodies: TrainingBodies) -> None:
    for frame in frames:
        person = cached_person(frame, bodies)
        centred, seen = torch.from_numpy(person.joints_3d[None]), torch.from_numpy(person.joints_2d[None])
        certain = torch.cat((seen, torch.ones(1, len(SPIN49), 1)), dim=2)
        error = project(centred, fit_camera(centred, certain))[0] - seen[0]
        assert float(error.norm(dim=1).mean()) < 0.12  # what perspective leaves to a weak-perspective camera


def test_cached_crop_is_the_crop_of_evaluation(frames: list, bodies: TrainingBodies, tmp_path: Path) -> None:
    cache = CropsCache.create(tmp_path, len(frames))
    cache.append(
        "some",
        [cached_person(frame, bodies) for frame in frames],
        "",
    )
    people = cache.batch(range(len(frames)), 224)
    crops = Warp.identity(len(frames)).images(people["pictures"], MARGIN, 224)
    for frame, crop in zip(frames, crops, strict=True):
        direct = crop_image(read_image(frame.image_path).pixels, frame.box).astype(np.float32)
        assert np.abs(crop.numpy().transpose(1, 2, 0) - direct).mean() < 6


def test_limbs_lie_at_the_joints_of_the_file(frames: list, bodies: TrainingBodies) -> None:
    for frame in frames:
        person = cached_person(frame, bodies)
        stored = frame.joints_m - frame.joints_m[0]
        for name in ("left_knee", "right_ankle", "left_wrist", "right_elbow", "right_shoulder"):
            own = person.joints_3d[SPIN49.index(name)]
            assert np.abs(own - stored[SMPL24.index(name)]).max() < 2e-3


def test_data_set_is_taken_in_once(rendered: Path, tmp_path: Path, bodies: TrainingBodies) -> None:
    cache = build_crops_cache(tmp_path, rendered, bodies)
    assert (len(cache), len(cache.sequences)) == (10, 5)
    assert extend_cache(CropsCache(tmp_path, writable=True), rendered, bodies) == 0


def test_data_of_another_body_is_refused(rendered: Path, tmp_path: Path, bodies: TrainingBodies) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for folder in ("sequenceFiles", "imageFiles", "partFiles"):
        (root / folder).symlink_to(rendered / folder)
    facts = json.loads((rendered / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps(facts | {"body": "another"}))
    with pytest.raises(TopologyError, match="another"):
        extend_cache(CropsCache.create(tmp_path / "cache", 20), root, bodies)


def test_data_without_labels_is_refused(rendered: Path, tmp_path: Path, bodies: TrainingBodies) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for entry in ("sequenceFiles", "imageFiles", "dataset.json"):
        (root / entry).symlink_to(rendered / entry)
    with pytest.raises(DatasetError, match="no part labels"):
        extend_cache(CropsCache.create(tmp_path / "cache", 20), root, bodies)


def test_a_second_process_waits_until_the_cache_is_filled(
    tmp_path: Path, rendered: Path, bodies: TrainingBodies
) -> None:
    (tmp_path / "cache").mkdir()
    held = Event()

    def hold() -> None:
        with FileLock(tmp_path / "cache" / "lock"):
            held.set()
            time.sleep(0.5)

    other = Thread(target=hold)
    other.start()
    held.wait()
    begin = time.monotonic()
    cache = build_crops_cache(tmp_path / "cache", rendered, bodies)
    assert time.monotonic() - begin > 0.4
    assert len(cache) == 10
    other.join()


def test_a_cache_of_other_people_under_the_same_names_is_refused(
    tmp_path: Path, rendered: Path, bodies: TrainingBodies
) -> None:
    build_crops_cache(tmp_path / "cache", rendered, bodies)
    other = tmp_path / "other"
    shutil.copytree(rendered, other)
    first, second, *_ = sorted((other / "sequenceFiles" / "train").glob("*.pkl"))
    shutil.copy(second, first)
    with pytest.raises(TrainingError, match=f"other people.*1 sequences.*{first.stem}"):
        build_crops_cache(tmp_path / "cache", other, bodies)
    first.unlink()
    with pytest.raises(TrainingError, match="other people"):
        build_crops_cache(tmp_path / "cache", other, bodies)


def test_processes_make_the_same_cache_and_the_same_errors(
    tmp_path: Path, rendered: Path, bodies: TrainingBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = build_crops_cache(tmp_path / "alone", rendered, bodies)
    monkeypatch.setattr(crops_cache_build, "_FEW", 0)
    together = build_crops_cache(tmp_path / "together", rendered, bodies)
    for name in ("crops", "labels", "joints_2d"):
        assert np.array_equal(alone.column(name), together.column(name)), name
    assert alone.sequences == together.sequences
    broken = tmp_path / "broken"
    shutil.copytree(rendered, broken)
    next((broken / "partFiles" / alone.sequences[0]).glob("*.png")).unlink()
    with pytest.raises(DatasetError, match="part"):
        build_crops_cache(tmp_path / "cache", broken, bodies)
