"""Everyday poses: half of them standing, walking and gesturing, others sitting, reaching, bending, stepping.

Angles are drawn around natural modes and clipped to joint limits. Signs follow SMPL's T-pose (y up, z front,
+x body left); a mirrored joint has the same x component and opposite y and z components.
"""

from dataclasses import dataclass, field

import numpy as np

from occlusion_toolkit.open_world import gestures, off_balance
from occlusion_toolkit.open_world.gestures import Arm
from occlusion_toolkit.open_world.latents import LatentDraws
from occlusion_toolkit.open_world.rig import Floats, rotmats_from_axis_angle

LEFT, RIGHT = 0, 1
SIDES = (1.0, -1.0)

LIMITS = {
    "hip_flexion": (-0.6, 2.1),
    "hip_abduction": (-0.2, 0.9),
    "hip_rotation": (-0.5, 0.8),
    "knee_flexion": (0.0, 2.4),
    "ankle_flexion": (-0.6, 0.5),
    "arm_elevation": (0.06, 2.9),
    "arm_azimuth": (-1.7, 1.9),
    "arm_twist": (-1.3, 1.4),
    "elbow_flexion": (0.02, 2.45),
    "pronation": (-1.3, 1.3),
}
"""Joint limits in radians; hips, knees and elbows never leave them."""


@dataclass
class Posture:
    """Named angles of a pose in radians; index 0 is left, 1 is right."""

    family: str
    hip_flexion: list[float]
    hip_abduction: list[float]
    hip_rotation: list[float]
    knee_flexion: list[float]
    ankle_flexion: list[float]
    arms: list[Arm]
    spine_flexion: float
    spine_twist: float
    spine_side: float
    head: Floats
    root_tilt: Floats = field(default_factory=lambda: np.zeros(3))


def _standing(draws: LatentDraws) -> Posture:
    """Weight on both legs or on one, arms in one of the everyday gestures."""
    posture = Posture(
        family="stand",
        hip_flexion=[draws.normal(0.0, 0.07), draws.normal(0.0, 0.07)],
        hip_abduction=[draws.normal(0.08, 0.06), draws.normal(0.08, 0.06)],
        hip_rotation=[draws.normal(0.15, 0.13), draws.normal(0.15, 0.13)],
        knee_flexion=[abs(draws.normal(0.04, 0.08)), abs(draws.normal(0.04, 0.08))],
        ankle_flexion=[draws.normal(0.0, 0.06), draws.normal(0.0, 0.06)],
        arms=gestures.draw_pair(draws),
        spine_flexion=draws.normal(0.04, 0.09),
        spine_twist=draws.normal(0.0, 0.13),
        spine_side=draws.normal(0.0, 0.06),
        head=np.array([draws.normal(0.08, 0.22), draws.normal(0.0, 0.4), draws.normal(0.0, 0.12)]),
        root_tilt=np.array([draws.normal(0.03, 0.08), 0.0, draws.normal(0.0, 0.05)]),
    )
    relaxed = draws.normal(0.35, 0.15)
    if draws.chance(0.35):  # contrapposto: one knee soft, that hip forward
        side = LEFT if draws.chance(0.5) else RIGHT
        posture.knee_flexion[side] += abs(relaxed)
        posture.hip_flexion[side] += 0.6 * abs(relaxed)
        posture.spine_side += 0.08 * (1 if side == LEFT else -1)
    return posture


def _stride(draws: LatentDraws, phase: float, amplitude: float, posture: Posture, *, running: bool) -> None:
    """Write a gait into legs and hanging arms; `phase` in radians, left foot forward at pi/2."""
    swing_gain = draws.uniform(0.7, 1.25)
    for side in (LEFT, RIGHT):
        angle = phase + (0.0 if side == LEFT else np.pi)
        lift = max(0.0, float(np.cos(angle))) ** 1.4
        posture.hip_flexion[side] = amplitude * float(np.sin(angle)) + (0.3 if running else 0.06)
        posture.knee_flexion[side] = (
            (0.4 + 2.0 * amplitude * lift) if running else (0.08 + 2.1 * amplitude * lift)
        )
        posture.ankle_flexion[side] = -0.35 * amplitude * float(np.sin(angle + 0.6))
        forward = -amplitude * float(np.sin(angle)) * swing_gain * (1.0 if running else 0.8)
        arm = (gestures.RUNNING if running else gestures.SWINGING).draw(draws)
        sideways = arm.elevation
        arm.elevation = float(np.hypot(sideways, forward))
        arm.azimuth = float(np.arctan2(forward, sideways))
        if arm.azimuth < LIMITS["arm_azimuth"][0]:
            arm.azimuth = LIMITS["arm_azimuth"][0]
        arm.elbow += 0.0 if running else 0.45 * max(0.0, forward)
        posture.arms[side] = arm
    posture.spine_twist += 0.22 * amplitude * float(np.sin(phase))
    posture.spine_flexion += 0.2 if running else 0.03


def _walking(draws: LatentDraws, phase: float) -> Posture:
    posture = _standing(draws)
    posture.family = "walk"
    gestured = posture.arms
    posture.arms = list(gestured)
    _stride(draws, phase, draws.uniform(0.28, 0.52), posture, running=False)
    if draws.chance(0.3):  # one hand busy with a phone, a bag or the talk
        side = LEFT if draws.chance(0.5) else RIGHT
        posture.arms[side] = gestured[side]
    return posture


def _running(draws: LatentDraws, phase: float) -> Posture:
    posture = _standing(draws)
    posture.family = "run"
    _stride(draws, phase, draws.uniform(0.5, 0.95), posture, running=True)
    return posture


def _gesturing(draws: LatentDraws) -> Posture:
    posture = _standing(draws)
    posture.family = "gesture"
    posture.arms = gestures.draw_anywhere(draws)
    posture.spine_twist += draws.normal(0.0, 0.12)
    return posture


def _reaching(draws: LatentDraws) -> Posture:
    posture = _standing(draws)
    posture.family = "reach"
    bend = abs(draws.normal(0.35, 0.35))
    posture.spine_flexion += 0.6 * bend
    posture.root_tilt[0] = 0.55 * bend
    for side in (LEFT, RIGHT):  # the legs stay upright while the pelvis tilts
        posture.hip_flexion[side] += 0.55 * bend
        posture.knee_flexion[side] += 0.25 * bend
    low = draws.chance(0.5)
    chosen = gestures.REACHING_FORWARD if low else gestures.REACHING_UP
    arms = [chosen.draw(draws), gestures.HANGING.draw(draws)]
    both = chosen.draw(draws)
    if draws.chance(0.4):
        arms[1] = both
    posture.arms = arms if draws.chance(0.5) else arms[::-1]
    return posture


def _sitting(draws: LatentDraws) -> Posture:
    posture = _standing(draws)
    posture.family = "sit"
    gestured = posture.arms
    base, knee = draws.normal(1.42, 0.12), draws.normal(1.4, 0.3)
    for side in (LEFT, RIGHT):
        posture.hip_flexion[side] = base + draws.normal(0.0, 0.08)
        posture.knee_flexion[side] = min(max(knee + draws.normal(0.0, 0.25), 0.5), 1.9)
        posture.hip_abduction[side] = draws.normal(0.12, 0.12)
        posture.hip_rotation[side] = draws.normal(0.05, 0.15)
        posture.ankle_flexion[side] = draws.normal(0.0, 0.15)
    lean = draws.normal(0.1, 0.2)
    posture.spine_flexion = lean + 0.12
    posture.root_tilt[0] = -0.1
    lap, table = ([gesture.draw(draws) for _ in SIDES] for gesture in (gestures.ON_LAP, gestures.ON_TABLE))
    posture.arms = (lap, table, gestured)[draws.choice((0.45, 0.25, 0.3))]
    return posture


def _crouching(draws: LatentDraws) -> Posture:
    """Squats, lunges, one knee down and steps up."""
    posture = _standing(draws)
    posture.family = "crouch"
    depth = draws.uniform(0.3, 1.9)
    for side in (LEFT, RIGHT):
        posture.hip_flexion[side] = depth * draws.uniform(0.85, 1.1)
        posture.knee_flexion[side] = depth * draws.uniform(1.0, 1.25)
        posture.hip_abduction[side] = abs(draws.normal(0.2, 0.15))
        posture.hip_rotation[side] = draws.normal(0.25, 0.15)
        posture.ankle_flexion[side] = -0.22 * depth
    back_hip, back_knee = draws.normal(-0.1, 0.2), draws.uniform(0.3, 1.6)
    stand_hip, stand_knee = draws.normal(0.05, 0.1), abs(draws.normal(0.1, 0.1))
    kind = draws.choice((0.4, 0.3, 0.3))
    if kind > 0:
        side = LEFT if draws.chance(0.5) else RIGHT
        lunge = kind == 1
        posture.hip_flexion[side] = back_hip if lunge else stand_hip
        posture.knee_flexion[side] = back_knee if lunge else stand_knee
        posture.ankle_flexion[side] = 0.3 if lunge else 0.0
    posture.spine_flexion += abs(draws.normal(0.2, 0.2))
    posture.root_tilt[0] = 0.18 * depth if kind == 0 else 0.05
    return posture


def _stretching(draws: LatentDraws) -> Posture:
    """Dance and sport: arms anywhere, a leg raised, the trunk bent and twisted."""
    posture = _standing(draws)
    posture.family = "stretch"
    posture.arms = gestures.draw_anywhere(draws)
    leg = LEFT if draws.chance(0.5) else RIGHT
    hip, knee, aside = draws.normal(0.5, 0.45), abs(draws.normal(0.5, 0.5)), abs(draws.normal(0.2, 0.25))
    if draws.chance(0.6):
        posture.hip_flexion[leg], posture.knee_flexion[leg] = hip, knee
        posture.hip_abduction[leg] = aside
    posture.spine_flexion += draws.normal(0.05, 0.25)
    posture.spine_twist += draws.normal(0.0, 0.28)
    posture.spine_side += draws.normal(0.0, 0.18)
    posture.root_tilt = np.array([draws.normal(0.0, 0.12), 0.0, draws.normal(0.0, 0.1)])
    return posture


_GAITS = {"walk": _walking, "run": _running}
_POSTURES = {
    "stand": _standing,
    "gesture": _gesturing,
    "reach": _reaching,
    "sit": _sitting,
    "crouch": _crouching,
    "stretch": _stretching,
}
_OFF_BALANCE = {
    "lean": off_balance.lean,
    "bend": off_balance.bend,
    "balance": off_balance.balance,
    "step": off_balance.step,
}
FAMILIES = ("stand", "walk", "gesture", "reach", "sit", "crouch", "run", "stretch", *_OFF_BALANCE)
FAMILY_WEIGHTS = (0.17, 0.17, 0.10, 0.08, 0.10, 0.06, 0.04, 0.06, 0.07, 0.05, 0.05, 0.05)


def draw_posture(draws: LatentDraws, family: str, phase: float) -> Posture:
    """Return the angles of one pose.

    Args:
        draws: random numbers, which fix the pose entirely.
        family: one of `FAMILIES`.
        phase: gait phase in radians, used by walking and running.
    """
    if family in _GAITS:
        return _GAITS[family](draws, phase)
    if family in _POSTURES:
        return _POSTURES[family](draws)
    posture = _standing(draws)
    posture.family = family
    _OFF_BALANCE[family](draws, posture)
    return posture


def _limited(name: str, value: float) -> float:
    low, high = LIMITS[name]
    return min(max(value, low), high)


def _between(source: Floats, target: Floats) -> Floats:
    """Return the smallest rotation that turns unit vector `source` to `target`, as a matrix (3, 3)."""
    axis = np.cross(source, target)
    sine, cosine = float(np.linalg.norm(axis)), float(source @ target)
    if sine < 1e-9:
        return np.eye(3)
    return rotmats_from_axis_angle(axis / sine * np.arctan2(sine, cosine))


def _turn(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Floats:
    return rotmats_from_axis_angle(np.array([x, y, z]))


def _arm_rotations(arm: Arm, side: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return collar, shoulder, elbow and wrist rotations; a quarter of a raised arm is the collar's.

    The forearm's twist is shared half and half by elbow and wrist, or the skin of the wrist would wring.
    """
    elevation = _limited("arm_elevation", arm.elevation)
    azimuth = _limited("arm_azimuth", arm.azimuth)
    direction = np.array(
        [side * np.sin(elevation) * np.cos(azimuth), -np.cos(elevation), np.sin(elevation) * np.sin(azimuth)]
    )
    raised = max(0.0, elevation - 0.7)
    collar = _turn(z=side * min(0.22 * raised, 0.5)) @ _turn(y=-side * 0.08 * np.sin(azimuth) * elevation)
    upper = _between(np.array([side, 0.0, 0.0]), direction) @ _turn(x=-_limited("arm_twist", arm.twist))
    pronation = _limited("pronation", arm.pronation)
    elbow = _turn(y=-side * _limited("elbow_flexion", arm.elbow)) @ _turn(x=0.5 * pronation)
    return collar, collar.T @ upper, elbow, _turn(x=0.5 * pronation)


def rotmats_of(posture: Posture, draws: LatentDraws) -> Floats:
    """Return local joint rotations (24, 3, 3) of a posture; the root carries the tilt, not the heading."""
    rotmats = np.tile(np.eye(3), (24, 1, 1))
    rotmats[0] = rotmats_from_axis_angle(posture.root_tilt)
    for index, side in enumerate(SIDES):
        hip = (
            _turn(x=-_limited("hip_flexion", posture.hip_flexion[index]))
            @ _turn(z=side * _limited("hip_abduction", posture.hip_abduction[index]))
            @ _turn(y=side * _limited("hip_rotation", posture.hip_rotation[index]))
        )
        rotmats[1 + index] = hip
        rotmats[4 + index] = _turn(x=_limited("knee_flexion", posture.knee_flexion[index]))
        ankle = _limited("ankle_flexion", posture.ankle_flexion[index])
        rotmats[7 + index] = _turn(x=ankle) @ _turn(y=draws.normal(0.0, 0.06), z=draws.normal(0.0, 0.05))
        rotmats[10 + index] = _turn(x=draws.normal(0.0, 0.05))
        collar, shoulder, elbow, wrist = _arm_rotations(posture.arms[index], side)
        rotmats[13 + index] = collar
        rotmats[16 + index] = shoulder
        rotmats[18 + index] = elbow
        rotmats[20 + index] = wrist @ _turn(y=draws.normal(0.0, 0.15), z=side * draws.normal(-0.05, 0.18))
        rotmats[22 + index] = _turn(z=-side * abs(draws.normal(0.15, 0.15)))
    for joint, share in ((3, 0.4), (6, 0.35), (9, 0.25)):
        rotmats[joint] = _turn(
            x=share * posture.spine_flexion + draws.normal(0.0, 0.02),
            y=share * posture.spine_twist,
            z=share * posture.spine_side,
        )
    rotmats[12] = rotmats_from_axis_angle(0.4 * posture.head)
    rotmats[15] = rotmats_from_axis_angle(0.6 * posture.head)
    return rotmats
