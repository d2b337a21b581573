"""Draws the packaged open body, coloured by part: `python picture.py OUT.png`.

Needs the toolkit only, not anny.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import part_colours
from occlusion_toolkit.body.rasterize import interpolate, rasterize
from occlusion_toolkit.plotting.shading import shade, vertex_normals

_HEIGHT, _SUPERSAMPLING = 560, 3
_METRES_IN_HEIGHT = 1.8
_WALK = {  # Euler angles in degrees about x, y and z of the T-pose
    "left_hip": (-28, 0, 0), "right_hip": (18, 0, 0), "left_knee": (8, 0, 0), "right_knee": (35, 0, 0),
    "left_collar": (0, 0, -9), "right_collar": (0, 0, 9), "left_shoulder": (0, 22, -62),
    "right_shoulder": (0, 22, 62), "left_elbow": (0, -18, 0), "right_elbow": (0, 32, 0),
}  # fmt: skip


def main() -> None:
    """Front and back at rest, two shapes at a walk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    path = parser.parse_args().picture
    body = load_open_body()
    views = [
        draw(body, {}, np.zeros(10), yaw=0, width=600),
        draw(body, {}, np.zeros(10), yaw=180, width=600),
        draw(body, _WALK, np.zeros(10), yaw=40, width=300),
        draw(body, _WALK, np.array([-1.0, 0, 0, 0, 2, 0, 0, 0, 0, 0]), yaw=-75, width=300),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(views, axis=1)).save(path, optimize=True)


def draw(
    body: BodyModel, pose: dict[str, tuple[float, ...]], betas: NDArray[np.float64], yaw: float, width: int
) -> NDArray[np.uint8]:
    """One view (height, width, 3) from the front, the body turned by `yaw` degrees about the vertical."""
    rotmats = np.tile(np.eye(3), (1, 24, 1, 1))
    for name, angles in pose.items():
        rotmats[0, SMPL24.index(name)] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    to_camera = Rotation.from_euler("x", 180, degrees=True) * Rotation.from_euler("y", yaw, degrees=True)
    rotmats[0, 0] = to_camera.as_matrix()
    parameters = BodyParameters(
        torch.tensor(rotmats).float(), torch.tensor(betas).float()[None], torch.zeros(1, 3)
    )
    with torch.no_grad():
        vertices = body(parameters).vertices
    rows, columns = _HEIGHT * _SUPERSAMPLING, width * _SUPERSAMPLING
    centre = 0.5 * (vertices.amax(dim=1, keepdim=True) + vertices.amin(dim=1, keepdim=True))
    on_screen = (vertices - centre) * (rows / _METRES_IN_HEIGHT)
    on_screen = on_screen + torch.tensor([columns / 2, rows / 2, 0.0])

    fragments = rasterize(on_screen, body.faces, rows, columns)
    nearest = fragments.barycentric[fragments.covered].argmax(dim=1, keepdim=True)
    corner = body.faces[fragments.face[fragments.covered]].gather(1, nearest)[:, 0]
    colours = torch.from_numpy(part_colours())[body.vertex_parts[corner]].float() / 255
    normals = interpolate(fragments, body.faces, vertex_normals(vertices, body.faces))
    picture = torch.ones(rows, columns, 3)
    picture[fragments.covered[0]] = shade(normals, colours)
    small = picture.view(_HEIGHT, _SUPERSAMPLING, width, _SUPERSAMPLING, 3).mean(dim=(1, 3))
    return (255 * small).round().to(torch.uint8).numpy()


if __name__ == "__main__":
    main()
