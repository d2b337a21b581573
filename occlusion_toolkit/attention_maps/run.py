"""Where a network with part attention looks for each part, clean and under an occluder (PARE, Figure 7)."""

from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import BACKGROUND, face_parts
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.crops import denormalise, normalise
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.find.crop import Crop, require_crops
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.registry import AnyRegressor, load_regressor
from occlusion_toolkit.sweep.network import chosen_device
from occlusion_toolkit.sweep.occluders import Occluder, parse_occluder, plain_spec
from occlusion_toolkit.sweep.protocol import ProtocolCard


def attention(
    model: AnyRegressor,
    crop: Crop,
    *,
    occlude: tuple[int, int, int, int] | None = None,
    occluder: Occluder | str = "grey",
    device: torch.device | str = "auto",
    bodies: Bodies | None = None,
) -> AttentionMaps:
    """Where a network with part attention looks for each of the 24 parts (PARE, Figure 7).

    Args:
        model: a network with part attention, as `OcclusionSweep` takes it.
        crop: one person (`read_crop`).
        occlude: a rectangle of the crop (y0, y1, x0, x1), pixels, ends exclusive, to look at the crop under
            an occluder too; None for the clean crop alone.
        occluder: what is pasted there.
        device: "auto", "cpu", "cuda" or "cuda:N".
        bodies: where the body comes from that says where the parts are.

    Raises:
        UsageError: the network has no part attention, or the rectangle is empty or outside the crop.

    Example:
        >>> import occlusion_toolkit as ot
        >>> ot.attention("pare-open", ot.read_crop("examples/rendered-person.jpg")).views
        ('clean',)
    """
    if occlude is not None:
        _check_window(occlude)
    bodies = bodies or Bodies()
    regressor = load_regressor(model, chosen_device(device), bodies.trusted)
    require_crops([crop], regressor.card)
    if regressor.has_joints_alone:
        raise UsageError(f"{regressor.card.name} gives joints and attends to no parts; choose a PARE network")
    body = bodies.load(regressor.card.body)
    crops = normalise(crop.pixels)[None].to(regressor.device)
    clean = cast(RegressorOutput, regressor(crops))
    seen, attentions, spec = [crop.pixels], [_attention(clean, regressor.card.name)], None
    if occlude is not None:
        paint = (
            parse_occluder(occluder, max(1, occlude[1] - occlude[0]))
            if isinstance(occluder, str)
            else occluder
        )
        hidden = paint.apply(crops, torch.tensor([occlude], device=regressor.device))
        seen.append(denormalise(hidden)[0])
        attentions.append(_attention(cast(RegressorOutput, regressor(hidden)), regressor.card.name))
        spec = plain_spec(paint)
    card = ProtocolCard(
        analysis="attention",
        metrics=(),
        model_card=regressor.card.name,
        weights_sha256=regressor.weights_sha256,
        body=body.topology,
        joint_set="none",
        crop_rule=crop.crop_rule,
        grid=None,
        occluder=spec,
        trusted_files=bodies.trusted.recorded,
    )
    segmentation = visible_parts(clean.to("cpu"), body)
    return AttentionMaps.of(card, crop.file, np.stack(seen), np.stack(attentions), segmentation, occlude)


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
