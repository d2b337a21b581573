from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from PIL import Image
from support import threedoh_fixtures as threedoh
from support import training_files as files
from support.smpl_files_writer import shared_smpl_folder
from support.training_fixtures import link_people, recipe_content

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE, Joints49
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import face_parts
from occlusion_toolkit.body.smpl_files import PART_MAPPING
from occlusion_toolkit.data.annotations import ImageFolder
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.published_list import read_npz
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import BodyModelError, DatasetError, TrainingError
from occlusion_toolkit.training.bodies import TrainingBodies, table_of_people, with_body_joints
from occlusion_toolkit.training.catalogue import (
    TRAINING_SETS,
    default_folder,
    read_training_set,
    require_files,
)
from occlusion_toolkit.training.data_check import Need, check_data
from occlusion_toolkit.training.label_cameras import keypoints_in_box
from occlusion_toolkit.training.part_labels import LABEL_MARGIN, LABELS_PX, prepare_part_labels
from occlusion_toolkit.training.recipe import Recipe

OPEN_TEST = Path(__file__).parents[2] / "examples" / "open-test-2"


@pytest.fixture(scope="module")
def truth() -> files.Truth:
    body = load_open_body()
    return files.make_people(body, Joints49(body.arrays), 3)


def _write_all(root: Path, truth: files.Truth) -> dict[str, Path]:
    """Every published set, in the files that its users have."""
    files.write_eft(root / "coco", truth)
    columns = files.pare_columns(truth, "images/")
    files.write_npz(root / "mpii" / "mpii_train_eft.npz", truth, columns)
    bare = {**columns, "imgname": np.array([f"im{row:05d}.jpg" for row in range(len(truth))])}
    files.write_npz(root / "lspet" / "hr-lspet_train_eft.npz", truth, bare)
    files.write_mpi_inf(root / "inf", truth)
    files.write_h36m(root / "h36m", truth)
    return {
        "coco-eft": root / "coco",
        "mpii-eft": root / "mpii",
        "lspet-eft": root / "lspet",
        "mpi-inf-3dhp": root / "inf",
        "h36m": root / "h36m",
    }


def recipe_of(names: tuple[str, ...], body: str = OPEN_BODY_TOPOLOGY, *, voc: bool = False) -> Recipe:
    augmentation = {"occlusion": {"objects": "voc"} if voc else None}
    content = recipe_content(data=[{"shares": {"+".join(names): 1.0}}], augmentation=augmentation)
    return Recipe.model_validate(content | {"body": body})


def _check(names: tuple[str, ...], folders: dict[str, Path], *, voc: bool = False) -> dict[str, Need]:
    needs = check_data(recipe_of(names, voc=voc), folders, Bodies())
    return {need.name: need for need in needs}


def test_every_published_set_opens(tmp_path: Path, truth: files.Truth) -> None:
    for name, folder in _write_all(tmp_path, truth).items():
        table = read_training_set(name, folder, TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY))
        assert len(table) == 3
        assert table.has_pose_3d.all()
        assert table.image_path(2).is_file()


def test_check_counts_what_is_there(tmp_path: Path, truth: files.Truth) -> None:
    folders = _write_all(tmp_path, truth) | {"voc": files.write_voc(tmp_path / "voc")}
    names = tuple(name for name in folders if name != "voc")
    needs = _check(names, folders, voc=True)
    assert all(need.problem is None for need in needs.values())
    assert {
        name: (needs[name].people, needs[name].with_body, needs[name].with_joints_3d) for name in names
    } == {
        "coco-eft": (3, 3, 3),
        "mpii-eft": (3, 3, 3),
        "lspet-eft": (3, 3, 3),
        "mpi-inf-3dhp": (3, 1, 3),
        "h36m": (3, 0, 3),
    }
    assert needs["coco-eft"].found == "COCO2014-All-ver01.json"
    assert needs["voc"].found == "1 objects"


def test_check_says_what_is_missing_and_where_to_get_it(
    tmp_path: Path, truth: files.Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    names = tuple(TRAINING_SETS)
    needs = _check(names, {}, voc=True)
    assert {name for name, need in needs.items() if need.problem is not None} == {*names, "voc"}
    for name in names:
        assert needs[name].folder == default_folder(name)
        assert needs[name].how_to_get
    assert "http://human-pose.mpi-inf.mpg.de" in needs["mpii-eft"].how_to_get
    assert "CC BY-NC 4.0" in needs["coco-eft"].how_to_get


def test_check_notes_missing_images(tmp_path: Path, truth: files.Truth) -> None:
    files.write_eft(tmp_path, truth)
    next((tmp_path / "train2014").iterdir()).unlink()
    problem = _check(("coco-eft",), {"coco-eft": tmp_path})["coco-eft"].problem
    assert "1 images are missing" in problem


def test_check_knows_the_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    needs = check_data(recipe_of(("synthetic",), SMPL_TOPOLOGY), {}, Bodies())
    assert [need.kind for need in needs] == ["data set", "body"]
    assert "https://smpl.is.tue.mpg.de" in needs[1].how_to_get
    assert needs[1].problem is not None


@pytest.mark.parametrize(
    ("sets", "missing", "message"),
    [
        (("coco-eft",), "J_regressor_h36m.npy", "J_regressor_h36m.npy"),
        (("coco-eft",), "J_regressor_extra.npy", "J_regressor_extra.npy"),
        (("3dpw-train",), "_f_", "female"),
    ],
)
def test_check_misses_what_training_would_miss_after_hours(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    sets: tuple[str, ...],
    missing: str,
    message: str,
) -> None:
    for path in shared_smpl_folder(tmp_path_factory).iterdir():
        if missing not in path.name:
            (tmp_path / path.name).symlink_to(path)
    problem = check_data(recipe_of(sets, SMPL_TOPOLOGY), {}, Bodies(tmp_path))[-1].problem
    assert problem is not None
    assert message in problem
    whole = Bodies(shared_smpl_folder(tmp_path_factory))
    assert check_data(recipe_of(sets, SMPL_TOPOLOGY), {}, whole)[-1].problem is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("coco-eft", "COCO2014-All-ver01.json"),
        ("mpii-eft", "MPII_ver01.json"),
        ("lspet-eft", "LSPet_train_ver10.json"),
        ("lspet-eft", "LSPet_ver01.json"),
        ("3doh-train", "3doh_train.npz"),
    ],
)
def test_lists_are_found_by_the_names_that_efts_script_downloads(
    tmp_path: Path, name: str, file: str
) -> None:
    (tmp_path / file).touch()
    assert require_files(name, tmp_path) == tmp_path / file


def test_the_larger_list_of_coco_is_read(tmp_path: Path) -> None:
    for file in ("COCO2014-Part-ver01.json", "coco_2014_train_eft.npz"):
        (tmp_path / file).touch()
    assert require_files("coco-eft", tmp_path) == tmp_path / "coco_2014_train_eft.npz"


def test_the_list_of_lspet_that_pare_used_is_read(tmp_path: Path) -> None:
    for file in ("LSPet_train_ver10.json", "LSPet_ver01.json"):
        (tmp_path / file).touch()
    assert require_files("lspet-eft", tmp_path) == tmp_path / "LSPet_ver01.json"


@pytest.mark.parametrize("folder", ["trainset", "train"])
def test_annotations_of_3doh_and_pares_list_of_them_are_one_table(tmp_path: Path, folder: str) -> None:
    """What PARE's preparation makes: box of 1.2 heights, LSP keypoints in J24, `S` of the neutral body."""
    items = threedoh.annotations()
    for number, item in enumerate(items.values()):
        item["lsp_joints_2d"] = (np.arange(28).reshape(14, 2) + number).tolist()
    threedoh.write_threedoh(tmp_path, items, "train")
    (tmp_path / "trainset").rename(tmp_path / folder)
    bodies = TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)
    official = read_training_set("3doh-train", tmp_path, bodies)
    path = threedoh.write_pare_list(tmp_path / "3doh_train.npz", items, "train")
    with np.load(path) as columns:
        part = np.zeros((len(items), 24, 3))
        part[:, :14] = [np.c_[item["lsp_joints_2d"], np.ones(14)] for item in items.values()]
        np.savez(path, **columns, part=part, S=official.joints_m)
    assert require_files("3doh-train", tmp_path) == path
    listed = read_training_set("3doh-train", tmp_path, bodies)
    for table in (official, listed):
        assert table.has_smpl.all()
        assert table.has_pose_3d.all()
        assert {table.gender(row) for row in range(len(table))} == {"neutral"}
        assert table.image_path(1) == tmp_path / folder / "images" / "00001.jpg"
    for name in ("boxes_px", "keypoints_px", "joints_m", "poses", "betas"):
        np.testing.assert_allclose(getattr(official, name), getattr(listed, name), atol=1e-5)
    (_, top), (_, bottom) = items["00001"]["bbox"]
    assert official.boxes_px[1, 2] == pytest.approx(1.2 * (bottom - top))
    assert official.keypoints_px[1, NUM_OPENPOSE + J24.index("neck"), 0] == 2 * 12 + 1
    assert not official.keypoints_px[:, :NUM_OPENPOSE].any()


def test_annotations_of_3doh_without_keypoints_are_refused(tmp_path: Path) -> None:
    items = threedoh.annotations()
    del items["00002"]["lsp_joints_2d"]
    threedoh.write_threedoh(tmp_path, items, "train")
    bodies = TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)
    with pytest.raises(DatasetError, match="00002: lsp_joints_2d is missing"):
        read_training_set("3doh-train", tmp_path, bodies)


def smpl_with_mapping(folder: Path, smpl: Path, content: object, **options: object) -> Bodies:
    """SMPL's folder with PARE's mapping beside the bodies, as joblib writes it."""
    for path in smpl.iterdir():
        (folder / path.name).symlink_to(path)
    joblib.dump(content, folder / PART_MAPPING, **options)
    return Bodies(folder)


def test_parts_of_faces_are_pares_where_its_mapping_is_there(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    smpl = shared_smpl_folder(tmp_path_factory)
    parts = np.random.default_rng(0).integers(0, 24, 6890)
    bodies = TrainingBodies(smpl_with_mapping(tmp_path, smpl, {"smpl_index": parts}), SMPL_TOPOLOGY)
    faces = bodies.model("neutral").arrays.faces
    np.testing.assert_array_equal(bodies.face_parts("neutral"), parts[faces].min(axis=1))
    without = TrainingBodies(Bodies(smpl), SMPL_TOPOLOGY)
    most = face_parts(without.model("neutral").vertex_parts.numpy(), faces)
    np.testing.assert_array_equal(without.face_parts("neutral"), most)


@pytest.mark.parametrize(
    "content", [{"smpl_index": np.zeros(10, int)}, {"smpl_index": np.full(6890, 24)}, {}, np.zeros(6890)]
)
def test_mappings_that_are_none_are_refused(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, content: object
) -> None:
    bodies = smpl_with_mapping(tmp_path, shared_smpl_folder(tmp_path_factory), content)
    with pytest.raises(BodyModelError, match=PART_MAPPING):
        TrainingBodies(bodies, SMPL_TOPOLOGY).face_parts("neutral")
    recipe = recipe_of(("coco-eft",), SMPL_TOPOLOGY)
    need = next(need for need in check_data(recipe, {}, bodies) if need.name == PART_MAPPING)
    assert need.problem is not None


def test_check_says_that_labels_do_without_a_mapping(tmp_path_factory: pytest.TempPathFactory) -> None:
    bodies = Bodies(shared_smpl_folder(tmp_path_factory))
    needs = {need.name: need for need in check_data(recipe_of(("coco-eft",), SMPL_TOPOLOGY), {}, bodies)}
    assert needs[PART_MAPPING].problem is None
    assert "largest weight" in needs[PART_MAPPING].found


def test_unknown_and_missing_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training set 'lsp'; there are: coco-eft"):
        _check(("lsp",), {})
    for name, words in (
        ("coco-eft", "needs train2014"),
        ("synthetic", "`occlusion-toolkit synthesize"),
    ):
        with pytest.raises(DatasetError, match=words):
            require_files(name, tmp_path)


def test_people_of_another_body_are_refused(tmp_path: Path) -> None:
    link_people(tmp_path)
    with pytest.raises(DatasetError, match="the network of 'smpl'"):
        read_training_set("3dpw-train", tmp_path, TrainingBodies(Bodies(), SMPL_TOPOLOGY))
    need = check_data(recipe_of(("3dpw-train",), SMPL_TOPOLOGY), {"3dpw-train": tmp_path}, Bodies(tmp_path))[
        0
    ]
    assert "the network of 'smpl'" in need.problem


def test_people_in_3dpws_layout_become_annotations() -> None:
    people = EvenlySpaced(ThreeDPW(OPEN_TEST, "test"), 48)
    bodies = TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)
    table = table_of_people(people, bodies)
    assert len(table) == len(people)
    assert table.has_pose_3d.all()
    keypoints = np.stack([keypoints_in_box(table, row) for row in range(len(table))])
    assert np.median(np.abs(keypoints[:, NUM_OPENPOSE:, :2])) < 1
    assert (keypoints[:, 19:25, 2] == 0).all()  # toes and heels are not annotated
    # Detected (here: true) shoulders and knees, and those of the body through the camera, are the same.
    for openpose, own in ((2, 33), (5, 34), (10, 26), (13, 29)):
        seen = keypoints[:, openpose, 2] > 0
        distance = np.linalg.norm(keypoints[seen, openpose, :2] - keypoints[seen, own, :2], axis=1)
        assert np.median(distance) < 0.05


def test_labels_under_the_published_camera_are_those_of_the_renderer(tmp_path: Path) -> None:
    """The open test set comes with part labels of its own, of clothed people."""
    people = ThreeDPW(OPEN_TEST, "test")
    bodies = TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)
    chosen = EvenlySpaced(people, 6)
    store = prepare_part_labels(table_of_people(chosen, bodies), bodies, tmp_path, torch.device("cpu"))
    overlap, agreement = [], []
    for row, frame in enumerate(chosen):
        size = (LABELS_PX, LABELS_PX)
        (x, y), half = frame.box.centre, frame.box.size * LABEL_MARGIN / 2
        step = 2 * half / LABELS_PX
        with Image.open(frame.part_path) as image:
            affine = (step, 0, x - half, 0, step, y - half)
            true = np.asarray(image.convert("L").transform(size, Image.Transform.AFFINE, affine))
        ours = store.labels(row)
        columns, rows = (c - half + (np.arange(LABELS_PX) + 0.5) * step for c in (x, y))
        inside = ((columns > 0) & (columns < image.width)) & ((rows > 0) & (rows < image.height))[:, None]
        both, either = (ours > 0) & (true > 0) & inside, ((ours > 0) | (true > 0)) & inside
        overlap.append(both.sum() / either.sum())
        agreement.append((ours == true)[both].mean())
    # Clothes are wider than bodies; under a camera fitted to the keypoints these are 0.74 and 0.81.
    assert np.mean(overlap) > 0.8
    assert np.mean(agreement) > 0.86


@pytest.mark.slow
def test_joints_are_of_the_persons_gender_and_use_the_extra_file(
    tmp_path: Path, truth: files.Truth, tmp_path_factory: pytest.TempPathFactory
) -> None:
    smpl = shared_smpl_folder(tmp_path_factory)
    columns = files.pare_columns(truth) | {"gender": np.array(["m", "f", "m"])}
    del columns["S"]
    table = read_npz(files.write_npz(tmp_path / "list.npz", truth, columns), ImageFolder(tmp_path))
    bodies = TrainingBodies(Bodies(smpl), SMPL_TOPOLOGY)
    joints = with_body_joints(table, bodies).joints_m
    for row, gender in enumerate(("male", "female", "male")):
        parameters = BodyParameters(
            torch.from_numpy(truth.rotmats[[row]]).float(),
            torch.from_numpy(truth.betas[[row]]).float(),
            torch.zeros(1, 3),
        )
        vertices = bodies.model(gender)(parameters).vertices[0].numpy()
        extra = np.load(smpl / "J_regressor_extra.npy") @ vertices
        np.testing.assert_allclose(joints[row, J24.index("head_top"), :3], extra[3], atol=1e-5)
        np.testing.assert_allclose(joints[row, J24.index("nose"), :3], vertices[332], atol=1e-5)


def test_smpl_without_the_extra_regressor_says_where_it_is(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    smpl = shared_smpl_folder(tmp_path_factory)
    for path in smpl.iterdir():
        if path.name != "J_regressor_extra.npy":
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(BodyModelError, match=r"J_regressor_extra\.npy.*fetch_data\.sh"):
        TrainingBodies(Bodies(tmp_path), SMPL_TOPOLOGY).joints("neutral")
