"""Part labels of annotated people: the posed body through a camera, rasterised."""

import torch
from jaxtyping import UInt8
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import face_parts
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.training.samples.label_cameras import Pinhole


def render_part_labels(
    body: BodyModel,
    parameters: BodyParameters,
    camera: Pinhole,
    size: int,
    margin: float = 1.0,
) -> UInt8[Tensor, "batch size size"]:
    """Part labels of posed bodies in squares around their boxes.

    Args:
        body: the body, on the device of the rest.
        parameters: pose and shape; the camera is not used.
        camera: of each person.
        size: side of the labels, pixels.
        margin: side of the square in box sides.

    Returns:
        0 for background, k + 1 for part k, (B, size, size), on the CPU.
    """
    seen = camera.project(body(parameters).vertices)
    pixels = torch.cat(((seen[..., :2] / margin + 1) * (size / 2), seen[..., 2:]), dim=-1)
    fragments = rasterize(pixels, body.faces, size, size)
    parts = torch.from_numpy(face_parts(body.vertex_parts.cpu().numpy(), body.faces.cpu().numpy()))
    # Face -1 is no face; the table's last entry is its label.
    table = torch.cat((parts + 1, torch.zeros(1, dtype=parts.dtype))).to(torch.uint8)
    return table[fragments.face.cpu()]
