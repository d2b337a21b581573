"""Official files from end to end, on files of the published formats: 3DPW, SMPL and a checkpoint of SPIN."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.alignment_oracles import by_svd
from support.checkpoint_layouts import LAYOUTS
from support.evaluate_fixtures import OracleNetwork, evaluator_of
from support.smpl_files_writer import write_smpl_folder
from support.smpl_like_body import smpl_like_arrays
from support.threedpw_fixtures import write_dataset

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP_FROM_H36M
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.protocol import PARE, SPIN
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.evaluation.evaluator import true_parameters
from occlusion_toolkit.evaluation.run import run_evaluation
from occlusion_toolkit.models.networks import spin_hmr

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smpl_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_smpl_folder(tmp_path_factory.mktemp("smpl"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sequences in 3DPW's format with pictures of noise: two men and a woman."""
    root = tmp_path_factory.mktemp("3dpw")
    write_dataset(root)
    generator = np.random.default_rng(0)
    for path in sorted(root.glob("imageFiles/*/*.jpg")):
        Image.fromarray(generator.integers(0, 256, (100, 80, 3), dtype=np.uint8)).save(path)
    return root


def vertices_and_joints(gender: str, parameters: BodyParameters) -> tuple[np.ndarray, np.ndarray]:
    """A synthetic SMPL body, posed: vertices, and the 14 joints regressed from them, pelvis-centred."""
    arrays = smpl_like_arrays(gender)
    vertices = BodyModel(arrays)(parameters).vertices.double().numpy()
    regressed = arrays.h36m_regressor @ vertices
    return vertices, regressed[:, list(LSP_FROM_H36M)] - regressed[:, :1]


def true_bodies(frames: list[Sample], gendered: bool) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints of the ground truth, person by person."""
    each = [
        vertices_and_joints(frame.gender if gendered else "neutral", true_parameters([frame]))
        for frame in frames
    ]
    return np.concatenate([vertices for vertices, _ in each]), np.concatenate([joints for _, joints in each])


def distances_mm(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    return 1000 * np.linalg.norm(predicted - true, axis=-1)


@pytest.fixture(scope="module")
def people(root: Path) -> People:
    return open_dataset("3dpw", root)


def test_the_gender_rule_decides_which_body_the_truth_is(people: People, smpl_dir: Path):
    frames, network, bodies = people[:], OracleNetwork(people[:]), Bodies(smpl_dir)
    assert {frame.gender for frame in frames} == {"male", "female"}
    neutral = run_evaluation(evaluator_of(network, people, PARE, bodies))
    assert neutral["clean_error"].max() == neutral["clean_pve"].max() == 0
    gendered = run_evaluation(evaluator_of(network, people, SPIN, bodies))
    (predicted, joints), (true, true_joints) = true_bodies(frames, False), true_bodies(frames, True)
    np.testing.assert_allclose(gendered["clean_error"], distances_mm(joints, true_joints), atol=5e-3)
    np.testing.assert_allclose(gendered["clean_pve"], distances_mm(predicted, true).mean(axis=1), atol=5e-3)
    assert gendered["clean_pve"].min() > 10  # men are 4 % taller than the neutral body, women 5 % smaller


def test_a_checkpoint_of_spin_is_imported_and_evaluated_on_3dpw(
    cli, root: Path, people: People, smpl_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    network = spin_hmr().eval()
    torch.save(LAYOUTS["trainer of SPIN and EFT"](network.state_dict()), tmp_path / "checkpoint.pt")
    assert cli("models", "import", tmp_path / "checkpoint.pt", "--as", "spin", "--name", "my-spin").code == 0
    words = ("--dataset", "3dpw", "--root", root, "--smpl-dir", smpl_dir, "--model", "my-spin", "--json")
    ran = cli("evaluate", *words, "--out", tmp_path / "out")
    assert ran.code == 0
    content = json.loads(ran.out)
    (model,) = content["models"]
    assert model["protocol"]["gender_rule"] == "male or female as the data set says"
    assert model["protocol"]["ground_truth_body"] == model["protocol"]["body"] == "smpl"
    assert content["published"]["source"] == "PARE, Table 1"

    frames = people[:]
    with torch.no_grad():
        output = network(torch.stack([normalise(sample_crop(frame)) for frame in frames]))
    vertices, joints = vertices_and_joints("neutral", output)
    true, true_joints = true_bodies(frames, True)
    aligned = np.stack([by_svd(p, t) for p, t in zip(joints, true_joints, strict=True)])
    overall = model["overall"]
    assert overall["samples"] == 15
    assert overall["mpjpe_mm"] == pytest.approx(distances_mm(joints, true_joints).mean(), abs=0.01)
    assert overall["pa_mpjpe_mm"] == pytest.approx(distances_mm(aligned, true_joints).mean(), abs=0.01)
    assert overall["pve_mm"] == pytest.approx(distances_mm(vertices, true).mean(), abs=0.01)
