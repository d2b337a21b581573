"""Meshes of regressors whose answer is known under every window, through real sweeps and surveys."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image
from support.fakes import bent_elbow
from torch import nn

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.camera import vertex_visibility
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.people import PeopleList
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.meshes.sensitivity_mesh import RULES
from occlusion_toolkit.surveys.folder import WHOLE, Part
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.sweep.grid import Grid

GRID = Grid("centred", size=40, stride=16)
RED = {"a": (250, 200), "b": (180, 255, 30), "c": (90,)}  # of the plain images, by sequence
PIXELS = {(112, 60): 0.3, (70, 150): 0.5}  # (row, column): radians that the elbow bends per unit of red
WRIST = SMPL24.index("left_wrist")
BODIES = Bodies()


class PixelSumReader(nn.Module):
    """Bends the left elbow by the red of two pixels: its answer under a window is known."""

    def forward(self, crops):
        return bent_elbow(sum(weight * crops[:, 0, row, col] for (row, col), weight in PIXELS.items()))


class AlwaysTheSame(nn.Module):
    """Estimates one body whatever it sees."""

    def forward(self, crops):
        return bent_elbow(torch.full((len(crops),), 0.4))


def people(folder: Path) -> PeopleList:
    """People in the rest pose, in images of one colour, so that a crop has the colour wherever it is cut."""
    frames = []
    for sequence, reds in RED.items():
        for number, red in enumerate(reds):
            path = folder / f"{sequence}{number}.png"
            Image.new("RGB", (64, 64), (red, 128, 128)).save(path)
            rest = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
            box = CropBox((32.0, 32.0), 50.0)
            frames.append(Sample(path, sequence, number, 0, "neutral", box, rest, np.zeros(10, np.float32)))
    return PeopleList("plain", "test", folder, OPEN_BODY_TOPOLOGY, frames, {})


def surveyed(network, folder, **options):
    (folder / "images").mkdir(exist_ok=True)
    sweep = OcclusionSweep(network, size=40, stride=16, joints="smpl24", batch_size=64, device="cpu")
    return survey(sweep, people(folder / "images"), out=folder / "survey", **options)


def chord_mm(angle):
    """How far the wrist is from its place in the rest pose when the elbow bends about z."""
    rest = BODIES.load(OPEN_BODY_TOPOLOGY).rest_joints
    radius = (rest[WRIST] - rest[SMPL24.index("left_elbow")])[:2].norm().item()
    return 1000 * 2 * radius * np.abs(np.sin(angle / 2))


def covers(pixel):
    """Which windows hide a pixel, (W,)."""
    y0, y1, x0, x1 = GRID.windows().T
    return (y0 <= pixel[0]) & (pixel[0] < y1) & (x0 <= pixel[1]) & (pixel[1] < x1)


@dataclass(frozen=True)
class Predicted:
    """What theory says of one image: what is visible where, and the wrist under every window, mm."""

    sequence: str
    visible: np.ndarray
    pixel: np.ndarray
    error: np.ndarray
    increase: np.ndarray
    displacement: np.ndarray

    def at(self, metric, rule):
        """Of every vertex, NaN where it is not visible, (V,)."""
        y0, y1, x0, x1 = (GRID.cells() if rule == "cell" else GRID.windows()).T
        x, y = self.pixel[self.visible, :, None].transpose(1, 0, 2)
        chosen = ((y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)) != (rule == "elsewhere")
        values = np.full(len(self.visible), np.nan)
        values[self.visible] = chosen @ getattr(self, metric) / chosen.sum(axis=1)
        return values


def predicted() -> list[Predicted]:
    body = BODIES.load(OPEN_BODY_TOPOLOGY)
    images = []
    for sequence, reds in RED.items():
        for red in reds:
            value = (red / 255 - 0.485) / 0.229
            shown = {pixel: 1.0 - covers(pixel) for pixel in PIXELS}  # grey is 0
            angles = sum(weight * value * shown[pixel] for pixel, weight in PIXELS.items())
            clean = sum(PIXELS.values()) * value
            answer = bent_elbow(torch.tensor([clean], dtype=torch.float32))
            posed = body(BodyParameters(answer.rotmats, answer.betas, answer.camera)).vertices
            view = vertex_visibility(posed, body.faces, answer.camera)
            error = chord_mm(angles)
            images.append(
                Predicted(
                    sequence,
                    view.visible[0].numpy(),
                    view.pixel[0].numpy(),
                    error,
                    error - chord_mm(clean),
                    chord_mm(angles - clean),
                )
            )
    return images


@pytest.fixture(scope="module")
def pixel_mesh(tmp_path_factory):
    return surveyed(PixelSumReader(), tmp_path_factory.mktemp("pixels")).mesh()


@pytest.fixture(scope="module")
def theory():
    return predicted()


def test_the_hot_vertices_of_the_wrist_are_exactly_those_that_theory_predicts(pixel_mesh, theory):
    hot = np.zeros(pixel_mesh.num_vertices, dtype=bool)
    for image in theory:
        # Windows are centred on their blocks: 12 pixels beyond a block of 16 on every side.
        start = 16 * np.floor(image.pixel[:, ::-1] / 16) - 12
        for pixel in PIXELS:
            hides = ((start <= pixel) & (np.array(pixel) < start + 40)).all(axis=1)
            hot |= image.visible & hides
    assert 50 < hot.sum() < 2000
    moved = pixel_mesh.sel(metric="displacement", joint="left_wrist").values
    np.testing.assert_array_equal(np.nan_to_num(moved) > 1.0, hot)
    assert np.abs(moved[(pixel_mesh.count > 0) & ~hot]).max() < 1e-3


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("metric", ["error", "increase", "displacement"])
def test_count_mean_and_variance_are_those_of_two_passes(pixel_mesh, theory, metric, rule):
    data = np.stack([image.at(metric, rule) for image in theory])
    sequences = np.array([image.sequence for image in theory])
    count = np.isfinite(data).sum(axis=0)

    def found(statistic="mean", over="frames"):
        return pixel_mesh.sel(
            metric=metric, joint="left_wrist", where=rule, statistic=statistic, over=over
        ).values

    np.testing.assert_array_equal(pixel_mesh.dataset["count"].sel(over="frames", where=rule).values, count)
    seen, twice = count > 0, count > 1
    np.testing.assert_allclose(found()[seen], np.nanmean(data[:, seen], axis=0), atol=1e-3)
    variance = np.nanvar(data[:, twice], axis=0, ddof=1)
    np.testing.assert_allclose(found("variance")[twice], variance, rtol=1e-4, atol=1e-3)
    per_sequence = [data[sequences == name][:, seen] for name in RED]
    with np.errstate(invalid="ignore"):
        sums = np.stack([np.nansum(part, axis=0) / np.isfinite(part).sum(axis=0) for part in per_sequence])
    np.testing.assert_allclose(found(over="sequences")[seen], np.nanmean(sums, axis=0), atol=1e-3)
    assert np.isnan(found()[~seen]).all()


def test_joints_that_the_regressor_never_moves_are_cold(pixel_mesh):
    moved, seen = pixel_mesh.sel(metric="displacement"), pixel_mesh.count > 0
    still = [name for name in pixel_mesh.joints if name not in ("left_wrist", "left_hand", "mean")]
    assert np.abs(moved.sel(joint=still).values[:, seen]).max() < 1e-3
    mean = moved.isel(joint=slice(0, -1)).mean("joint").values[seen]
    np.testing.assert_allclose(moved.sel(joint="mean").values[seen], mean, rtol=1e-6)


def test_a_constant_regressor_gives_a_flat_mesh(tmp_path):
    mesh = surveyed(AlwaysTheSame(), tmp_path).mesh()
    for rule in RULES:
        moved = mesh.sel(metric="displacement", where=rule).values
        seen = np.isfinite(moved[0])
        assert seen.mean() > 0.3
        assert not moved[:, seen].any()
        assert not mesh.sel(metric="displacement", where=rule, statistic="variance").values[:, seen].any()
        error = mesh.sel(metric="error", where=rule).values[:, seen]
        assert np.ptp(error, axis=1).max() < 1e-4
        assert error[WRIST, 0] == pytest.approx(chord_mm(0.4), abs=1e-3)


def test_the_union_of_parts_is_the_single_run_bit_for_bit(tmp_path, pixel_mesh):
    for part in (Part(1, 2), Part(0, 2), WHOLE):
        halves = surveyed(PixelSumReader(), tmp_path, part=part, shard_size=2, resume=True)
    assert halves.num_shards == 3
    xr.testing.assert_identical(halves.mesh().dataset, pixel_mesh.dataset)
