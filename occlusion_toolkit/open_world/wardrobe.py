"""The meshes a person is drawn from: body, eyes, hair and clothes, all shaped by the same betas."""

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from occlusion_toolkit.body.arrays import BodyArrays
from occlusion_toolkit.body.open_body import dense_weights, open_body_arrays
from occlusion_toolkit.errors import BodyModelError, TopologyError

HEAD_PART, CHEST_PART = 15, 9
GARMENTS = ("tights", "skirt", "hair", "left_eye", "right_eye")
FEET = (7, 8, 10, 11)
SHINS = (4, 5)


@dataclass(frozen=True)
class Garment:
    """A mesh that wears the body's shape space.

    Attributes:
        vertices: (V, 3) metres, T-pose of the mean body.
        shapedirs: (V, 3, 10) metres per unit beta.
        weights: (V, 24) skinning weights.
        faces: (F, 3) vertex indices.
        parts: (V,) SMPL part of the nearest skin.
        openness: (V,) share of the sky that is not hidden by the body, 0..1.
    """

    vertices: NDArray[np.float64]
    shapedirs: NDArray[np.float64]
    weights: NDArray[np.float32]
    faces: NDArray[np.int64]
    parts: NDArray[np.int64]
    openness: NDArray[np.float32]

    def shaped(self, betas: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return T-pose vertices (V, 3) of one person in metres."""
        return self.vertices + self.shapedirs @ betas


@dataclass(frozen=True)
class Wardrobe:
    """Body and clothes, with the landmarks that clothes and faces are drawn by."""

    arrays: BodyArrays
    body: Garment
    pieces: dict[str, Garment]
    mouth_corner: int

    def joints(self, shaped_body: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rest joints (24, 3) of a shaped body."""
        return np.asarray(self.arrays.joint_regressor @ shaped_body)


def _body_parts(arrays: BodyArrays) -> NDArray[np.int64]:
    parts = arrays.weights.argmax(axis=1) if arrays.vertex_parts is None else arrays.vertex_parts
    return np.asarray(parts, dtype=np.int64)


@functools.cache
def load_wardrobe() -> Wardrobe:
    """Return the packaged wardrobe of the open body; read once per process.

    Raises:
        BodyModelError: the packaged file is missing or damaged.
        TopologyError: it was made for another body.
    """
    arrays = open_body_arrays()
    packed = resources.files("occlusion_toolkit.open_world") / "data" / "wardrobe.npz"
    try:
        with packed.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            stored = dict(archive)
        if str(stored["topology"]) != arrays.topology:
            raise TopologyError(
                f"the wardrobe was made for body {stored['topology']!s}, the body is {arrays.topology}; "
                "rebuild both with tools/build_open_body"
            )
        body = Garment(
            vertices=np.asarray(arrays.v_template, dtype=np.float64),
            shapedirs=np.asarray(arrays.shapedirs[..., :10], dtype=np.float64),
            weights=arrays.weights.astype(np.float32),
            faces=arrays.faces.astype(np.int64),
            parts=_body_parts(arrays),
            openness=stored["body_ambient_occlusion"].astype(np.float32),
        )
        skin = cKDTree(body.vertices)
        pieces = {name: _piece(stored, name, body, skin) for name in GARMENTS}
        return Wardrobe(arrays, body, pieces, int(stored["landmark_vertices"][0]))
    except (OSError, ValueError, KeyError) as error:
        raise BodyModelError(
            f"the packaged wardrobe cannot be read ({error}); reinstall occlusion-toolkit"
        ) from error


def _piece(stored: dict[str, NDArray[np.generic]], name: str, body: Garment, skin: cKDTree) -> Garment:
    vertices = stored[f"{name}_vertices"].astype(np.float64)
    nearest = skin.query(vertices)[1]
    parts = (
        np.full(len(vertices), HEAD_PART)
        if name in ("hair", "left_eye", "right_eye")
        else body.parts[nearest]
    )
    openness = np.ones(len(vertices), np.float32) if name == "hair" else body.openness[nearest]
    return Garment(
        vertices=vertices,
        shapedirs=stored[f"{name}_shapedirs"].astype(np.float64),
        weights=dense_weights(stored[f"{name}_weight_joint"], stored[f"{name}_weight_share"]).astype(
            np.float32
        ),
        faces=stored[f"{name}_faces"].astype(np.int64),
        parts=parts,
        openness=openness,
    )
