"""The geometry of one sample: the random warp of the recipe, with RandCrop on top."""

import dataclasses

import numpy as np
import torch

from occlusion_toolkit.training.augment import Warp
from occlusion_toolkit.training.samples.settings import SampleSettings


def draw_warp(settings: SampleSettings, rng: np.random.Generator, step: int) -> Warp:
    """The warp of one person, a batch of one.

    Args:
        settings: how far crops are moved.
        rng: source of randomness.
        step: of the run; RandCrop may begin late.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    warp = Warp.draw(1, settings.warps, generator)
    crop = settings.random_crop
    # Drawn before it is decided, so that the step changes nothing but the cut.
    chance, lost, slide = rng.random(), rng.random(), rng.uniform(-1, 1)
    if crop is None or step < crop.from_step or chance >= crop.probability:
        return warp
    return _cut(warp, crop.smallest + (crop.largest - crop.smallest) * lost, slide)


def _cut(warp: Warp, lost: float, slide: float) -> Warp:
    """The warp whose square has lost a share of its side and slid up or down inside what it was.

    The square stays in the middle from left to right, as in PARE's code; the slide is along the image's
    vertical, whatever the turn.
    """
    room = warp.zoom * lost
    shift = warp.shift + torch.stack((torch.zeros_like(room), room * slide), dim=1)
    return dataclasses.replace(warp, zoom=warp.zoom - room, shift=shift)


def margin_of(warp: Warp) -> float:
    """Side, in box sides, of the upright square around the box's centre that holds the warped crop."""
    reach = warp.zoom * (warp.turn.cos().abs() + warp.turn.sin().abs()) + warp.shift.abs().amax(dim=1)
    return float(reach.max())
