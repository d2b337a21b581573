"""Small made-up results of every kind that a figure is drawn from."""

import dataclasses
from pathlib import Path

import numpy as np
from occlusion_toolkit.attention_maps.result import AttentionResult, OccludedAttention
from occlusion_toolkit.sweep.results import Focus, HeatmapResult, JointMaps, StoredBody

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.comparison import mesh_figure as mesh_comparison
from occlusion_toolkit.meshes import figures as mesh_report
from occlusion_toolkit.plotting import posed, style
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.protocol import GridCard, ProtocolCard
from occlusion_toolkit.training.curves import METRICS

GRID = Grid("centred", size=56, stride=56)


def fake_body() -> StoredBody:
    """The open body standing upright in the middle of the crop."""
    rotmats = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    rotmats[0] = np.diag([1.0, -1.0, -1.0])
    return StoredBody(rotmats, np.zeros(10, np.float32), np.array([0.9, 0.0, 0.0], np.float32))


def write_fake_log(run: Path) -> None:
    """The log of a training of 40 logged steps with a validation in the middle and at the end."""
    path = run / METRICS
    path.parent.mkdir(parents=True)
    lines = ["loss/joints_3d,loss/pose,loss/parts,step,validation/pa_mpjpe_mm"]
    lines += [f"{1 / (9 + n)},{1 / (20 + n)},{max(0, 20 - n) / 10},{50 * n + 49}," for n in range(40)]
    lines[21:21] = [",,,999,90.5"]
    path.write_text("\n".join([*lines, ",,,1999,80.25"]) + "\n")


def fake_heatmap(model: str = "fake", seed: int = 0) -> HeatmapResult:
    """A sweep with ground truth; models differ in their numbers, not in the image."""
    rng = np.random.default_rng(seed)
    joints = len(LSP14.joint_names)

    def maps() -> np.ndarray:
        return rng.uniform(20, 120, (joints, GRID.rows, GRID.cols)).astype(np.float32)

    points = np.zeros((joints, 3), np.float32)
    levels = np.full(joints, 20, np.float32)
    windows = GRID.rows * GRID.cols
    return HeatmapResult(
        card=ProtocolCard(
            analysis="heatmap",
            read_outs=("displacement", "error", "increase"),
            model_card=model,
            body=OPEN_BODY_TOPOLOGY,
            joint_sets=("lsp14",),
            crop_rule="square",
            grid=GridCard(kind=GRID.kind, size=GRID.size, stride=GRID.stride, resolution=GRID.resolution),
            occluder="grey",
        ),
        image_name="image.jpg",
        image_sha256="0" * 64,
        box_centre_px=(112.0, 112.0),
        box_size_px=224.0,
        crop=fake_crop(),
        occluded_crop=fake_crop(),
        windows=GRID.windows(),
        cells=GRID.cells(),
        camera=np.tile(fake_body().camera, (windows, 1)),
        clean=fake_body(),
        worst=fake_body(),
        worst_window=5,
        focus=Focus(read_out="error", joint_set="lsp14", joints=LSP14.joint_names),
        maps=(
            JointMaps(
                joint_set="lsp14",
                joint_names=LSP14.joint_names,
                joints_m=np.tile(points, (windows, 1, 1)),
                clean_joints_m=points,
                displacement_mm=maps(),
                pa_displacement_mm=maps(),
                true_joints_m=points,
                error_mm=maps(),
                increase_mm=maps(),
                clean_error_mm=levels,
                pa_error_mm=maps(),
                pa_increase_mm=maps(),
                clean_pa_error_mm=levels,
            ),
        ),
        truth=fake_body(),
    )


def fake_attention(*, occluded: bool = True) -> AttentionResult:
    """Attention that sits in one cell, with the head in the upper left corner of the crop."""
    labels = np.zeros((224, 224), dtype=np.int64)
    labels[:32, :32] = 1 + 15
    focused = np.zeros((24, 7, 7), dtype=np.float32)
    focused[:, 0, 0] = 1
    even = np.full((24, 7, 7), 1 / 49, dtype=np.float32)
    result = AttentionResult(
        card=ProtocolCard(
            analysis="attention",
            read_outs=(),
            model_card="fake",
            body=OPEN_BODY_TOPOLOGY,
            joint_sets=(),
            crop_rule="square",
            grid=None,
            occluder="grey" if occluded else None,
        ),
        image_name="image.jpg",
        image_sha256="0" * 64,
        box_centre_px=(112.0, 112.0),
        box_size_px=224.0,
        crop=fake_crop(),
        part_labels=labels,
        attention=focused,
    )
    hidden = OccludedAttention(np.array([0, 40, 0, 24]), fake_crop(), even)
    return dataclasses.replace(result, occluded=hidden) if occluded else result


def fake_crop() -> np.ndarray:
    """A picture that gets lighter from left to right."""
    return np.tile(np.arange(224, dtype=np.uint8)[None, :, None], (224, 1, 3))


def draw_coarsely(monkeypatch) -> None:
    """Few pixels in rendered bodies and in PDFs: the tests are about files, not about their looks."""
    monkeypatch.setattr(posed, "_MESH_PIXELS", 56)
    monkeypatch.setattr(style, "PRINT_DPI", 72)
    for module in (mesh_report, mesh_comparison):
        monkeypatch.setattr(module, "VIEWS_PER_INCH", 40.0)
