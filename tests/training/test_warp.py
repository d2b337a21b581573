from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.weak_cameras import fit_camera

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import SPIN49, Joints49
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.training.appearance import recolour
from occlusion_toolkit.training.crops_cache import CROP_PX, MARGIN, CropsCache
from occlusion_toolkit.training.losses import project
from occlusion_toolkit.training.recipe import AppearanceRanges, WarpRanges
from occlusion_toolkit.training.warp import PART_MIRROR, Warp

MIRROR = SPIN49.mirror
SYMMETRIC_M = 2e-4
"""The body is as symmetric as that."""


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


@pytest.fixture(scope="module")
def people(cache: CropsCache) -> SimpleNamespace:
    return SimpleNamespace(**cache.batch(range(6), 224))


def _warp(mirrored: bool, degrees: float, zoom: float, x: float, y: float, batch: int) -> Warp:
    return Warp(
        torch.full((batch,), mirrored),
        torch.deg2rad(torch.full((batch,), degrees)),
        torch.full((batch,), zoom),
        torch.tensor([[x, y]]).repeat(batch, 1),
    )


warps = st.builds(
    _warp,
    st.booleans(),
    st.floats(-60, 60),
    st.floats(0.8, 1.25),
    st.floats(-0.1, 0.1),
    st.floats(-0.1, 0.1),
    st.just(6),
)


@settings(max_examples=25, deadline=None)
@given(warps)
def test_warped_parameters_reproject_onto_warped_joints(
    body: BodyModel, people: SimpleNamespace, warp: Warp
) -> None:
    parameters = BodyParameters(warp.rotmats(people.rotmats), people.betas, torch.zeros(6, 3))
    joints, pelvis = Joints49(body.arrays)(parameters), body.joints(parameters, SMPL24)[:, :1]
    warped = warp.joints_3d(people.joints_3d, MIRROR)
    assert torch.allclose(joints - pelvis, warped, atol=SYMMETRIC_M)
    keypoints = warp.joints_2d(people.joints_2d, MIRROR)
    certain = torch.cat((keypoints, torch.ones(6, len(SPIN49), 1)), dim=2)
    assert torch.allclose(project(joints, fit_camera(joints, certain)), keypoints, atol=2 * SYMMETRIC_M)


@settings(max_examples=25, deadline=None)
@given(warps)
def test_warped_rotations_are_rotations(people: SimpleNamespace, warp: Warp) -> None:
    rotmats = warp.rotmats(people.rotmats)
    assert torch.allclose(rotmats @ rotmats.transpose(-1, -2), torch.eye(3).expand_as(rotmats), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotmats), torch.ones(6, 24), atol=1e-5)


@pytest.mark.parametrize("degrees", [0.0, 35.0, -50.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_warped_picture_shows_the_joints_where_the_warp_says(
    people: SimpleNamespace, mirrored: bool, degrees: float
) -> None:
    """A white dot painted on a joint is found, in the warped picture, at the warped joint."""
    warp = _warp(mirrored, degrees, 1.1, 0.05, -0.07, 6)
    for joint in (MIRROR.index(20), MIRROR.index(5)):
        pictures = torch.zeros(6, CROP_PX, CROP_PX, 3, dtype=torch.uint8)
        for row, (u, v) in enumerate((people.joints_2d[:, joint] / MARGIN + 1) * CROP_PX / 2):
            pictures[row, int(v) - 2 : int(v) + 3, int(u) - 2 : int(u) + 3] = 255
        shown = warp.images(pictures, MARGIN, 224)[:, 0]
        pixels = torch.arange(224) + 0.5
        weight = shown.sum(dim=(1, 2))
        x = (shown.sum(dim=1) * pixels).sum(dim=1) / weight
        y = (shown.sum(dim=2) * pixels).sum(dim=1) / weight
        found = torch.stack((x, y), dim=1)
        renamed = MIRROR[joint] if mirrored else joint
        expected = (warp.joints_2d(people.joints_2d, MIRROR)[:, renamed] + 1) * 112
        assert torch.allclose(found, expected, atol=1.0)


def test_mirroring_twice_gives_everything_back(people: SimpleNamespace) -> None:
    flip = _warp(True, 0.0, 1.0, 0.0, 0.0, 6)
    assert torch.allclose(flip.rotmats(flip.rotmats(people.rotmats)), people.rotmats, atol=1e-6)
    assert torch.allclose(flip.joints_2d(flip.joints_2d(people.joints_2d, MIRROR), MIRROR), people.joints_2d)
    assert torch.allclose(flip.joints_3d(flip.joints_3d(people.joints_3d, MIRROR), MIRROR), people.joints_3d)
    once = flip.images(people.pictures, 1.0, CROP_PX)
    assert torch.allclose(once.flip(3), people.pictures.permute(0, 3, 1, 2).float(), atol=0.05)
    assert [PART_MIRROR[label] for label in PART_MIRROR] == list(range(25))


def test_mirrored_labels_swap_sides(people: SimpleNamespace) -> None:
    size = people.labels.shape[-1]
    flip = _warp(True, 0.0, 1.0, 0.0, 0.0, 6)
    mirrored = flip.labels(people.labels, 1.0, size).flip(2)
    assert torch.equal(torch.tensor(PART_MIRROR)[people.labels.long()], mirrored)
    assert (mirrored != people.labels).any()


def test_identity_shows_the_box(people: SimpleNamespace) -> None:
    assert torch.equal(Warp.identity(6).rotmats(people.rotmats), people.rotmats)
    assert torch.equal(Warp.identity(6).joints_2d(people.joints_2d, MIRROR), people.joints_2d)


def test_drawn_warps_stay_in_their_ranges_and_repeat() -> None:
    ranges = WarpRanges()
    first, second = (Warp.draw(500, ranges, torch.Generator().manual_seed(4)) for _ in range(2))
    for name in ("mirrored", "turn", "zoom", "shift"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    assert float(first.turn.abs().max()) <= np.deg2rad(2 * ranges.turn_degrees) + 1e-6
    assert float((first.zoom - 1).abs().max()) <= ranges.zoom + 1e-6
    assert float(first.shift.abs().max()) <= ranges.shift
    assert 0.4 < float(first.mirrored.float().mean()) < 0.6


def test_recolouring_moves_no_pixel_and_stays_in_range() -> None:
    crops = torch.full((8, 3, 32, 32), 120.0)
    crops[:, :, 10:20, 5:15] = 200.0
    ranges = AppearanceRanges(blur_probability=0.0, noise=0.0)
    recoloured = recolour(crops, ranges, [torch.Generator().manual_seed(seed) for seed in range(8)])
    assert float(recoloured.min()) >= 0
    assert float(recoloured.max()) <= 255
    for crop in recoloured:
        assert len(crop[:, 10:20, 5:15].flatten(1).unique(dim=1).T) == 1
        assert len(crop[:, :8].flatten(1).unique(dim=1).T) == 1
    assert not torch.equal(recoloured[0], recoloured[1])
