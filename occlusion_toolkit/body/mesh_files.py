"""Values over vertices as files that other programs open: PLY, GLB and CSV."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Shaped, UInt8
from numpy.typing import NDArray
from trimesh.exchange.gltf import export_glb
from trimesh.exchange.ply import export_ply
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import write_bytes, write_text

NO_VALUE = -9999.0
"""Stands for NaN in GLB files: glTF 2.0 forbids NaN in accessors (section 3.6.2.2)."""

VertexValues = Mapping[str, NDArray[np.float32]]
"""Under each name one value per vertex, (V,); NaN where there is none."""


def write_ply(
    path: Path,
    surface: BodySurface,
    colours: UInt8[np.ndarray, "vertices 3"],
    values: VertexValues,
    comment: str,
) -> None:
    """Writes a binary PLY file with a colour and any number of float properties per vertex; NaN stays NaN.

    Args:
        path: the file; its folder must exist.
        surface: the mesh.
        colours: sRGB, for viewers.
        values: become properties of the same names.
        comment: one line for the header, such as units and provenance.

    Raises:
        ResultError: lengths disagree, or the file cannot be written.
    """
    mesh = _mesh(surface, values)
    mesh.visual = ColorVisuals(mesh, vertex_colors=colours)
    data = export_ply(mesh, vertex_normal=False)
    first = b"\nelement vertex"
    line = " ".join(comment.split()).encode("ascii", "replace")
    write_bytes(path, data.replace(first, b"\ncomment " + line + first, 1))


def write_glb(
    path: Path,
    surface: BodySurface,
    colours: UInt8[np.ndarray, "vertices 3"],
    values: VertexValues,
    extras: Mapping[str, str],
) -> None:
    """Writes a binary glTF file with a colour and any number of float attributes per vertex.

    glTF and bodies share their axes (y up, z to the front, metres). Attributes are named `gltf_name`; where
    there is no value they hold `NO_VALUE`. Colours are stored linear, as glTF wants them.

    Args:
        path: the file; its folder must exist.
        surface: the mesh.
        colours: sRGB, for viewers.
        values: become attributes.
        extras: words to keep with the mesh, such as units and provenance.

    Raises:
        ResultError: lengths disagree, two names become one, or the file cannot be written.
    """
    filled = {gltf_name(name): np.nan_to_num(array, nan=NO_VALUE) for name, array in values.items()}
    if len(filled) != len(values):
        raise ResultError(f"{path.name}: two attributes would share a name in glTF; rename one of the joints")
    mesh = _mesh(surface, filled)
    mesh.metadata.update(extras, no_value=str(NO_VALUE))
    material = PBRMaterial(metallicFactor=0.0, roughnessFactor=0.9)  # type: ignore[no-untyped-call]
    mesh.visual = TextureVisuals(material=material)  # type: ignore[no-untyped-call]
    mesh.visual.vertex_attributes["color"] = _linear(colours)
    write_bytes(path, export_glb(trimesh.Scene(mesh), include_normals=True))  # type: ignore[no-untyped-call]


def gltf_name(name: str) -> str:
    """A name as glTF allows it for an attribute of one's own: "error left wrist" is `_ERROR_LEFT_WRIST`."""
    return "_" + re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")


def write_vertex_table(path: Path, surface: BodySurface, columns: Mapping[str, NDArray[np.generic]]) -> None:
    """Writes a CSV file with one line per vertex: its number, part and position, then columns of numbers.

    Numbers have four digits after the point, whole numbers none; a field is empty where there is no value.

    Raises:
        ResultError: lengths disagree, or the file cannot be written.
    """
    _check_lengths(surface, columns)
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["vertex", "part", "x_m", "y_m", "z_m", *columns])
    parts = [surface.part_names[part] for part in surface.vertex_parts]
    written = [_written(column) for column in (*surface.vertices_m.T, *columns.values())]
    table.writerows(zip(range(len(parts)), parts, *written, strict=True))
    write_text(path, text.getvalue())


def _written(column: Shaped[np.ndarray, " vertices"]) -> list[str]:
    if np.issubdtype(column.dtype, np.integer):
        return [str(value) for value in column.tolist()]
    return ["" if np.isnan(value) else f"{value:.4f}" for value in column.tolist()]


def _mesh(surface: BodySurface, values: VertexValues) -> trimesh.Trimesh:
    _check_lengths(surface, values)
    # Unprocessed: merging or reordering vertices would break their numbering.
    return trimesh.Trimesh(surface.vertices_m, surface.faces, vertex_attributes=dict(values), process=False)


def _check_lengths(surface: BodySurface, columns: Mapping[str, np.ndarray]) -> None:
    count = len(surface.vertices_m)
    wrong = [name for name, column in columns.items() if column.shape != (count,)]
    if wrong:
        raise ResultError(f"{', '.join(wrong)} do not have one value for each of the {count} vertices")


def _linear(colours: UInt8[np.ndarray, "vertices 3"]) -> UInt8[np.ndarray, "vertices 4"]:
    """Linear light of sRGB values (IEC 61966-2-1), opaque."""
    srgb: Float[np.ndarray, "vertices 3"] = colours / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.pad((linear * 255).round().astype(np.uint8), ((0, 0), (0, 1)), constant_values=255)
