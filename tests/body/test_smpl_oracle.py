"""Our body over an official-format file against smplx's own SMPL class over the same numbers."""

import contextlib
import io
import pickle

import numpy as np
import pytest
import smplx
import torch
from scipy import sparse
from support.body_fixtures import random_people, skinned_by_hand
from support.smpl_files_writer import shared_smpl_folder
from support.smpl_like_body import smpl_like_arrays

from occlusion_toolkit.body.arrays import GENDERS
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import H36M17, LSP14, LSP_FROM_H36M, SMPL24


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    return Bodies(shared_smpl_folder(tmp_path_factory))


def smplx_body(folder, gender):
    """smplx's reader opens pickles without any guard, so it gets one of plain arrays made here."""
    arrays = smpl_like_arrays(gender)
    content = {
        "v_template": arrays.v_template,
        "shapedirs": arrays.shapedirs,
        "posedirs": arrays.posedirs,
        "J_regressor": sparse.csc_matrix(arrays.joint_regressor),
        "weights": arrays.weights,
        "f": arrays.faces.astype(np.uint32),
        "kintree_table": np.stack([arrays.parents, np.arange(24)]),
    }
    path = folder / f"SMPL_{gender.upper()}.pkl"
    path.write_bytes(pickle.dumps(content))
    with contextlib.redirect_stdout(io.StringIO()):  # a warning that there are 10 betas
        return smplx.SMPL(str(folder), gender=gender, dtype=torch.float64)


@pytest.mark.parametrize("gender", GENDERS)
def test_vertices_and_joints_are_those_of_smplx(bodies, tmp_path, gender):
    people = random_people(8, seed=3, dtype=torch.float64)
    with torch.no_grad():
        theirs = smplx_body(tmp_path, gender)(
            betas=people.betas,
            global_orient=people.rotmats[:, :1],
            body_pose=people.rotmats[:, 1:],
            pose2rot=False,
        )
        single = bodies.load("smpl", gender)
        ours = single(random_people(8, seed=3))
        joints = single.joints(random_people(8, seed=3), SMPL24)
    np.testing.assert_allclose(ours.vertices, theirs.vertices, atol=1e-6, rtol=0)
    np.testing.assert_allclose(joints, theirs.joints[:, :24], atol=1e-6, rtol=0)


def test_evaluation_joints_are_the_published_regressor_times_the_vertices(bodies):
    people = random_people(4, seed=5)
    body = bodies.load("smpl")
    with torch.no_grad():
        vertices = body(people).vertices.double().numpy()
        h36m = body.joints(people, H36M17).numpy()
        lsp = body.joints(people, LSP14).numpy()
    wanted = np.load(bodies.smpl_dir / "J_regressor_h36m.npy") @ vertices
    np.testing.assert_allclose(h36m, wanted, atol=2e-6, rtol=0)
    np.testing.assert_allclose(lsp, wanted[:, list(LSP_FROM_H36M)], atol=2e-6, rtol=0)


def test_genders_differ_in_shape(bodies):
    people = random_people(1, seed=7, dtype=torch.float64)
    rotmats, betas = people.rotmats[0].numpy(), people.betas[0].numpy()
    for gender in GENDERS:
        vertices, _ = skinned_by_hand(smpl_like_arrays(gender), rotmats, betas)
        with torch.no_grad():
            loaded = bodies.load("smpl", gender)(random_people(1, seed=7)).vertices[0]
        np.testing.assert_allclose(loaded, vertices, atol=1e-6, rtol=0)
