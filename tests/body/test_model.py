import copy

import numpy as np
import pytest
import torch
from support.body_fixtures import random_people, skinned_by_hand, tpose, with_random_posedirs

from occlusion_toolkit.body.arrays import BodyArrays
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import H36M17, LSP14, LSP_FROM_H36M, SMPL24, JointSet
from occlusion_toolkit.body.open_body import load_open_body, open_body_arrays
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import BodyModelError

JOINT_SETS = (SMPL24, H36M17, LSP14)


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


@pytest.fixture(scope="module")
def posed_body() -> BodyModel:
    """A body with pose-dependent offsets."""
    return BodyModel(with_random_posedirs())


def from_mesh(model: BodyModel, parameters: BodyParameters, joint_set: JointSet) -> torch.Tensor:
    """Joints the long way: the whole mesh, then the regressor."""
    output = model(parameters)
    if joint_set == SMPL24:
        return output.joints
    regressor = torch.tensor(model.arrays.h36m_regressor, dtype=output.vertices.dtype)
    regressed = regressor @ output.vertices
    return regressed if joint_set == H36M17 else regressed[:, list(LSP_FROM_H36M)]


@pytest.mark.parametrize("arrays", [open_body_arrays(), with_random_posedirs()], ids=["open", "posedirs"])
def test_mesh_agrees_with_skinning_by_hand(arrays: BodyArrays) -> None:
    model = BodyModel(arrays).double()
    people = random_people(3, seed=1, dtype=torch.float64)
    output = model(people)
    for person in range(3):
        vertices, joints = skinned_by_hand(
            arrays, people.rotmats[person].numpy(), people.betas[person].numpy()
        )
        # smplx keeps single-precision copies of the arrays until .double().
        np.testing.assert_allclose(output.vertices[person].numpy(), vertices, atol=2e-6)
        np.testing.assert_allclose(output.joints[person].numpy(), joints, atol=2e-6)


@pytest.mark.parametrize("joint_set", JOINT_SETS, ids=lambda joints: joints.name)
@pytest.mark.parametrize("name", ["body", "posed_body"])
def test_joints_alone_agree_with_joints_of_the_mesh(
    name: str, joint_set: JointSet, request: pytest.FixtureRequest
) -> None:
    model: BodyModel = request.getfixturevalue(name)
    people = random_people(32, seed=2)
    difference = model.joints(people, joint_set) - from_mesh(model, people, joint_set)
    assert difference.abs().max() < 1e-6


def test_posedirs_reach_the_regressed_joints(body: BodyModel, posed_body: BodyModel) -> None:
    people = random_people(4, seed=3)
    assert (posed_body.joints(people, LSP14) - body.joints(people, LSP14)).abs().max() > 1e-3
    assert torch.equal(posed_body.joints(people, SMPL24), body.joints(people, SMPL24))


@pytest.mark.parametrize("joint_set", JOINT_SETS, ids=lambda joints: joints.name)
def test_centred_joints_are_joints_minus_pelvis(body: BodyModel, joint_set: JointSet) -> None:
    people = random_people(5, seed=4)
    joints, pelvis = body.joints(people, joint_set), body.pelvis(people, joint_set)
    assert torch.equal(body.centred_joints(people, joint_set), joints - pelvis[:, None])


def test_pelvis_is_joint_zero_or_the_regressed_one(body: BodyModel) -> None:
    people = random_people(5, seed=4)
    assert torch.equal(body.pelvis(people, SMPL24), body.joints(people, SMPL24)[:, 0])
    assert torch.equal(body.pelvis(people, LSP14), body.joints(people, H36M17)[:, 0])


def test_root_rotation_turns_the_body_about_its_pelvis(body: BodyModel) -> None:
    upright = tpose()
    turn = torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])
    turned = BodyParameters(upright.rotmats.clone(), upright.betas, upright.camera)
    turned.rotmats[:, 0] = turn
    expected = body.centred_joints(upright, SMPL24) @ turn.T
    torch.testing.assert_close(body.centred_joints(turned, SMPL24), expected, atol=1e-6, rtol=0)
    assert torch.equal(body.pelvis(turned, SMPL24), body.pelvis(upright, SMPL24))


def test_batch_members_do_not_influence_each_other(body: BodyModel) -> None:
    people = random_people(9, seed=5)
    together = body.joints(people, LSP14)
    for person in range(9):
        alone = body.joints(people[person : person + 1], LSP14)[0]
        torch.testing.assert_close(alone, together[person], atol=1e-6, rtol=0)


@pytest.mark.parametrize("joint_set", [SMPL24, LSP14], ids=lambda joints: joints.name)
def test_gradients_of_joints_match_finite_differences(joint_set: JointSet) -> None:
    model = load_open_body().double()
    people = random_people(1, seed=6, dtype=torch.float64)

    def joints(rotmats: torch.Tensor, betas: torch.Tensor) -> torch.Tensor:
        return model.joints(BodyParameters(rotmats, betas, people.camera), joint_set)

    inputs = (people.rotmats.requires_grad_(), people.betas.requires_grad_())
    assert torch.autograd.gradcheck(joints, inputs, atol=1e-6, fast_mode=True)


def test_gradients_flow_through_the_mesh(body: BodyModel) -> None:
    people = random_people(2, seed=7)
    people.rotmats.requires_grad_()
    people.betas.requires_grad_()
    body(people).vertices.square().sum().backward()
    assert people.rotmats.grad is not None
    assert people.betas.grad is not None
    assert (people.rotmats.grad.abs().amax(dim=(2, 3)) > 0).all()
    assert (people.betas.grad.abs() > 0).all()


def test_result_follows_dtype_and_leaves_other_copies_alone(body: BodyModel) -> None:
    double = copy.deepcopy(body).double()
    people = random_people(4, seed=9, dtype=torch.float64)
    joints = double.joints(people, LSP14)
    assert joints.dtype == torch.float64
    single = body.joints(people.to("cpu", torch.float32), LSP14)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), joints, atol=1e-6, rtol=0)


def test_autocast_does_not_cost_precision(body: BodyModel) -> None:
    people = random_people(4, seed=10)
    expected = body.joints(people, LSP14)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(body.joints(people, LSP14), expected)
        assert body(people).vertices.dtype == torch.float32


def test_checkpoints_never_carry_the_body(body: BodyModel) -> None:
    assert body.state_dict() == {}
    assert list(body.parameters()) == []


def test_empty_batch_is_refused(body: BodyModel) -> None:
    people = random_people(2, seed=0)[:0]
    for call in (lambda: body(people), lambda: body.joints(people, SMPL24)):
        with pytest.raises(BodyModelError, match="no people"):
            call()


def test_other_dtype_is_refused_with_the_way_out(body: BodyModel) -> None:
    with pytest.raises(BodyModelError, match=r"torch\.float64.*torch\.float32.*\.to\("):
        body.joints(random_people(1, seed=0, dtype=torch.float64), SMPL24)


def test_unknown_joint_set_is_refused(body: BodyModel) -> None:
    with pytest.raises(BodyModelError, match="coco"):
        body.joints(tpose(), JointSet("coco", ("nose",), (0,)))


def test_constructing_a_body_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    BodyModel(open_body_arrays())
    assert capsys.readouterr().out == ""
