"""Renders a data set sequence by sequence, in one or several processes, and picks up where it stopped."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from occlusion_toolkit import __version__
from occlusion_toolkit.body.open_body import open_body_arrays
from occlusion_toolkit.errors import DatasetError, ResultError, UsageError
from occlusion_toolkit.files.atomic import write_bytes
from occlusion_toolkit.open_world.cells import Split
from occlusion_toolkit.open_world.layout import sequence_path, write_sequence
from occlusion_toolkit.open_world.renderer import Renderer
from occlusion_toolkit.open_world.sequence import SequenceRequest, render_sequence

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
DESCRIPTION = "dataset.json"
OCCLUDED_SHARES: dict[Split, float] = {"train": 0.15, "validation": 0.0, "test": 0.0}
_AHEAD = 4


@dataclass(frozen=True)
class DatasetRequest:
    """What to render.

    Attributes:
        root: folder to write to.
        count: images in all; the last sequence may be shorter.
        seed: of everything; each sequence depends on it and on its own number only.
        split: which cells, patterns and places to draw from.
        frames_per_sequence: images of one person.
        width: of an image in pixels.
        height: of an image in pixels.
        photographs: background pictures, or none for scenes only.
        photograph_share: of the sequences that stand before one of the photographs.
        occluded_share: of the sequences with something in front of the person, and as many that the frame
            cuts; None for `OCCLUDED_SHARES` of the split.
        workers: processes; 1 renders in this one.
    """

    root: Path
    count: int
    seed: int
    split: Split
    frames_per_sequence: int = 8
    width: int = 320
    height: int = 320
    photographs: tuple[Path, ...] = ()
    photograph_share: float = 0.5
    occluded_share: float | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        if self.count < 1 or self.frames_per_sequence < 1 or self.workers < 1:
            raise UsageError("count, frames per sequence and workers must be at least 1")
        if not (64 <= self.width <= 4096 and 64 <= self.height <= 4096):
            raise UsageError(f"image size {self.width}x{self.height} is outside 64..4096 pixels")

    @property
    def share_occluded(self) -> float:
        """The share of occluded sequences, whoever chose it."""
        return OCCLUDED_SHARES[self.split] if self.occluded_share is None else self.occluded_share

    def sequences(self) -> list[SequenceRequest]:
        """Return the sequences of the data set, in order."""
        whole, rest = divmod(self.count, self.frames_per_sequence)
        lengths = [self.frames_per_sequence] * whole + ([rest] if rest else [])
        return [
            SequenceRequest(
                self.seed,
                self.split,
                index,
                frames,
                self.width,
                self.height,
                self.photographs,
                self.photograph_share,
                self.share_occluded,
            )
            for index, frames in enumerate(lengths)
        ]


def find_photographs(folder: Path) -> tuple[Path, ...]:
    """Return the pictures of a folder in name order.

    Raises:
        DatasetError: the folder is missing or has no pictures.
    """
    if not folder.is_dir():
        raise DatasetError(f"no background folder at {folder}; give a folder of pictures")
    found = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES))
    if not found:
        raise DatasetError(f"{folder} has no pictures ({', '.join(PHOTO_SUFFIXES)})")
    return found


@lru_cache(maxsize=1)
def _renderer(width: int, height: int) -> Renderer:
    return Renderer(width, height)


def render_to_disk(root: Path, request: SequenceRequest) -> int:
    """Render one sequence and write it; return the number of frames."""
    rendered = list(render_sequence(_renderer(request.width, request.height), request))
    write_sequence(root, request.split, request.name, rendered[0][0], [frame for _, frame in rendered])
    return len(rendered)


def _describe(request: DatasetRequest) -> dict[str, object]:
    return {
        "seed": request.seed,
        "frames_per_sequence": request.frames_per_sequence,
        "width": request.width,
        "height": request.height,
        "photographs": [path.name for path in request.photographs],
        "photograph_share": request.photograph_share if request.photographs else 0.0,
        **({} if request.occluded_share is None else {"occluded_share": request.occluded_share}),
    }


def _claim(request: DatasetRequest) -> None:
    """Enter the split in dataset.json, or check that it was begun with the same request.

    Raises:
        DatasetError: the folder holds another data set or cannot be written.
    """
    path = request.root / DESCRIPTION
    try:
        card = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        body, begun = open_body_arrays().topology, card.get("splits", {})
        found = begun.get(request.split, _describe(request))
        differing = [key for key, value in _describe(request).items() if found.get(key) != value]
        if card.get("body", body) != body:
            differing.append("body")
        if differing:
            raise DatasetError(
                f"{path} was begun with another {', '.join(differing)}; "
                "choose an empty folder or the same options"
            )
        splits = {**begun, request.split: _describe(request)}
        photographed = any(entry["photographs"] for entry in splits.values())
        card = {
            "generator": f"occlusion-toolkit {__version__} synthesize",
            "body": body,
            "licence": "renders CC0-1.0; photographs in the background keep their own"
            if photographed
            else "CC0-1.0",
            "labels": "partFiles: 0 background, 1 + k SMPL part k",
            "splits": splits,
        }
        request.root.mkdir(parents=True, exist_ok=True)
        write_bytes(path, (json.dumps(card, indent=2) + "\n").encode())
    except (OSError, ResultError, ValueError, AttributeError, KeyError) as error:
        raise DatasetError(f"cannot use {path} ({error}); choose a folder that can be written") from error


def generate(request: DatasetRequest, progress: Callable[[int], None] | None = None) -> int:
    """Render what is missing of a data set.

    Args:
        request: what to render.
        progress: called with the number of frames that have become available, finished ones included.

    Returns:
        How many frames were rendered now.

    Raises:
        RenderingError: there is no OpenGL driver.
        DatasetError: the folder holds another data set or cannot be written.
    """
    _claim(request)
    report = progress or (lambda frames: None)
    pending = []
    for sequence in request.sequences():
        if sequence_path(request.root, request.split, sequence.name).exists():
            report(sequence.frames)
        else:
            pending.append(sequence)
    if request.workers == 1:
        for sequence in pending:
            report(render_to_disk(request.root, sequence))
        return sum(sequence.frames for sequence in pending)
    return _in_processes(request, pending, report)


def _prepare_worker() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    parent = multiprocessing.parent_process()
    if parent is not None:  # a killed parent would leave its workers waiting for ever
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _in_processes(
    request: DatasetRequest, pending: list[SequenceRequest], report: Callable[[int], None]
) -> int:
    """Render in worker processes; a GL context must not be inherited, so they are spawned, not forked."""
    done = 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(request.workers, mp_context=context, initializer=_prepare_worker) as pool:
        waiting: set[Future[int]] = set()
        queue = iter(pending)
        try:
            for sequence in queue:
                waiting.add(pool.submit(render_to_disk, request.root, sequence))
                if len(waiting) >= _AHEAD * request.workers:
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in finished:
                        report(future.result())
                        done += future.result()
            for future in waiting:
                report(future.result())
                done += future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return done
