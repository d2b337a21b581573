"""Sampled poses are within joint limits, everyday, and free of deep self-penetration."""

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from occlusion_toolkit.open_world.gestures import PAIRED, Gesture
from occlusion_toolkit.open_world.latents import LatentDraws, fresh_latents, moved_latents
from occlusion_toolkit.open_world.motion import moments
from occlusion_toolkit.open_world.poses import (
    FAMILIES,
    FAMILY_WEIGHTS,
    LIMITS,
    draw_posture,
    rotmats_of,
)
from occlusion_toolkit.open_world.rig import forward_kinematics
from occlusion_toolkit.open_world.self_contact import capsule_radii, penetrates
from occlusion_toolkit.open_world.wardrobe import load_wardrobe

KNEES, ELBOWS, HIPS = (4, 5), (18, 19), (1, 2)


def drawn(seed: int, family: str) -> np.ndarray:
    generator = np.random.default_rng(seed)
    draws = LatentDraws(fresh_latents(generator), fresh_latents(generator))
    return rotmats_of(draw_posture(draws, family, generator.uniform(0, 2 * np.pi)), draws)


@pytest.fixture(scope="module")
def skeleton() -> tuple[np.ndarray, np.ndarray]:
    wardrobe = load_wardrobe()
    body = wardrobe.body.vertices
    joints = wardrobe.joints(body)
    return joints, capsule_radii(body, joints, wardrobe.body.parts)


@pytest.mark.parametrize("family", FAMILIES)
def test_hinges_bend_one_way_within_their_limits(family: str):
    for seed in range(50):
        rotmats = drawn(seed, family)
        assert np.allclose(np.linalg.det(rotmats), 1.0)
        for knee in KNEES:
            bend = Rotation.from_matrix(rotmats[knee]).as_rotvec()
            assert -1e-9 <= bend[0] <= LIMITS["knee_flexion"][1] + 1e-9
            assert np.allclose(bend[1:], 0.0, atol=1e-9)
        for elbow, side in zip(ELBOWS, (1.0, -1.0), strict=True):
            forearm = rotmats[elbow] @ np.array([side, 0.0, 0.0])
            bend = np.arctan2(forearm[2], side * forearm[0])
            assert LIMITS["elbow_flexion"][0] - 1e-9 <= bend <= LIMITS["elbow_flexion"][1] + 1e-9
            assert abs(forearm[1]) < 1e-9
        for hip in HIPS:
            thigh = rotmats[hip] @ np.array([0.0, -1.0, 0.0])
            forward = np.arctan2(thigh[2], np.hypot(thigh[0], thigh[1]) * -np.sign(thigh[1]))
            assert forward <= LIMITS["hip_flexion"][1] + 0.05


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ("sit", "crouch", "bend")])
def test_everyday_families_keep_the_head_above_the_hips(family: str, skeleton):
    heights = []
    for seed in range(25):
        _, joints = forward_kinematics(skeleton[0], drawn(seed, family))
        heights.append(joints[15, 1] - joints[0, 1])
    assert np.median(heights) > 0.4


def test_poses_off_balance_are_common_and_upright_ones_commoner():
    weights = dict(zip(FAMILIES, FAMILY_WEIGHTS, strict=True))
    assert sum(FAMILY_WEIGHTS) == pytest.approx(1.0)
    off_balance = sum(weights[family] for family in ("lean", "bend", "balance", "step"))
    assert 0.2 <= off_balance < weights["stand"] + weights["walk"] + weights["gesture"]


def test_the_same_latents_give_the_same_pose_and_near_ones_a_near_pose():
    generator = np.random.default_rng(2)
    latents, discrete = fresh_latents(generator), fresh_latents(generator)

    def pose(values: np.ndarray) -> np.ndarray:
        draws = LatentDraws(values, discrete)
        return rotmats_of(draw_posture(draws, "gesture", 0.0), draws)

    def apart(first: np.ndarray, second: np.ndarray) -> float:
        relative = Rotation.from_matrix(np.swapaxes(first, 1, 2) @ second)
        return float(np.degrees(relative.magnitude()).max())

    assert apart(pose(latents), pose(latents)) < 1e-6
    near = apart(pose(latents), pose(moved_latents(latents, generator, 0.05)))
    far = apart(pose(latents), pose(moved_latents(latents, generator, 1.0)))
    assert 0.0 < near < 15.0 < far


def test_arms_of_both_sides_mirror_each_other():
    gestures = {gesture for first, second, _ in PAIRED for gesture in (first, second)}
    assert len(gestures) > 10
    mirror = np.diag([-1.0, 1.0, 1.0])
    for gesture in gestures:
        assert isinstance(gesture, Gesture)
        draws = LatentDraws(np.zeros(200), np.zeros(200))
        posture = draw_posture(draws, "stand", 0.0)
        arm = gesture.draw(LatentDraws(np.zeros(5), np.zeros(5)))
        posture.arms = [arm, arm]
        rotmats = rotmats_of(posture, LatentDraws(np.zeros(200), np.zeros(200)))
        for left in (13, 16, 18, 20):
            assert np.allclose(mirror @ rotmats[left] @ mirror, rotmats[left + 1], atol=1e-9)


def test_a_hand_inside_the_belly_is_rejected_and_a_t_pose_is_not(skeleton):
    joints, radii = skeleton
    assert not penetrates(joints, radii)
    pierced = joints.copy()
    pierced[[20, 22]] = joints[3]
    assert penetrates(pierced, radii)


def test_accepted_poses_pass_the_capsules(skeleton):
    joints, radii = skeleton
    stream = moments(np.random.default_rng(1), "train", joints, radii, continuous=False)
    for _ in range(50):
        assert not penetrates(forward_kinematics(joints, next(stream).rotmats)[1], radii)


def test_a_film_moves_on_in_small_steps_and_keeps_its_family(skeleton):
    joints, radii = skeleton
    film = moments(np.random.default_rng(4), "test", joints, radii, continuous=True)
    shots = [next(film) for _ in range(6)]
    assert len({shot.family for shot in shots}) == 1
    assert all(later.phase > earlier.phase for earlier, later in itertools.pairwise(shots))
