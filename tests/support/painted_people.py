"""People whose pictures and masks are painted, so that it is known which window hides what."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.people import PeopleList
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey
from support.fakes import PixelReader

Block = tuple[int, int, int, int]
"""Rows and columns (y0, y1, x0, x1) of a picture of 224 x 224 pixels, which is its own crop."""


def painted_people(
    folder: Path,
    parts: Mapping[str, Block],
    *,
    sequences: int = 12,
    points: Mapping[int, tuple[float, float]] | None = None,
    masks: bool = True,
) -> PeopleList:
    """People in the rest pose, one per sequence, in noisy pictures with the same painted parts.

    Args:
        folder: where the pictures are written.
        parts: which part is painted where.
        sequences: how many people.
        points: key points by number, (x, y); the others have confidence 0.
        masks: whether the data set has masks.
    """
    labels = np.zeros((224, 224), np.uint8)
    for name, (y0, y1, x0, x1) in parts.items():
        labels[y0:y1, x0:x1] = 1 + PART_NAMES.index(name)
    Image.fromarray(labels).save(folder / "parts.png")
    keypoints = np.zeros((18, 3), np.float32)
    for number, (x, y) in (points or {}).items():
        keypoints[number] = x, y, 1.0
    upright = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    samples = []
    for number in range(sequences):
        noise = np.random.default_rng(number).integers(200, 256, (224, 224, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02d}.png")
        samples.append(
            Sample(
                image_path=folder / f"{number:02d}.png",
                sequence=f"sequence_{number:02d}",
                frame=0,
                person=0,
                gender="neutral",
                box=CropBox((112.0, 112.0), 224.0),
                rotmats=upright,
                betas=np.zeros(10, np.float32),
                keypoints_px=keypoints,
                part_path=folder / "parts.png" if masks else None,
            )
        )
    return PeopleList("painted", "test", folder, OPEN_BODY_TOPOLOGY, samples, {})


PAINTED: dict[str, Block] = {
    "left_elbow": (60, 65, 60, 65),
    "head": (10, 30, 160, 180),
    "right_foot": (180, 200, 20, 40),
}
"""Parts so far from each other that no window of 40 px reaches two."""

POINTS = {6: (62.0, 62.0), 7: (120.0, 120.0), 4: (20.0, 100.0), 10: (190.0, 190.0)}
"""The left elbow is in sight; the mask shows nothing where the wrists and the right ankle are."""


def pixel_reader_survey(
    folder: Path, people: PeopleList, pixel: tuple[int, int], name: str = "reader", **settings: object
) -> Survey:
    """The survey of a regressor that bends its left elbow by the red value of one pixel (row, col)."""
    usual = {"size": 40, "stride": 16, "joints": "smpl24", "device": "cpu", "engine": "dense"}
    return survey(OcclusionSweep(model_of_pixel(pixel, name), **usual | settings), people, out=folder)


def model_of_pixel(pixel: tuple[int, int], name: str = "reader") -> LoadedRegressor:
    """A regressor that bends its left elbow by the red value of one pixel (row, col)."""
    card = RegressorCard(name=name, title="t", description="d", body=OPEN_BODY_TOPOLOGY)
    return LoadedRegressor(PixelReader(*pixel), card, None, torch.device("cpu"))
