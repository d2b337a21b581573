"""Small made-up meshes: a result on a ball with parts, joints and sequences."""

import numpy as np
from occlusion_toolkit.meshes.mesh_result import RULES, MeshResult, PooledMaps, VertexStatistics

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.sweep.protocol import GridCard, ProtocolCard
from support.synthetic_meshes import sphere

JOINTS = ("left_wrist", "right_wrist", "neck")
SEQUENCES = ("indoors", "street")


def ball_surface():
    """A ball whose left half is a left wrist, whose right half a right wrist, and whose top is a neck."""
    vertices, faces = sphere(rings=8, radius=0.8)
    parts = np.where(vertices[:, 1] > 0.6, 2, np.where(vertices[:, 0] > 0, 0, 1)).astype(np.int64)
    return BodySurface("ball", vertices.float().numpy(), faces.numpy(), parts, JOINTS)


def ball_card(read_outs=("displacement", "error", "increase"), **changes):
    """The protocol card of a survey on the ball."""
    settings = {
        "analysis": "mesh",
        "read_outs": read_outs,
        "model_card": "pare-open",
        "body": "ball",
        "joint_sets": ("lsp14",),
        "crop_rule": "box",
        "grid": GridCard(kind="centred", size=40, stride=16, resolution=224),
        "occluder": "grey",
        "dataset": "open",
        "split": "test",
    }
    return ProtocolCard(**(settings | changes))


def ball_result(read_outs=("displacement", "error", "increase"), **changes):
    """Made-up statistics; vertices 3 and 4 were never seen."""
    surface, rng = ball_surface(), np.random.default_rng(0)
    count = rng.integers(1, 90, len(surface.vertices_m))
    count[3:5] = 0

    def statistics(offset):
        mean = rng.uniform(0, 100, (len(JOINTS) + 1, len(count))) + offset
        mean[-1] = mean[:-1].mean(axis=0)
        mean[:, count == 0] = np.nan
        return VertexStatistics(count, mean, mean * 2, mean - 5, mean + 5)

    def pooled(read_out, rule):
        shape = (len(SEQUENCES), len(JOINTS) + 1, len(count))
        means = rng.uniform(0, 100, shape).astype(np.float32) if rule == "cell" else None
        offset = -50 if read_out == "increase" else 0
        return PooledMaps(read_out, rule, statistics(offset), statistics(offset), means)

    return MeshResult(
        card=ball_card(read_outs, **changes),
        joint_set="lsp14",
        joint_names=JOINTS,
        aligned=False,
        num_images=90,
        sequence_names=SEQUENCES,
        sequence_counts=np.stack([count // 2, count - count // 2]),
        pooled=tuple(pooled(read_out, rule) for read_out in read_outs for rule in RULES),
    )
