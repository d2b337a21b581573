"""Pools the maps of a survey on the body: one occlusion sensitivity mesh per joint and one for their mean."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch
from jaxtyping import Float

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import Visibility, vertex_visibility
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import BUILTIN, Rasterizer
from occlusion_toolkit.meshes.mesh_result import MeshResult
from occlusion_toolkit.meshes.pooling.carry import MapCarrier
from occlusion_toolkit.meshes.pooling.statistics import MeshStatistics
from occlusion_toolkit.surveys.stored import Survey, SurveyShard
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.protocol import ProtocolCard

# Bodies posed and drawn together. Fixed, and counted from the first image of the survey, so that the
# rounding of a vertex does not depend on where shards end.
_BODIES_AT_ONCE = 16


@dataclass(frozen=True)
class _Image:
    """One image of a survey: its clean estimate and its maps of all read-outs."""

    sequence: str
    rotmats: np.ndarray
    betas: np.ndarray
    camera: np.ndarray
    maps: Float[np.ndarray, "channels rows cols"]


def pool(
    survey: Survey,
    bodies: Bodies,
    *,
    aligned: bool = False,
    rasterizer: Rasterizer = BUILTIN,
    progress: Callable[[int], None] | None = None,
) -> MeshResult:
    """Carries every map to the vertices that are visible in its image and pools them (docs/pooling.md).

    Images are read in the order of the data set, one shard in memory at a time; the same survey gives the
    same bits however it is cut into shards. Memory grows only by the means of each further sequence.

    Args:
        survey: a complete survey.
        bodies: where the body that the estimates are parameters of comes from.
        aligned: pool the values after Procrustes alignment.
        rasterizer: decides what is visible.
        progress: called with the images done so far.

    Returns:
        The pooled meshes.

    Raises:
        ResultError: the survey is incomplete or damaged, or its images are not grouped by sequence.
        BodyModelError: the body is not at hand.
    """
    windows = survey.grid
    carrier = MapCarrier(Grid(windows.kind, windows.size, windows.stride, windows.resolution))
    body = bodies.load(survey.card.body)
    shards = survey.shards()
    first = next(shards)
    card = _mesh_card(survey.card, survey.joint_set, aligned)
    statistics = MeshStatistics(body.num_vertices, first.joint_names, card.read_outs)
    done = 0
    images = _images(chain([first], shards), card, aligned)
    while chunk := list(islice(images, _BODIES_AT_ONCE)):
        views = _look(body, chunk, windows.resolution, rasterizer)
        for image, visible, pixel in zip(chunk, views.visible.numpy(), views.pixel.numpy(), strict=True):
            seen = np.flatnonzero(visible)
            statistics.add(image.sequence, seen, carrier.carry(image.maps, pixel[seen]))
        done += len(chunk)
        if progress is not None:
            progress(done)
    return statistics.result(card, survey.joint_set, aligned)


def _mesh_card(card: ProtocolCard, joint_set: str, aligned: bool) -> ProtocolCard:
    alignment = "procrustes" if aligned else "root"
    return card.model_copy(
        update={"analysis": "mesh", "joint_sets": (joint_set,), "alignments": (alignment,)}
    )


def _images(shards: Iterable[SurveyShard], card: ProtocolCard, aligned: bool) -> Iterator[_Image]:
    for shard in shards:
        maps = [shard.values(read_out, aligned) for read_out in card.read_outs]
        for number, key in enumerate(shard.images):
            with_mean = [[*values[number], values[number].mean(axis=0, dtype=np.float64)] for values in maps]
            yield _Image(
                key.sequence,
                shard.clean_rotmats[number],
                shard.clean_betas[number],
                shard.clean_camera[number],
                np.concatenate(with_mean),
            )


@torch.inference_mode()
def _look(body: BodyModel, images: list[_Image], resolution: int, rasterizer: Rasterizer) -> Visibility:
    """What is visible of the estimated body in each image."""
    estimates = BodyParameters(
        *(
            torch.from_numpy(np.stack(arrays))
            for arrays in zip(*((image.rotmats, image.betas, image.camera) for image in images), strict=True)
        )
    )
    vertices = body(estimates).vertices
    return vertex_visibility(vertices, body.faces, estimates.camera, resolution, rasterizer=rasterizer)
