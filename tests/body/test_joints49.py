import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from support.smpl_like_body import smpl_like_arrays

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE, SPIN49, Joints49
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters

# Position of each of the 49 joints among 24 joints, 21 vertices and 9 regressed joints, from the description
# of SPIN's joint map: names there, indices here.
KINEMATIC = {
    "openpose_neck": 12, "openpose_right_shoulder": 17, "openpose_left_wrist": 20, "openpose_mid_hip": 0,
    "openpose_right_hip": 2, "openpose_left_ankle": 7, "right_ankle": 8, "right_knee": 5, "left_knee": 4,
    "right_wrist": 21, "right_elbow": 19, "left_shoulder": 16, "left_elbow": 18, "left_wrist": 20,
}  # fmt: skip
VERTICES = {
    "openpose_nose": 332, "openpose_right_eye": 6260, "openpose_left_ear": 583, "openpose_left_big_toe": 3216,
    "openpose_left_heel": 3387, "openpose_right_small_toe": 6624, "nose": 332, "left_eye": 2800,
    "right_eye": 6260, "left_ear": 583, "right_ear": 4071,
}  # fmt: skip
EXTRA = ("right_hip", "left_hip", "neck", "head_top", "pelvis_mpii", "thorax_mpii", "spine_h36m", "jaw_h36m",
         "head_h36m")  # fmt: skip


def _parameters(count: int, seed: int = 0) -> BodyParameters:
    rng = np.random.default_rng(seed)
    rotmats = Rotation.from_rotvec(rng.normal(0, 0.3, (count * 24, 3))).as_matrix().reshape(count, 24, 3, 3)
    betas = torch.from_numpy(rng.normal(size=(count, 10))).float()
    return BodyParameters(torch.from_numpy(rotmats).float(), betas, torch.zeros(count, 3))


def test_joints_are_those_of_the_mesh_on_a_body_of_smpls_size() -> None:
    arrays = smpl_like_arrays()
    extra = np.zeros((9, 6890))
    extra[np.arange(9), 700 * np.arange(9)] = 1.0
    body, parameters = BodyModel(arrays), _parameters(3)
    posed = body(parameters)
    joints = Joints49(arrays, extra)(parameters)

    def of(name: str) -> torch.Tensor:
        return joints[:, SPIN49.index(name)]

    for name, joint in KINEMATIC.items():
        assert torch.allclose(of(name), posed.joints[:, joint], atol=1e-5), name
    for name, vertex in VERTICES.items():
        assert torch.allclose(of(name), posed.vertices[:, vertex], atol=1e-5), name
    for row, name in enumerate(EXTRA):
        assert torch.allclose(of(name), posed.vertices[:, 700 * row], atol=1e-5), name


def test_mirroring_twice_is_identity_and_sides_swap() -> None:
    for joints in (J24, SPIN49):
        assert [joints.mirror[joint] for joint in joints.mirror] == list(range(len(joints)))
        for name, image in zip(joints.joint_names, joints.mirror, strict=True):
            swapped = name.replace("left", "@").replace("right", "left").replace("@", "right")
            assert joints.joint_names[image] == swapped


def test_open_body_has_symmetric_joints_without_the_extra_file() -> None:
    body = load_open_body()
    rest = BodyParameters(
        torch.eye(3).expand(1, 24, 3, 3).contiguous(), torch.zeros(1, 10), torch.zeros(1, 3)
    )
    joints = Joints49(body.arrays)(rest)[0]
    mirrored = joints[list(SPIN49.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
    assert float((joints - mirrored).norm(dim=1).max()) < 0.01
    assert float(joints[NUM_OPENPOSE + J24.index("head_top"), 1]) > float(joints[0, 1])
    ankle = body.joints(rest, SMPL24)[0, SMPL24.index("left_ankle")]
    assert torch.allclose(joints[SPIN49.index("left_ankle")], ankle)


def test_gradients_reach_pose_and_shape() -> None:
    parameters = _parameters(1)
    rotmats, betas = parameters.rotmats.requires_grad_(), parameters.betas.requires_grad_()
    Joints49(load_open_body().arrays)(BodyParameters(rotmats, betas, parameters.camera)).sum().backward()
    assert rotmats.grad is not None
    assert betas.grad is not None
    assert float(betas.grad.abs().sum()) > 0


def test_joint_sets_are_complete() -> None:
    assert (len(SPIN49), len(J24)) == (49, 24)
    with pytest.raises(Exception, match="left_thumb"):
        J24.index("left_thumb")
