"""Flat-shaded open bodies with exact ground truth: people for training tests, drawn without a GL driver."""

from pathlib import Path

import numpy as np
import torch

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import Joints49
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.open_world.rig import rotmats_from_axis_angle
from occlusion_toolkit.training.crops_cache import CROP_PX, MARGIN, CachedPerson, CropsCache, halve
from occlusion_toolkit.training.losses import project

PALETTE = np.random.default_rng(3).uniform(40, 255, (24, 3))


def draw_people(body: BodyModel, count: int, seed: int = 0) -> list[CachedPerson]:
    """People in random mild poses under weak-perspective cameras, one colour per part."""
    rng = np.random.default_rng(seed)
    axis_angle = rng.normal(0, 0.25, (count, 24, 3))
    axis_angle[:, [16, 17], 2] += np.array([-1.0, 1.0]) * rng.uniform(0, 1.2, (count, 2))
    rotmats = rotmats_from_axis_angle(axis_angle)
    heading = rotmats_from_axis_angle(np.stack([np.array([0.0, a, 0.0]) for a in rng.uniform(-1, 1, count)]))
    rotmats[:, 0] = np.diag([1.0, -1.0, -1.0]) @ heading
    betas = torch.from_numpy(rng.normal(0, 1, (count, 10))).float()
    camera = torch.tensor([[0.85, 0.0, 0.25]]).repeat(count, 1)
    parameters = BodyParameters(torch.from_numpy(rotmats).float(), betas, camera)
    output = body(parameters)
    joints, skeleton = Joints49(body.arrays)(parameters), output.joints
    seen = project(joints, camera)
    pixels = (project(output.vertices, camera) / MARGIN + 1) * CROP_PX / 2
    fragments = rasterize(
        torch.cat((pixels, output.vertices[..., 2:] + 10), dim=2), body.faces, CROP_PX, CROP_PX
    )
    parts = body.vertex_parts[body.faces[:, 0]].numpy()
    people = []
    for row in range(count):
        face = fragments.face[row].numpy()
        labels = np.where(face >= 0, 1 + parts[face], 0).astype(np.uint8)
        depth = fragments.depth[row].nan_to_num(posinf=10.0).numpy()[..., None]
        shade = np.clip(1.0 - (depth - 10.0), 0.4, 1.2)
        background = rng.uniform(0, 255, 3)
        picture = np.where(labels[..., None] > 0, PALETTE[labels.astype(int) - 1] * shade, background)
        pelvis = skeleton[row, SMPL24.index("pelvis")]
        people.append(
            CachedPerson(
                picture.clip(0, 255).astype(np.uint8),
                halve(picture.clip(0, 255).astype(np.uint8)),
                labels[::2, ::2],
                parameters.rotmats[row].numpy(),
                betas[row].numpy(),
                (joints[row] - pelvis).numpy(),
                seen[row].numpy(),
            )
        )
    return people


def draw_cache(body: BodyModel, folder: Path) -> CropsCache:
    """A cache of 80 people in five sequences."""
    writer = CropsCache.create(folder, 80)
    for number in range(5):
        writer.append(f"sequence{number}", draw_people(body, 16, seed=number), "")
    return CropsCache(folder)
