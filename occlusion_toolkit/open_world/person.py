"""A dressed person at rest: garments as displaced shells, cut by the shader at landmarks of this body."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.open_world.outfit import Outfit
from occlusion_toolkit.open_world.rig import SkinnedMesh, vertex_normals
from occlusion_toolkit.open_world.wardrobe import (
    CHEST_PART,
    FEET,
    HEAD_PART,
    SHINS,
    Garment,
    Wardrobe,
)

SOLE_M = 0.012
"""How far a shoe's sole reaches below the foot."""


class Layer(IntEnum):
    """What is drawn, numbered as in person.frag."""

    SKIN = 0
    UPPER = 1
    LOWER = 2
    SKIRT = 3
    CAP = 4
    LONG_HAIR = 5
    SHOES = 6
    SEAT = 7


@dataclass(frozen=True)
class Landmarks:
    """Places of the T-pose in metres that cuts and faces refer to; `head` is centre and half height."""

    ankle_y: float
    knee_y: float
    hip_y: float
    waist_y: float
    neck_y: float
    sole_y: float
    shoulder_x: float
    wrist_x: float
    chest_z: float
    mouth_y: float
    head: tuple[float, float, float, float]
    eye_rest: tuple[float, float, float]


@dataclass(frozen=True)
class DressedPerson:
    """All layers of a person in one vertex list.

    Attributes:
        mesh: displaced rest shape with normals and weights, ready to pose.
        rest: (N, 3) undisplaced rest place of each vertex, which cuts and patterns are drawn by.
        parts: (N,) label of each vertex: 1 + SMPL part.
        openness: (N,) ambient openness.
        faces: triangles of each layer that is worn.
        joints: (24, 3) rest joints.
        body_count: the first `body_count` vertices are the bare body.
        landmarks: of this body.
    """

    mesh: SkinnedMesh
    rest: NDArray[np.float32]
    parts: NDArray[np.float32]
    openness: NDArray[np.float32]
    faces: dict[Layer, NDArray[np.int32]]
    joints: NDArray[np.float64]
    body_count: int
    landmarks: Landmarks


def _landmarks(wardrobe: Wardrobe, body: NDArray[np.float64], joints: NDArray[np.float64]) -> Landmarks:
    skull = body[wardrobe.body.parts == HEAD_PART]
    low, high = skull.min(axis=0), skull.max(axis=0)
    eye = body[wardrobe.arrays.vertex_ids["leye"]]
    half = float(high[1] - low[1]) / 2.0
    return Landmarks(
        ankle_y=float(joints[7, 1]),
        knee_y=float(joints[4, 1]),
        hip_y=float(joints[1, 1]),
        waist_y=float(joints[3, 1]),
        neck_y=float(joints[12, 1]),
        sole_y=float(body[:, 1].min()),
        shoulder_x=float(joints[16, 0]),
        wrist_x=float(joints[20, 0]),
        chest_z=float(np.mean(body[wardrobe.body.parts == CHEST_PART, 2])),
        mouth_y=float(body[wardrobe.mouth_corner, 1]),
        head=(0.0, float(high[1]) - half, float(low[2] + high[2]) / 2.0, half),
        eye_rest=(abs(float(eye[0])), float(eye[1]), float(eye[2])),
    )


def _folds(points: NDArray[np.float64], seed: float) -> NDArray[np.float64]:
    """Return a smooth pseudo-random field in -2..2 that swells and pinches loose cloth."""
    phase = 6.28 * seed
    return np.asarray(
        np.sin(19.0 * points[:, 0] + phase) * np.cos(15.0 * points[:, 1] + 2 * phase)
        + np.sin(23.0 * points[:, 2] + 3 * phase)
    )


class _Layers:
    """Collects the layers of a person in one vertex list."""

    def __init__(self) -> None:
        self.count = 0
        self.blocks: list[tuple[NDArray[np.floating], ...]] = []
        self.faces: dict[Layer, NDArray[np.int32]] = {}

    def add(
        self,
        layer: Layer,
        piece: Garment,
        rest: NDArray[np.float64],
        lift: NDArray[np.float64] | float = 0.0,
        chosen: NDArray[np.bool_] | None = None,
        drop: NDArray[np.float64] | float = 0.0,
    ) -> None:
        """Add a shell over a piece.

        Args:
            layer: that it belongs to.
            piece: with faces, weights and parts.
            rest: (V, 3) the piece on this body.
            lift: metres outwards, for all vertices or each.
            chosen: (V,) vertices that belong to it; None for all.
            drop: metres downwards.
        """
        outward = vertex_normals(rest, piece.faces).astype(np.float64)
        displaced = rest + outward * np.broadcast_to(lift, len(rest))[:, None]
        displaced[:, 1] -= drop
        faces = piece.faces if chosen is None else piece.faces[chosen[piece.faces].all(axis=1)]
        used, compact = np.unique(faces, return_inverse=True)
        triangles = compact.reshape(-1, 3)
        normals = vertex_normals(displaced[used], triangles)
        self.blocks.append(
            (
                displaced[used],
                normals,
                piece.weights[used],
                rest[used],
                piece.parts[used] + 1.0,
                piece.openness[used],
            )
        )
        shifted = (triangles + self.count).astype(np.int32)
        worn = self.faces.get(layer)
        self.faces[layer] = shifted if worn is None else np.concatenate([worn, shifted])
        self.count += len(used)


def dress(wardrobe: Wardrobe, betas: NDArray[np.float64], outfit: Outfit) -> DressedPerson:
    """Return a person of shape `betas` (10,) wearing an outfit."""
    body = wardrobe.body.shaped(betas)
    joints = wardrobe.joints(body)
    marks = _landmarks(wardrobe, body, joints)
    layers = _Layers()
    layers.add(Layer.SKIN, wardrobe.body, body)
    for eye in (wardrobe.pieces["left_eye"], wardrobe.pieces["right_eye"]):
        layers.add(Layer.SKIN, eye, eye.shaped(betas))
    _add_clothes(layers, wardrobe, betas, outfit, marks)
    _add_head_and_feet(layers, wardrobe, betas, body, outfit, marks)
    displaced, normals, weights, rest, parts, openness = (
        np.concatenate(column).astype(np.float32) for column in zip(*layers.blocks, strict=True)
    )
    mesh = SkinnedMesh(displaced, normals, weights)
    return DressedPerson(mesh, rest, parts, openness, layers.faces, joints, len(body), marks)


def _add_clothes(
    layers: _Layers, wardrobe: Wardrobe, betas: NDArray[np.float64], outfit: Outfit, marks: Landmarks
) -> None:
    tights = wardrobe.pieces["tights"]
    cloth = tights.shaped(betas)
    along_leg = np.clip((marks.hip_y - cloth[:, 1]) / (marks.hip_y - marks.ankle_y), 0.0, 1.0)
    if outfit.leg is not None and outfit.skirt is None:
        loose = 0.7 * outfit.looseness_m * (1.0 + 0.35 * _folds(cloth, outfit.seed + 0.37))
        layers.add(Layer.LOWER, tights, cloth, 0.004 + loose + outfit.flare_m * along_leg**1.5)
    if outfit.skirt is not None:
        skirt = wardrobe.pieces["skirt"]
        layers.add(Layer.SKIRT, skirt, skirt.shaped(betas), 0.004 + outfit.flare_m)
    if outfit.sleeve is not None:
        on_arm = np.clip(
            (np.abs(cloth[:, 0]) - marks.shoulder_x) / (marks.wrist_x - marks.shoulder_x), 0.0, 1.0
        )
        hanging = np.clip((marks.neck_y - 0.25 - cloth[:, 1]) / 0.35, 0.0, 1.0)
        wide = 1.0 + 0.9 * hanging * (on_arm <= 0) + (1.2 * on_arm if outfit.sleeve < 0.6 else 0.3)
        lift = 0.006 + outfit.looseness_m * (wide + 0.35 * _folds(cloth, outfit.seed))
        layers.add(Layer.UPPER, tights, cloth, lift + 0.002 * hanging)


def _add_head_and_feet(
    layers: _Layers,
    wardrobe: Wardrobe,
    betas: NDArray[np.float64],
    body: NDArray[np.float64],
    outfit: Outfit,
    marks: Landmarks,
) -> None:
    skin = wardrobe.body
    if outfit.cap or outfit.hat is not None:
        crown = np.clip((body[:, 1] - marks.eye_rest[1]) / (0.8 * marks.head[3]), 0.2, 1.0)
        thick = 0.014 if outfit.hat is not None else outfit.hair_thickness_m
        layers.add(Layer.CAP, skin, body, thick * crown + 0.002, skin.parts == HEAD_PART)
    if outfit.long_hair:
        hair = wardrobe.pieces["hair"]
        layers.add(Layer.LONG_HAIR, hair, hair.shaped(betas), 0.004)
    if outfit.shoe_height_m is not None:
        leg = np.isin(skin.parts, FEET) | (np.isin(skin.parts, SHINS) & (body[:, 1] < marks.ankle_y + 0.22))
        near_sole = np.clip((marks.sole_y + 0.05 - body[:, 1]) / 0.05, 0.0, 1.0)
        drop = np.maximum(SOLE_M * near_sole - 0.004, 0.0)
        layers.add(Layer.SHOES, skin, body, 0.006 + 0.005 * near_sole, leg, drop)
