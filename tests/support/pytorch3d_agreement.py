"""Compares the two rasterisers on random bodies; a program, as PyTorch3D lives in an environment of its own.

PYTHONPATH=tests python tests/support/pytorch3d_agreement.py 100
"""

import json
import sys

import torch

from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.rasterize import rasterize, rasterize_pytorch3d
from support.body_fixtures import random_people

RESOLUTION = 224


def agreement(count: int) -> dict[str, float]:
    """How often both name the same owner, and how far 99 % of the depths are apart at most.

    Bodies fill 80 % of their crops; back faces are drawn and culled by turns.
    """
    body = load_open_body()
    with torch.no_grad():
        vertices = body(random_people(count, seed=3)).vertices
    low, high = vertices[..., :2].amin(dim=1), vertices[..., :2].amax(dim=1)
    camera = torch.cat([1.6 / (high - low).amax(dim=1, keepdim=True), -(low + high) / 2], dim=1)
    covered, same, depth_m = 0, 0, []
    for number, points in enumerate(project_to_crop(vertices, camera, RESOLUTION)):
        ours, theirs = (
            draw(points[None], body.faces, RESOLUTION, RESOLUTION, cull_backfaces=number % 2 == 1)
            for draw in (rasterize, rasterize_pytorch3d)
        )
        by_either = ours.covered | theirs.covered
        by_same = by_either & (ours.face == theirs.face)
        covered += int(by_either.sum())
        same += int(by_same.sum())
        depth_m.append((ours.depth - theirs.depth)[by_same].abs().quantile(0.99).item())
    return {
        "bodies": count,
        "covered": covered,
        "same_owner": same / covered,
        "depth_deviation_m": max(depth_m),
    }


if __name__ == "__main__":
    print(json.dumps(agreement(int(sys.argv[1]))))  # noqa: T201
