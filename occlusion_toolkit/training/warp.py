"""Augmentation of geometry: flips, turns, zooms, shifts and cuts that move image, labels, pose and joints.

Crop coordinates here are those of the weak-perspective camera: [-1, 1] over the person's box, x right,
y down. An augmented crop shows at coordinate q what the box shows at p, where p = mirror(zoom * turn(q) +
shift); everything below is that one formula or its inverse. Under a weak-perspective camera a turn of
the image is exactly a turn of the body about the optical axis, and a mirror image is exactly the image of
the mirrored body.

All sums are written out entry by entry: a crop is the same to the bit whatever batch it is made in.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.training.recipe import SampleSettings, WarpRanges

PART_MIRROR: tuple[int, ...] = (0, *(1 + joint for joint in SMPL24.mirror))
"""Part label (0 background, k + 1 part k) of every part label in a mirror image."""


@dataclass(frozen=True)
class Warp:
    """One similarity, possibly mirrored, per crop.

    Attributes:
        mirrored: crops that show the mirror image, (B,).
        turn: radians by which the box is turned against the crop, (B,); the person turns by -turn.
        zoom: side of the shown square in box sides, (B,); above one the person looks smaller.
        shift: centre of the shown square in crop coordinates of the box, (B, 2), before mirroring.
    """

    mirrored: Bool[Tensor, " batch"]
    turn: Float[Tensor, " batch"]
    zoom: Float[Tensor, " batch"]
    shift: Float[Tensor, "batch 2"]

    @classmethod
    def identity(cls, batch: int) -> "Warp":
        """The warp that shows every box as it is."""
        zeros = torch.zeros(batch)
        return cls(torch.zeros(batch, dtype=torch.bool), zeros, torch.ones(batch), torch.zeros(batch, 2))

    @classmethod
    def cat(cls, warps: Sequence["Warp"]) -> "Warp":
        """The warps of several batches as those of one."""
        names = ("mirrored", "turn", "zoom", "shift")
        return cls(*(torch.cat([getattr(warp, name) for warp in warps]) for name in names))

    def __getitem__(self, place: int) -> "Warp":
        """The warp of one crop, a batch of one."""
        one = slice(place, place + 1)
        return Warp(self.mirrored[one], self.turn[one], self.zoom[one], self.shift[one])

    @classmethod
    def draw(cls, batch: int, ranges: WarpRanges, generator: torch.Generator) -> "Warp":
        """Random warps for a batch of crops."""
        mirrored = torch.rand(batch, generator=generator) < ranges.flip_probability
        turned = torch.rand(batch, generator=generator) < ranges.turn_probability
        turn = (torch.randn(batch, generator=generator)).clamp(-2, 2) * ranges.turn_degrees * turned
        zoom = 1 + (torch.randn(batch, generator=generator) * ranges.zoom).clamp(-ranges.zoom, ranges.zoom)
        shift = (2 * torch.rand(batch, 2, generator=generator) - 1) * ranges.shift
        return cls(mirrored, torch.deg2rad(turn), zoom, shift)

    def images(
        self, boxes: UInt8[Tensor, "batch size size 3"], margin: float, resolution: int
    ) -> Float[Tensor, "batch 3 resolution resolution"]:
        """Cut the warped crops out of wider pictures of the people.

        Args:
            boxes: square RGB pictures centred on the boxes, (B, S, S, 3); sampled bilinearly, so that
                S should not be much more than `margin * resolution`.
            margin: side of those pictures in box sides.
            resolution: side of the crops in pixels.

        Returns:
            RGB in 0..255, black outside the pictures, (B, 3, resolution, resolution).
        """
        pixels = boxes.permute(0, 3, 1, 2).contiguous().float()
        return _sample(pixels, self._grid(margin, resolution), "bilinear")

    def labels(
        self, boxes: UInt8[Tensor, "batch size size"], margin: float, resolution: int
    ) -> Int[Tensor, "batch resolution resolution"]:
        """Cut warped part labels out of wider label maps; mirrored bodies swap left and right parts.

        Args:
            boxes: label maps that cover the same squares as the pictures, (B, S, S).
            margin: side of those squares in box sides.
            resolution: side of the result.

        Returns:
            0 for background and k + 1 for part k, (B, resolution, resolution).
        """
        sampled = _sample(boxes[:, None].float(), self._grid(margin, resolution), "nearest")[:, 0].long()
        mirror = torch.tensor(PART_MIRROR)
        return torch.where(self.mirrored[:, None, None], mirror[sampled], sampled)

    def rotmats(self, rotmats: Float[Tensor, "batch 24 3 3"]) -> Float[Tensor, "batch 24 3 3"]:
        """Pose of the person as the warped crop shows it; the root is in the camera frame."""
        sign = torch.tensor([-1.0, 1.0, 1.0], dtype=rotmats.dtype)
        # M R M with M = diag(-1, 1, 1) mirrors a rotation; limbs change sides.
        reflected = rotmats[:, list(SMPL24.mirror)] * sign[:, None] * sign
        moved = torch.where(self.mirrored[:, None, None, None], reflected, rotmats)
        root = torch.stack(self._rolled(moved[:, 0]), dim=1)  # row by row of the rotation matrix
        return torch.cat((root[:, None], moved[:, 1:]), dim=1)

    def joints_3d(
        self, joints: Float[Tensor, "batch joints 3"], mirror: tuple[int, ...]
    ) -> Float[Tensor, "batch joints 3"]:
        """Joints around an origin on the optical axis, (B, J, 3), camera frame, as the crop shows them."""
        sign = torch.tensor([-1.0, 1.0, 1.0], dtype=joints.dtype)
        moved = torch.where(self.mirrored[:, None, None], joints[:, list(mirror)] * sign, joints)
        return torch.stack(self._rolled(moved.transpose(1, 2)), dim=-1)

    def joints_2d(
        self, joints: Float[Tensor, "batch joints 2"], mirror: tuple[int, ...]
    ) -> Float[Tensor, "batch joints 2"]:
        """Joints in crop coordinates of the box, (B, J, 2), to those of the warped crop."""
        sign = torch.tensor([-1.0, 1.0], dtype=joints.dtype)
        moved = torch.where(self.mirrored[:, None, None], joints[:, list(mirror)] * sign, joints)
        x, y = ((moved - self.shift[:, None]) / self.zoom[:, None, None]).unbind(dim=-1)
        cosine, sine = self._waves(1)
        return torch.stack((cosine * x + sine * y, cosine * y - sine * x), dim=-1)

    def _waves(self, dimensions: int) -> tuple[Tensor, Tensor]:
        """Cosine and sine of the turn, (B, 1, ...)."""
        # One by one: vectorised functions round an angle differently at another place of the batch.
        pairs = torch.tensor([(math.cos(angle), math.sin(angle)) for angle in self.turn.tolist()])
        cosine, sine = pairs.view(-1, 2).T.view(2, -1, *[1] * dimensions)
        return cosine, sine

    def _rolled(self, points: Float[Tensor, "batch 3 many"]) -> tuple[Tensor, Tensor, Tensor]:
        """Coordinates turned about the optical axis as the body turns, each (B, N)."""
        x, y, z = points.unbind(dim=1)
        cosine, sine = self._waves(1)
        return cosine * x + sine * y, cosine * y - sine * x, z

    def _grid(self, margin: float, resolution: int) -> Float[Tensor, "batch resolution resolution 2"]:
        """Where in the wider picture each pixel of the crop looks, [-1, 1] over the picture."""
        centres = (2 * torch.arange(resolution) + 1) / resolution - 1
        u, v = centres[None, None, :], centres[None, :, None]
        cosine, sine = (self.zoom[:, None, None] * wave for wave in self._waves(2))
        x = (cosine * u - sine * v + self.shift[:, :1, None]) / margin
        y = (sine * u + cosine * v + self.shift[:, 1:, None]) / margin
        return torch.stack((torch.where(self.mirrored[:, None, None], -x, x), y), dim=-1)


def _sample(pixels: Tensor, grid: Tensor, mode: str) -> Tensor:
    return functional.grid_sample(pixels, grid, mode=mode, padding_mode="zeros", align_corners=False)


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
