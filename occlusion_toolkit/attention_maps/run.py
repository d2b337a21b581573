"""Where a network with part attention looks for each part, clean and under an occluder (PARE, Figure 7)."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from occlusion_toolkit.attention_maps.result import AttentionResult, OccludedAttention
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import BACKGROUND, face_parts
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.crops import crop_image, denormalise, normalise
from occlusion_toolkit.errors import TopologyError, UsageError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.heatmaps.run import Photograph
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.occluders import Occluder
from occlusion_toolkit.sweep.protocol import ProtocolCard


def run_attention(
    regressor: LoadedRegressor,
    body: BodyModel,
    photograph: Photograph,
    occluder: Occluder | None = None,
    window: tuple[int, int, int, int] | None = None,
) -> AttentionResult:
    """Runs a network on one person and keeps its part attention.

    Args:
        regressor: a network with part attention.
        body: the body whose parameters it predicts; says where the parts are in the crop.
        photograph: the person.
        occluder: what is pasted; only used with a window.
        window: where, (y0, y1, x0, x1) in pixels of the crop; None for the clean crop alone.

    Raises:
        CropError: the box misses the image.
        TopologyError: the body is another one than the network's.
        UsageError: the network has no part attention, or the window is empty or outside the crop.
    """
    if regressor.card.body != body.topology:
        raise TopologyError(f"{regressor.card.name} predicts {regressor.card.body!r}, not {body.topology!r}")
    crop = crop_image(photograph.image.pixels, photograph.box, RESOLUTION)
    crops = normalise(crop)[None].to(regressor.device)
    clean = regressor(crops)
    occluded = None
    if window is not None and occluder is not None:
        _check_window(window)
        hidden = occluder.apply(crops, torch.tensor([window], device=regressor.device))
        occluded = OccludedAttention(
            window=np.array(window, dtype=np.int64),
            crop=denormalise(hidden)[0],
            attention=_attention(regressor(hidden), regressor.card.name),
        )
    return AttentionResult(
        card=ProtocolCard(
            analysis="attention",
            read_outs=(),
            model_card=regressor.card.name,
            weights_sha256=regressor.weights_sha256,
            body=body.topology,
            joint_sets=(),
            crop_rule=f"{photograph.box_rule}; anti-aliased bilinear to {RESOLUTION} px; "
            "black outside the image",
            grid=None,
            occluder=None if occluded is None or occluder is None else occluder.description,
        ),
        image_name=photograph.path.name,
        image_sha256=sha256_file(photograph.path),
        box_centre_px=photograph.box.centre,
        box_size_px=photograph.box.size,
        crop=crop,
        part_labels=visible_parts(clean.to("cpu"), body),
        attention=_attention(clean, regressor.card.name),
        occluded=occluded,
    )


def visible_parts(
    prediction: BodyParameters, body: BodyModel, resolution: int = RESOLUTION
) -> Int64[np.ndarray, "resolution resolution"]:
    """Which part of a predicted body its own camera sees in each pixel of the crop.

    Args:
        prediction: a batch of one.
        body: the body that it belongs to.
        resolution: side of the crop, pixels.

    Returns:
        0 for the background, k + 1 for part k, (R, R).
    """
    with torch.no_grad():
        vertices = body(prediction).vertices
    projected: Float[Tensor, "1 vertices 3"] = project_to_crop(vertices, prediction.camera, resolution)
    face = rasterize(projected, body.faces, resolution, resolution).face[0].cpu().numpy()
    parts = face_parts(body.vertex_parts.cpu().numpy(), body.faces.cpu().numpy())
    return np.where(face >= 0, parts[face] + 1, BACKGROUND)


def _attention(output: RegressorOutput, model: str) -> np.ndarray:
    """Attention of the one person of an output, (24, h, w)."""
    if output.attention is None:
        raise UsageError(
            f"{model} has no part attention; give a PARE network, such as pare-open "
            "(`occlusion-toolkit models list` names the networks)"
        )
    return np.asarray(output.attention[0].float().cpu().numpy())


def _check_window(window: tuple[int, int, int, int]) -> None:
    y0, y1, x0, x1 = window
    if y1 <= y0 or x1 <= x0:
        raise UsageError(f"a rectangle of {x1 - x0} x {y1 - y0} px occludes nothing")
    if x1 <= 0 or y1 <= 0 or x0 >= RESOLUTION or y0 >= RESOLUTION:
        raise UsageError(f"the rectangle lies outside the crop of {RESOLUTION} x {RESOLUTION} px")
