"""24 part labels per vertex: the joint that moves it most, with collars grown by a rule."""

import numpy as np
from geometry import Array, Ids

from occlusion_toolkit.body.joints import SMPL24

_MIDLINE = (0, 3, 6, 9, 12, 15)
_SPINE3, _COLLARS, _SHOULDERS = 9, (13, 14), (16, 17)
_COLLAR_RADIUS = 0.105  # m


def part_labels(weights: Array, template: Array, joints: Array, mirror: Ids) -> Ids:
    """Labels (V,) in SMPL joint order.

    A vertex belongs to the joint with the largest weight. That leaves tiny collars, so a vertex
    of spine3 or of the shoulder becomes collar where the T-pose template is close to the collar
    bone: nearer than 0.105 m to the segment from the collar joint to the shoulder joint, at an
    inner point of the segment.
    """
    labels = weights.argmax(axis=1)
    for collar, shoulder in zip(_COLLARS, _SHOULDERS, strict=True):
        start, bone = joints[collar], joints[shoulder] - joints[collar]
        along = (template - start) @ bone / (bone @ bone)
        distance = np.linalg.norm(template - start - np.clip(along, 0, 1)[:, None] * bone, axis=1)
        grows = np.isin(labels, (_SPINE3, shoulder))
        labels[grows & (along > 0) & (along < 1) & (distance < _COLLAR_RADIUS)] = collar
    # Rounding must not decide: the left half decides for both, and the midline has no side.
    left, midline = template[:, 0] > 1e-6, mirror == np.arange(len(mirror))
    labels[mirror[left]] = np.array(SMPL24.mirror)[labels[left]]
    labels[midline] = np.array(_MIDLINE)[weights[midline][:, _MIDLINE].argmax(axis=1)]
    return labels
