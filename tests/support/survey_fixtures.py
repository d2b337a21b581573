"""A small survey folder with plausible numbers, for tests of what is made from surveys."""

from pathlib import Path

import numpy as np
import torch
from occlusion_toolkit.surveys.stored import ImageKey, Manifest, Survey, SurveyShard, write_shard

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.protocol import GridCard, ProtocolCard
from support.fakes import random_people

SMALL_GRID = Grid("centred", size=56, stride=56)


def survey_card(
    grid: Grid = SMALL_GRID, *, truth: bool = True, model_card: str = "fake", people_sha256: str = "0" * 64
) -> ProtocolCard:
    """The protocol card of a fake survey of the open body."""
    return ProtocolCard(
        analysis="survey",
        read_outs=("displacement", "error", "increase") if truth else ("displacement",),
        model_card=model_card,
        body=OPEN_BODY_TOPOLOGY,
        joint_sets=("lsp14",),
        alignments=("root", "procrustes"),
        crop_rule="square, 1.2 x the keypoints",
        grid=GridCard(kind=grid.kind, size=grid.size, stride=grid.stride, resolution=grid.resolution),
        occluder="grey (124,116,104)",
        dataset="open",
        split="test",
        ground_truth_body=OPEN_BODY_TOPOLOGY if truth else None,
        gender_rule="gendered truth, neutral prediction" if truth else None,
        people_sha256=people_sha256,
    )


def random_shard(card: ProtocolCard, first: int, keys: tuple[ImageKey, ...], seed: int = 0) -> SurveyShard:
    """Random people in the middle of their crops, with errors that grow a little from row to row.

    A map is the image's own clean error plus a joint's own displacement, so that images and joints differ.
    """
    grid = Grid(card.windows.kind, card.windows.size, card.windows.stride, card.windows.resolution)
    random = np.random.default_rng([seed, first])
    count, joints = len(keys), len(LSP14.joint_names)
    shape = (count, joints, grid.rows, grid.cols)
    people = random_people(count, seed=1000 * seed + first)
    clean = random.gamma(8.0, 8.0, (count, joints))
    moved = random.gamma(2.0, 8.0, shape) * np.linspace(0.5, 1.5, grid.rows)[:, None]
    maps = {
        "displacement_mm": moved,
        "pa_displacement_mm": 0.7 * moved,
        "error_mm": clean[:, :, None, None] + random.uniform(-0.3, 0.8, shape) * moved,
        "pa_error_mm": 0.6 * clean[:, :, None, None] + random.uniform(-0.2, 0.6, shape) * moved,
        "clean_error_mm": clean,
        "clean_pa_error_mm": 0.6 * clean,
    }
    measured = maps if "error" in card.read_outs else {k: v for k, v in maps.items() if "error" not in k}
    upright = people.rotmats.numpy().copy()
    upright[:, 0] = np.diag([1.0, -1.0, -1.0])  # the camera looks along +z with y down
    return SurveyShard(
        card=card,
        first=first,
        images=keys,
        joint_set=LSP14.name,
        joint_names=LSP14.joint_names,
        box_centre_px=random.uniform(100, 200, (count, 2)),
        box_size_px=random.uniform(150, 300, count),
        clean_rotmats=upright.astype(np.float32),
        clean_betas=people.betas.numpy(),
        clean_camera=torch.tensor([[0.9, 0.0, 0.0]]).repeat(count, 1).numpy(),
        **{name: values.astype(np.float32) for name, values in measured.items()},
    )


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
        seed: other numbers for another seed; keys are the same.
    """
    card = survey_card(grid, truth=truth, model_card=model_card)
    keys = tuple(
        ImageKey(f"sequence_{number * sequences // images:02d}", number, 0, f"imageFiles/{number:05d}.jpg")
        for number in range(images)
    )
    (folder / "shards").mkdir(parents=True)
    manifest = Manifest(card=card, joint_set="lsp14", images=images, shard_size=shard_size, batch_size=16)
    survey = Survey(folder, manifest)
    for shard in range(survey.num_shards):
        positions = survey.images_of(shard)
        content = random_shard(card, positions.start, keys[positions.start : positions.stop], seed)
        write_shard(survey.shard_path(shard), content)
    return survey.sealed()
