"""A small survey folder with plausible numbers, for tests of what is made from surveys."""

from pathlib import Path

import numpy as np
import torch
import xarray as xr

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.surveys.manifest import Manifest
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import cell_centres, labelled, save_maps, with_card
from occlusion_toolkit.sweep.protocol import ProtocolCard
from support.fakes import random_people

SMALL_GRID = Grid("centred", size=56, stride=56)
METRICS = ("mpjpe", "pa_mpjpe")


def survey_card(
    grid: Grid = SMALL_GRID,
    *,
    truth: bool = True,
    model_card: str = "fake",
    people_sha256: str = "0" * 64,
    metrics: tuple[str, ...] = METRICS,
) -> ProtocolCard:
    """The protocol card of a fake survey of the open body."""
    return ProtocolCard(
        analysis="survey",
        metrics=metrics,
        model_card=model_card,
        body=OPEN_BODY_TOPOLOGY,
        joint_set="lsp14",
        crop_rule="square, 1.2 x the keypoints",
        grid=grid,
        occluder={"name": "grey", "rgb": [124, 116, 104]},
        dataset="open",
        split="test",
        ground_truth_body=OPEN_BODY_TOPOLOGY if truth else None,
        gender_rule="gendered truth, neutral prediction" if truth else None,
        people_sha256=people_sha256,
    )


def random_maps(card: ProtocolCard, positions: range, names: dict[str, list], seed: int = 0) -> xr.Dataset:
    """Random people in the middle of their crops, with errors that grow a little from row to row.

    A map is the image's own clean error plus a joint's own displacement, so that images and joints differ.

    Args:
        card: what they are.
        positions: in the data set.
        names: sequence, frame, person and file of each.
        seed: other numbers for another seed.
    """
    grid, random = card.windows, np.random.default_rng([seed, positions.start])
    count, joints = len(positions), len(LSP14.joint_names)
    shape = (count, joints, grid.rows, grid.cols)
    people = random_people(count, seed=1000 * seed + positions.start)
    clean = random.gamma(8.0, 8.0, (count, joints))
    moved = random.gamma(2.0, 8.0, shape) * np.linspace(0.5, 1.5, grid.rows)[:, None]
    maps = {
        "displacement": moved,
        "pa_displacement": 0.7 * moved,
        "error": clean[:, :, None, None] + random.uniform(-0.3, 0.8, shape) * moved,
        "pa_error": 0.6 * clean[:, :, None, None] + random.uniform(-0.2, 0.6, shape) * moved,
        "clean_error": clean,
        "clean_pa_error": 0.6 * clean,
    }
    if "mine" in card.metrics:
        mine = {f"mine_{name}": 2 * maps[name] for name in ("displacement", "error")}
        maps |= mine | {"clean_mine_error": 2 * clean}
    measured = maps if card.has_truth else {k: v for k, v in maps.items() if "error" not in k}
    upright = people.rotmats.numpy().copy()
    upright[:, 0] = np.diag([1.0, -1.0, -1.0])  # the camera looks along +z with y down
    arrays = {name: values.astype(np.float32) for name, values in measured.items()} | {
        "clean_rotmats": upright.astype(np.float32),
        "clean_betas": people.betas.numpy(),
        "clean_camera": torch.tensor([[0.9, 0.0, 0.0]]).repeat(count, 1).numpy(),
        "box_centre_px": random.uniform(100, 200, (count, 2)),
        "box_size_px": random.uniform(150, 300, count),
    }
    along = {name: ("image", values) for name, values in names.items()}
    labels = {"image": list(positions), "joint": list(LSP14.joint_names)} | cell_centres(grid) | along
    return with_card(labelled(arrays, labels), card)


def make_survey(
    folder: Path,
    *,
    images: int = 12,
    sequences: int = 3,
    grid: Grid = SMALL_GRID,
    shard_size: int = 5,
    truth: bool = True,
    model_card: str = "fake",
    seed: int = 0,
    metrics: tuple[str, ...] = METRICS,
) -> Survey:
    """Writes a complete survey of the open body into a folder and opens it.

    Args:
        folder: where; made where it does not exist.
        images: samples, in sequences of about equal length.
        sequences: how many.
        grid: the windows.
        shard_size: images per shard.
        truth: whether there are errors and not displacements alone.
        model_card: name of the regressor: two models, two folders.
        seed: other numbers for another seed; names are the same.
        metrics: that were measured; "mine" is twice the distance.
    """
    card = survey_card(grid, truth=truth, model_card=model_card, metrics=metrics)
    (folder / "shards").mkdir(parents=True)
    survey = Survey(folder, manifest_of(card, images, shard_size))
    for shard in range(survey.num_shards):
        positions = survey.images_of(shard)
        names = {
            "sequence": [f"sequence_{number * sequences // images:02d}" for number in positions],
            "frame": list(positions),
            "person": [0] * len(positions),
            "file": [f"imageFiles/{number:05d}.jpg" for number in positions],
        }
        save_maps(survey.shard_path(shard), random_maps(card, positions, names, seed))
    return survey.sealed()


def manifest_of(card: ProtocolCard, images: int, shard_size: int) -> Manifest:
    """The manifest of a survey under way."""
    return Manifest(
        card=card, joint_names=LSP14.joint_names, images=images, shard_size=shard_size, batch_size=16
    )
