"""Meshes of SMPL bodies, on files of the published formats: 3DPW, SMPL and a checkpoint of SPIN."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.checkpoint_layouts import LAYOUTS
from support.evaluate_fixtures import loaded
from support.fakes import TinyNetwork
from support.smpl_files_writer import write_smpl_folder
from support.survey_fakes import some_people
from support.threedpw_fixtures import write_dataset

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.people import PeopleList
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.meshes import pictures
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.models.networks import spin_hmr
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey

pytestmark = pytest.mark.slow

GENDERS = ("male", "female", "neutral", "male")


@pytest.fixture(scope="module")
def bodies(tmp_path_factory) -> Bodies:
    return Bodies(write_smpl_folder(tmp_path_factory.mktemp("smpl")))


@pytest.fixture(scope="module")
def threedpw(tmp_path_factory) -> Path:
    """Two sequences in 3DPW's format with pictures of noise."""
    root = tmp_path_factory.mktemp("3dpw")
    write_dataset(root)
    generator = np.random.default_rng(0)
    for path in sorted(root.glob("imageFiles/*/*.jpg")):
        Image.fromarray(generator.integers(0, 256, (100, 80, 3), dtype=np.uint8)).save(path)
    return root


def surveyed(folder: Path, bodies: Bodies, genders: tuple[str, ...]) -> Survey:
    open_people = some_people(len(genders))
    frames = [
        dataclasses.replace(frame, gender=gender) for frame, gender in zip(open_people, genders, strict=True)
    ]
    people = PeopleList("3dpw", "test", open_people.root, "smpl", frames, {})
    model = loaded(TinyNetwork(), "smpl")
    sweep = OcclusionSweep(model, size=56, stride=56, device="cpu", bodies=bodies)
    return survey(sweep, people, out=folder, shard_size=4)


def test_truth_is_posed_with_the_body_of_its_gender_and_the_estimate_with_the_neutral_one(tmp_path, bodies):
    swept = surveyed(tmp_path / "gendered", bodies, GENDERS)
    plain = surveyed(tmp_path / "neutral", bodies, ("neutral",) * 4)
    assert swept.card.gender_rule == "male or female as the data set says"
    shard, neutral = swept.shard(0), plain.shard(0)
    np.testing.assert_array_equal(shard["displacement"].values, neutral["displacement"].values)
    people = some_people(4)
    for row, gender in enumerate(GENDERS):
        truth = BodyParameters(
            torch.from_numpy(people[row].rotmats)[None],
            torch.from_numpy(people[row].betas)[None],
            torch.zeros(1, 3),
        )
        estimate = BodyParameters(
            *(
                torch.from_numpy(shard[f"clean_{name}"].values[row])[None]
                for name in ("rotmats", "betas", "camera")
            )
        )
        true_joints = bodies.load("smpl", gender).centred_joints(truth, LSP14)
        joints = bodies.load("smpl").centred_joints(estimate, LSP14)
        expected = 1000 * (joints - true_joints).norm(dim=-1)[0]
        np.testing.assert_allclose(shard["clean_error"].values[row], expected, atol=1e-2)
        same = np.array_equal(shard["error"].values[row], neutral["error"].values[row])
        assert same == (gender == "neutral")


def test_a_checkpoint_of_spin_becomes_a_mesh_of_3dpw_on_smpl(cli, tmp_path, bodies, threedpw, monkeypatch):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(pictures, "draw_all", lambda mesh, folder, progress: [])  # tested elsewhere
    torch.manual_seed(0)
    torch.save(LAYOUTS["trainer of SPIN and EFT"](spin_hmr().state_dict()), tmp_path / "checkpoint.pt")
    assert cli("models", "import", tmp_path / "checkpoint.pt", "--as", "spin", "--name", "my-spin").code == 0
    data = ("--dataset", "3dpw", "--root", threedpw, "--smpl-dir", bodies.smpl_dir, "--limit", 4)
    grid = ("--size", 112, "--stride", 112)
    ran = cli("mesh", "--model", "my-spin", *data, *grid, "--out", tmp_path / "out", "--json")
    assert ran.code == 0
    printed = json.loads(ran.out)
    assert (printed["vertices"], printed["images"]) == (6890, 4)
    mesh = SensitivityMesh.open(tmp_path / "out" / "mesh.h5")
    assert mesh.card.body == mesh.card.ground_truth_body == "smpl"
    assert mesh.card.gender_rule == "male or female as the data set says"
    assert mesh.count.max() == 4
    assert np.nanmin(mesh.sel().values) > 0
