"""Where a network looks, for each part or layer, clean and under an occluder (PARE, Figure 7)."""

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from occlusion_toolkit.attention_maps.attention_maps import MEAN_OF_LAYERS, AttentionMaps
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import BACKGROUND, PART_NAMES, face_parts
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.crops import denormalise, normalise
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.find.crop import Crop, require_crops
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.hmr2 import HMR2
from occlusion_toolkit.models.registry import AnyRegressor, LoadedRegressor, load_regressor
from occlusion_toolkit.models.views import Frame, View
from occlusion_toolkit.sweep.engines.viewed import occluded_view
from occlusion_toolkit.sweep.network import chosen_device
from occlusion_toolkit.sweep.occluders import Occluder, parse_occluder, plain_spec
from occlusion_toolkit.sweep.protocol import ProtocolCard

_CELLS = 112
"""Cells along a side of maps that are carried from a network's own crop to the reference square."""


def attention(
    model: AnyRegressor,
    crop: Crop,
    *,
    occlude: tuple[int, int, int, int] | None = None,
    occluder: Occluder | str = "grey",
    device: torch.device | str = "auto",
    bodies: Bodies | None = None,
) -> AttentionMaps:
    """Where a network looks: for each of the 24 parts (PARE, Figure 7), or in each layer of a decoder.

    Networks with part attention (PARE) have a map for each part. HMR2.0 and CameraHMR read everything with
    one query: they have a map for each layer of their decoder, the mean over its heads, and the mean of all.

    Args:
        model: a network with part attention or a decoder, as `OcclusionSweep` takes it.
        crop: one person (`read_crop`).
        occlude: a rectangle of the reference square (y0, y1, x0, x1), units of 224, ends exclusive, to look
            at the crop under an occluder too; None for the clean crop alone.
        occluder: what is pasted there.
        device: "auto", "cpu", "cuda" or "cuda:N".
        bodies: where the body comes from that says where the parts are.

    Raises:
        UsageError: the network has no attention to show, or the rectangle is empty or outside the crop.
        CropError: the network has crops of its own and the crop has no photograph, or no focal length where
            the network has to be told it.

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
    view = crop.view_of(regressor)
    given, told = (crops, ()) if view is None else view.given(regressor.device)
    clean = cast(RegressorOutput, regressor(given, *told))
    seen, spec = [crop.pixels], None
    names, maps = _attention(regressor, view, given, told, clean)
    attentions = [maps]
    if occlude is not None:
        paint = (
            parse_occluder(occluder, max(1, occlude[1] - occlude[0]))
            if isinstance(occluder, str)
            else occluder
        )
        window = torch.tensor([occlude], device=regressor.device)
        hidden = paint.apply(crops, window)
        seen.append(denormalise(hidden)[0])
        if view is not None:
            hidden = occluded_view(paint, crops[0], view, window)
        under = cast(RegressorOutput, regressor(hidden, *told))
        attentions.append(_attention(regressor, view, hidden, told, under)[1])
        spec = plain_spec(paint)
    card = ProtocolCard(
        analysis="attention",
        metrics=(),
        model_card=regressor.card.name,
        weights_sha256=regressor.weights_sha256,
        body=body.topology,
        joint_set="none",
        crop_rule=crop.crop_rule,
        own_crop=regressor.own_crop,
        grid=None,
        occluder=spec,
        trusted_files=bodies.trusted.recorded,
    )
    prediction = clean if view is None else replace(clean, camera=view.to_reference(clean.camera))
    segmentation = visible_parts(prediction.to("cpu"), body)
    return AttentionMaps.of(
        card, crop.file, np.stack(seen), np.stack(attentions), segmentation, occlude, names
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


def _attention(
    regressor: LoadedRegressor,
    view: View | None,
    crops: Tensor,
    told: tuple[Tensor, ...],
    output: RegressorOutput,
) -> tuple[tuple[str, ...], Float32[np.ndarray, "maps rows cols"]]:
    """Names and maps of where a network looks in the crop of one person, over the reference square.

    Raises:
        UsageError: it has neither part attention nor a decoder.
    """
    network = regressor.network
    if isinstance(network, HMR2):
        layers = network.cross_attention(crops, *told)[0].mean(dim=1)
        weights, area = torch.cat((layers, layers.mean(dim=0, keepdim=True))), network.map_area
        names = (*(f"layer {number}" for number in range(1, len(layers) + 1)), MEAN_OF_LAYERS)
    elif output.attention is not None:
        side = crops.shape[-1]
        names, weights, area = PART_NAMES, output.attention[0], (0, side, 0, side)
    else:
        raise UsageError(
            f"{regressor.card.name} has no part attention and no decoder; give a PARE network, such as "
            "pare-open, or HMR2.0 or CameraHMR (`occlusion-toolkit models list` names the networks)"
        )
    maps = weights.float().cpu().numpy()
    return names, maps if view is None else over_reference(maps, view.frame, area)


def over_reference(
    maps: Float32[np.ndarray, "maps rows cols"], frame: Frame, area: tuple[int, int, int, int]
) -> Float32[np.ndarray, "maps cells cells"]:
    """Maps over a part of a network's own crop as maps over the reference square, each summing to one.

    Args:
        maps: weights of cells, (M, h, w).
        frame: where the crop lies.
        area: rows and columns (y0, y1, x0, x1) of the crop that the cells lie over.
    """
    inverse = np.linalg.inv(frame.to_reference[:, :2])
    middles = (np.arange(_CELLS) + 0.5) * (RESOLUTION / _CELLS)
    x, y = np.meshgrid(middles, middles)
    own = (np.stack([x, y], axis=-1) - frame.to_reference[:, 2]) @ inverse.T
    y0, y1, x0, x1 = area
    row = np.floor((own[..., 1] - y0) * maps.shape[1] / (y1 - y0)).astype(int)
    col = np.floor((own[..., 0] - x0) * maps.shape[2] / (x1 - x0)).astype(int)
    inside = (row >= 0) & (row < maps.shape[1]) & (col >= 0) & (col < maps.shape[2])
    carried = maps[:, row.clip(0, maps.shape[1] - 1), col.clip(0, maps.shape[2] - 1)] * inside
    total: np.ndarray = carried / carried.sum(axis=(1, 2), keepdims=True)
    return total.astype(np.float32)


def _check_window(window: tuple[int, int, int, int]) -> None:
    y0, y1, x0, x1 = window
    if y1 <= y0 or x1 <= x0:
        raise UsageError(f"a rectangle of {x1 - x0} x {y1 - y0} px occludes nothing")
    if x1 <= 0 or y1 <= 0 or x0 >= RESOLUTION or y0 >= RESOLUTION:
        raise UsageError(f"the rectangle lies outside the crop of {RESOLUTION} x {RESOLUTION} px")
