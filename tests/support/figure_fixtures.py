"""Small made-up results of every kind that a figure is drawn from."""

from pathlib import Path

import numpy as np

from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.comparison import meshes as meshes_compared
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.meshes import pictures as mesh_pictures
from occlusion_toolkit.plotting import posed, style
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import cell_centres, labelled, with_card
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.training.curves import METRICS

GRID = Grid("centred", size=56, stride=56)
GREY = {"name": "grey", "rgb": [124, 116, 104]}


def write_fake_log(run: Path) -> None:
    """The log of a training of 40 logged steps with a validation in the middle and at the end."""
    path = run / METRICS
    path.parent.mkdir(parents=True)
    lines = ["loss/joints_3d,loss/pose,loss/parts,step,validation/pa_mpjpe_mm"]
    lines += [f"{1 / (9 + n)},{1 / (20 + n)},{max(0, 20 - n) / 10},{50 * n + 49}," for n in range(40)]
    lines[21:21] = [",,,999,90.5"]
    path.write_text("\n".join([*lines, ",,,1999,80.25"]) + "\n")


def fake_maps(model: str = "fake", seed: int = 0, **changes: np.ndarray) -> OcclusionMaps:
    """A sweep of the upright open body with a truth; models differ in their numbers, not in the image.

    Args:
        model: name of its card.
        seed: of the numbers.
        changes: arrays by name, with a leading dimension of one image.
    """
    rng = np.random.default_rng(seed)
    cells, joints = (1, GRID.rows, GRID.cols), len(LSP14.joint_names)
    rotmats = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    rotmats[0] = np.diag([1.0, -1.0, -1.0])
    body = {"rotmats": rotmats, "betas": np.zeros(10), "camera": np.array([0.9, 0.0, 0.0])}
    arrays = {
        name: rng.uniform(20, 120, (1, joints, GRID.rows, GRID.cols))
        for name in ("displacement", "pa_displacement", "error", "pa_error")
    }
    arrays |= {name: np.full((1, joints), 20.0) for name in ("clean_error", "clean_pa_error")}
    arrays |= {f"{which}_{name}": part[None] for which in ("clean", "true") for name, part in body.items()}
    arrays |= {name: np.tile(part, (*cells, *(1,) * part.ndim)) for name, part in body.items()}
    arrays = {name: values.astype(np.float32) for name, values in arrays.items()}
    arrays |= {"box_centre_px": np.array([[112.0, 112.0]]), "box_size_px": np.array([224.0])}
    arrays["crop"] = fake_crop()[None]
    card = ProtocolCard(
        analysis="heatmap",
        metrics=("mpjpe", "pa_mpjpe"),
        model_card=model,
        body=OPEN_BODY_TOPOLOGY,
        joint_set="lsp14",
        crop_rule="square",
        grid=GRID,
        occluder=GREY,
        ground_truth_body=OPEN_BODY_TOPOLOGY,
    )
    names = {"file": ("image", ["image.jpg"]), "file_sha256": ("image", ["0" * 64])}
    labels = {"image": [0], "joint": list(LSP14.joint_names)} | cell_centres(GRID) | names
    return OcclusionMaps(with_card(labelled(arrays | changes, labels), card))


def fake_attention(*, occluded: bool = True) -> AttentionMaps:
    """Attention that sits in one cell, with the head in the upper left corner of the crop."""
    segmentation = np.zeros((224, 224), dtype=np.int64)
    segmentation[:32, :32] = 1 + 15
    focused = np.zeros((24, 7, 7), dtype=np.float32)
    focused[:, 0, 0] = 1
    even = np.full((24, 7, 7), 1 / 49, dtype=np.float32)
    views = 2 if occluded else 1
    card = ProtocolCard(
        analysis="attention",
        metrics=(),
        model_card="fake",
        body=OPEN_BODY_TOPOLOGY,
        joint_set="lsp14",
        crop_rule="square",
        grid=None,
        occluder=GREY if occluded else None,
    )
    return AttentionMaps.of(
        card,
        "image.jpg",
        np.stack([fake_crop()] * views),
        np.stack([focused, even][:views]),
        segmentation,
        (0, 40, 0, 24) if occluded else None,
    )


def fake_crop() -> np.ndarray:
    """A picture that gets lighter from left to right."""
    return np.tile(np.arange(224, dtype=np.uint8)[None, :, None], (224, 1, 3))


def draw_coarsely(monkeypatch) -> None:
    """Few pixels in rendered bodies and in PDFs: the tests are about files, not about their looks."""
    monkeypatch.setattr(posed, "_MESH_PIXELS", 56)
    monkeypatch.setattr(style, "PRINT_DPI", 72)
    for module in (mesh_pictures, meshes_compared):
        monkeypatch.setattr(module, "VIEWS_PER_INCH", 40.0)
