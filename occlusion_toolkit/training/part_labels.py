"""Part labels of a training set: bodies through their cameras, rasterised once and kept compressed on disk.

What is kept is the label map of the person as annotated, in a square of two box sides: flips, turns and zooms
of a crop are the same changes of that map, so one rendering serves all epochs. A shard is one array of bytes:
the ends of the maps (int64), then the maps, each compressed by zlib; a person without labels has none.
"""

import copy
import hashlib
import logging
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.data.annotations import AnnotationTable
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import atomic_path
from occlusion_toolkit.training.bodies import TrainingBodies, bodies_of
from occlusion_toolkit.training.label_cameras import Pinhole, cameras_of
from occlusion_toolkit.training.processes import Progress, locked

logger = logging.getLogger(__name__)
LABELS_PX = 448
LABEL_MARGIN = 2.0
"""Side of the square in box sides: room for turns and zooms."""

_VERSION = "part labels 2"  # to be changed with anything that changes the maps
_SHARD = 512
_BATCH = 16


class PartLabelStore:
    """Labels by row; opened anew at every access, so that it travels to worker processes.

    Args:
        folder: where the shards are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def labels(self, row: int) -> UInt8[np.ndarray, "448 448"] | None:
        """The part labels of a person, or None.

        Raises:
            TrainingError: the shard is missing or damaged.
        """
        path = _shard_path(self.folder, row // _SHARD)
        try:
            content = np.load(path, mmap_mode="r", allow_pickle=False)
            number = row % _SHARD
            count = int(content[:8].view(np.int64)[0])
            ends = content[8 : _header_bytes(count)].view(np.int64)
            start = int(ends[number - 1]) if number else _header_bytes(count)
            end = int(ends[number])
            if start == end:
                return None
            stream = zlib.decompressobj()
            unpacked = stream.decompress(content[start:end].tobytes(), LABELS_PX**2 + 1)
            if not stream.eof:  # only at the end is the checksum compared
                raise ValueError("a map is longer than it should be, or cut off")
            return np.frombuffer(bytearray(unpacked), np.uint8).reshape(LABELS_PX, LABELS_PX)
        except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
            raise TrainingError(
                f"the part labels {str(path)!r} are missing or damaged ({error}); delete the file and start "
                "again to have them rendered anew"
            ) from error


def prepare_part_labels(
    table: AnnotationTable,
    bodies: TrainingBodies,
    cache: Path,
    device: torch.device,
    progress: Progress | None = None,
) -> PartLabelStore:
    """Renders the labels that are not there yet; other processes that need them wait meanwhile.

    Args:
        table: the people.
        bodies: their bodies.
        cache: folder in which the labels of a set get a folder, named by annotations and body.
        device: where the rendering is done.
        progress: called with the people done and their number.

    Raises:
        ResultError: the folder cannot be written.
    """
    folder = cache / f"parts-{_key(table, bodies)[:16]}"
    with locked(folder):
        _render_missing(table, bodies, folder, device, progress)
    return PartLabelStore(folder)


def _render_missing(
    table: AnnotationTable,
    bodies: TrainingBodies,
    folder: Path,
    device: torch.device,
    progress: Progress | None,
) -> None:
    shards = -(-len(table) // _SHARD)
    todo = [number for number in range(shards) if not _shard_path(folder, number).is_file()]
    if todo:
        logger.info(
            "rendering the part labels of %d of %d people; parts are those of %s",
            len(todo) * _SHARD,
            len(table),
            bodies.part_mapping or "the joints with the largest weights",
        )
    for number in todo:
        rows = np.arange(number * _SHARD, min((number + 1) * _SHARD, len(table)))
        content = _packed(_rendered(table, rows, bodies, device), rows)
        with atomic_path(_shard_path(folder, number)) as temporary, temporary.open("wb") as file:
            np.save(file, content)
        if progress is not None:
            progress(int(rows[-1]) + 1, len(table))


def _rendered(
    table: AnnotationTable, rows: np.ndarray, bodies: TrainingBodies, device: torch.device
) -> dict[int, bytes]:
    """Compressed label maps by row."""
    maps: dict[int, bytes] = {}
    with_body = rows[table.has_smpl[rows]]
    for gender, places, parameters in bodies_of(table, with_body):
        some = with_body[places]
        body = _on_device(bodies, gender, device)
        cameras, good = cameras_of(table, some, bodies.joints(gender)(parameters))
        for batch in torch.split(good.nonzero()[:, 0], _BATCH):
            labels = render_part_labels(
                body,
                bodies.face_parts(gender),
                parameters[batch].to(device),
                cameras[batch].to(device),
                LABELS_PX,
                LABEL_MARGIN,
            ).numpy()
            maps |= {
                int(some[row]): zlib.compress(picture.tobytes(), 6)
                for row, picture in zip(batch.tolist(), labels, strict=True)
            }
    return maps


def _on_device(bodies: TrainingBodies, gender: Gender, device: torch.device) -> BodyModel:
    body = bodies.model(gender)
    return body if device.type == "cpu" else copy.deepcopy(body).to(device)


def _packed(maps: Mapping[int, bytes], rows: np.ndarray) -> UInt8[np.ndarray, " bytes"]:
    """A shard: the number of rows and the ends of their maps as int64, then the maps."""
    contents = [maps.get(int(row), b"") for row in rows]
    header = np.concatenate(([len(rows)], _header_bytes(len(rows)) + np.cumsum([len(c) for c in contents])))
    return np.concatenate(
        [header.astype(np.int64).view(np.uint8), np.frombuffer(b"".join(contents), np.uint8)]
    )


def _header_bytes(rows: int) -> int:
    return 8 * (rows + 1)


def _shard_path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.npy"


def _key(table: AnnotationTable, bodies: TrainingBodies) -> str:
    """SHA-256 of everything that the label maps depend on."""
    digest = hashlib.sha256(f"{_VERSION} {LABELS_PX} {LABEL_MARGIN} {bodies.topology} ".encode())
    digest.update(table.fingerprint.encode())
    for code in np.unique(table.genders[table.has_smpl]):
        gender = GENDERS[int(code)]
        arrays = bodies.model(gender).arrays
        mesh = (arrays.v_template, arrays.shapedirs, arrays.weights, arrays.faces)
        for values in (bodies.face_parts(gender), *mesh, arrays.joint_regressor, arrays.posedirs):
            if values is not None:
                digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def render_part_labels(
    body: BodyModel,
    face_parts: Int64[np.ndarray, " faces"],
    parameters: BodyParameters,
    camera: Pinhole,
    size: int,
    margin: float = 1.0,
) -> UInt8[Tensor, "batch size size"]:
    """Part labels of posed bodies in squares around their boxes.

    Args:
        body: the body, on the device of the rest.
        face_parts: part of each of its faces, 0 to 23 (`TrainingBodies.face_parts`).
        parameters: pose and shape; the camera is not used.
        camera: of each person.
        size: side of the labels, pixels.
        margin: side of the square in box sides.

    Returns:
        0 for background, k + 1 for part k, (B, size, size), on the CPU.
    """
    seen = camera.project(body(parameters).vertices)
    pixels = torch.cat(((seen[..., :2] / margin + 1) * (size / 2), seen[..., 2:]), dim=-1)
    fragments = rasterize(pixels, body.faces, size, size)
    parts = torch.from_numpy(face_parts)
    # Face -1 is no face; the table's last entry is its label.
    table = torch.cat((parts + 1, torch.zeros(1, dtype=parts.dtype))).to(torch.uint8)
    return table[fragments.face.cpu()]
