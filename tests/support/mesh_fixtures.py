"""Small made-up meshes: statistics on a ball with parts, joints and sequences."""

import numpy as np

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.meshes.sensitivity_mesh import LEVELS, MEAN_OF_JOINTS, RULES, SensitivityMesh
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import default_metric, metric_names
from occlusion_toolkit.sweep.protocol import ProtocolCard
from support.synthetic_meshes import sphere

JOINTS = ("left_wrist", "right_wrist", "neck")
SEQUENCES = ("indoors", "street")


def ball_surface(topology: str = "ball") -> BodySurface:
    """A ball whose left half is a left wrist, whose right half a right wrist, and whose top is a neck."""
    vertices, faces = sphere(rings=8, radius=0.8)
    parts = np.where(vertices[:, 1] > 0.6, 2, np.where(vertices[:, 0] > 0, 0, 1)).astype(np.int64)
    return BodySurface(topology, vertices.float().numpy(), faces.numpy(), parts, JOINTS)


def ball_card(*, truth: bool = True, metrics: tuple[str, ...] = ("mpjpe",), **changes) -> ProtocolCard:
    """The protocol card of meshes on the ball."""
    settings = {
        "analysis": "mesh",
        "metrics": metrics,
        "model_card": "pare-open",
        "body": "ball",
        "joint_set": "lsp14",
        "crop_rule": "box",
        "grid": Grid("centred", size=40, stride=16),
        "occluder": {"name": "grey", "rgb": [124, 116, 104]},
        "dataset": "open",
        "split": "test",
        "ground_truth_body": "ball" if truth else None,
        "rasterizer": "builtin",
    }
    return ProtocolCard(**(settings | changes))


def ball_mesh(surface: BodySurface | None = None, *, seed: int = 0, **changes) -> SensitivityMesh:
    """Made-up statistics; vertices 3 and 4 were never seen.

    Args:
        surface: the body; None for the ball.
        seed: other numbers for another seed.
        changes: of the card.
    """
    surface, rng = surface or ball_surface(), np.random.default_rng(seed)
    card = ball_card(**{"body": surface.topology} | changes)
    metrics = metric_names(card)
    count = rng.integers(1, 90, len(surface.vertices_m))
    count[3:5] = 0

    def means(*shape: int) -> np.ndarray:
        """Random millimetres per joint, and their mean, (..., J + 1, V)."""
        joints = rng.uniform(0, 100, (*shape, len(JOINTS), len(count)))
        values = np.concatenate([joints, joints.mean(axis=-2, keepdims=True)], axis=-2)
        values[..., count == 0] = np.nan
        return values.astype(np.float32)

    mean = means(len(LEVELS), len(metrics), len(RULES))
    mean[:, [name.endswith("increase") for name in metrics]] -= 50
    arrays = {
        "mean": mean,
        "variance": 2 * mean,
        "ci_low": mean - 5,
        "ci_high": mean + 5,
        "count": np.broadcast_to(count, (len(LEVELS), len(RULES), len(count))).copy(),
        "sequence_means": means(len(SEQUENCES), len(metrics)),
        "sequence_counts": np.stack([count // 2, count - count // 2]),
    }
    names = {"metric": metrics, "joint": (*JOINTS, MEAN_OF_JOINTS), "sequence": SEQUENCES}
    return SensitivityMesh.of(arrays, names, surface, card, metric=default_metric(card), num_images=90)
