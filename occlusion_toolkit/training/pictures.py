"""What a network sees and does, drawn while it learns: the same few people, validation after validation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cmcrameri import cm
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch.utils.data import default_collate

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.files.atomic import atomic_path, make_folder
from occlusion_toolkit.plotting.overlay import composite, render_body
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep
from occlusion_toolkit.training.losses import IGNORED_PART
from occlusion_toolkit.training.module import RegressorTraining, normalised
from occlusion_toolkit.training.sample import TrainingSample

PEOPLE = 4
TILE_PX, HEADING_PX = 160, 20
ATTENDED = ("left_wrist", "right_knee")
"""Parts whose attention is drawn."""

FARTHEST_MM = 200.0
"""Displacement at the end of the colour scale of sensitivity maps."""

_PARTS = (cm.batlow(np.random.default_rng(5).permutation(24) / 23)[:, :3] * 255).astype(np.uint8)
_COLOURS = np.vstack((np.zeros((1, 3), np.uint8), _PARTS))
"""Colour of every part label; the background is black."""


class Pictures(Callback):
    """Writes `step-N.png` at a validation, a row per person.

    The columns are the crop, the estimated body over it, the part labels, the parts and the attention that
    PARE finds, and the network's own sensitivity map: mean displacement of the 14 joints under a grey square
    of 40/224 of the crop at each place.

    Args:
        folder: where pictures go.
        every_steps: least number of steps between pictures.
    """

    def __init__(self, folder: Path, every_steps: int) -> None:
        self._folder, self._every = folder, every_steps
        self._due = every_steps

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws, when it is time."""
        step = trainer.global_step
        if not trainer.is_global_zero or not isinstance(pl_module, RegressorTraining) or step < self._due:
            return
        self._due = step + self._every
        people = trainer.datamodule.held_out  # type: ignore[attr-defined]
        batch = default_collate([people[row] for row in range(min(PEOPLE, len(people)))])
        sheet = draw_sheet(pl_module, batch)
        with atomic_path(make_folder(self._folder) / f"step-{step:06d}.png") as temporary:
            Image.fromarray(sheet).save(temporary)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("people", sheet, step, dataformats="HWC")

    def state_dict(self) -> dict[str, Any]:
        """When the next picture is due."""
        return {"due": self._due}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the rhythm."""
        self._due = state_dict["due"]


@torch.no_grad()
def draw_sheet(module: RegressorTraining, batch: TrainingSample) -> UInt8[np.ndarray, "height width 3"]:
    """All tiles of some people under the names of the columns; the module must be in evaluation mode."""
    output = module(batch.crop.to(module.device))
    bodies = BodyParameters(output.rotmats.float(), output.betas.float(), output.camera.float())
    vertices = module.body(bodies).vertices.cpu()
    maps = _sensitivity_mm(module, batch)
    rows = []
    for row in range(len(batch.crop)):
        crop = batch.crop[row].permute(1, 2, 0).cpu().numpy()
        camera = bodies.camera[row].cpu()
        layer = render_body(vertices[row], module.body.faces.cpu(), camera, TILE_PX, supersampling=2)
        tiles = {
            "crop": _tile(crop),
            "estimate": composite(crop, layer),
            "part labels": _parts(batch.labels[row].cpu().numpy()),
        }
        if output.part_logits is not None and output.attention is not None:
            tiles["parts found"] = _parts(output.part_logits[row].argmax(dim=0).cpu().numpy())
            for part in ATTENDED:
                attention = output.attention[row, SMPL24.index(part)].float().cpu().numpy()
                tiles[f"attention, {part.replace('_', ' ')}"] = _heat(crop, attention / attention.max())
        tiles[f"displacement, 0 to {FARTHEST_MM:.0f} mm"] = _heat(crop, maps[row] / FARTHEST_MM)
        rows.append(np.hstack(list(tiles.values())))
    return np.vstack([_headings(list(tiles)), *rows])


def _headings(names: Sequence[str]) -> np.ndarray:
    """A white strip with the name of every column."""
    strip = Image.new("RGB", (TILE_PX * len(names), HEADING_PX), "white")
    pen = ImageDraw.Draw(strip)
    for place, name in enumerate(names):
        pen.text((TILE_PX * (place + 0.5), HEADING_PX / 2), name, fill="black", anchor="mm")
    return np.asarray(strip)


def _sensitivity_mm(
    module: RegressorTraining, batch: TrainingSample
) -> Float[np.ndarray, "people rows cols"]:
    """Mean displacement of the joints under an occluder at each place, mm."""
    resolution = batch.crop.shape[-1]
    grid = Grid("centred", round(resolution * 40 / 224), max(1, resolution // 14), resolution)
    occluder = parse_occluder("grey", grid.size)
    sweep = WindowSweep(module.network, module.body, grid, occluder, device=module.device)
    maps = sweep.run(normalised(batch.crop.to(module.device)))
    return maps["displacement"].mean("joint").to_numpy()


def _tile(
    pixels: UInt8[np.ndarray, "height width 3"], resample: Image.Resampling = Image.Resampling.LANCZOS
) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((TILE_PX, TILE_PX), resample))


def _parts(labels: np.ndarray) -> np.ndarray:
    known = np.where(labels == IGNORED_PART, 0, labels)
    return _tile(_COLOURS[known], Image.Resampling.NEAREST)


def _heat(crop: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] in colour over a grey crop."""
    grey = np.repeat(_tile(crop).mean(axis=2, keepdims=True), 3, axis=2)
    heat = cm.lajolla(np.asarray(_resized(values.clip(0, 1))))[..., :3] * 255
    return np.asarray((0.35 * grey + 0.65 * heat).round(), np.uint8)


def _resized(values: np.ndarray) -> np.ndarray:
    return np.asarray(
        Image.fromarray(values.astype(np.float32)).resize((TILE_PX, TILE_PX), Image.Resampling.BILINEAR)
    )
