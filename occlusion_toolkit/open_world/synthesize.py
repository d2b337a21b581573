"""Renders a data set sequence by sequence, in one or several processes, and picks up where it stopped."""

import json
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from occlusion_toolkit import __version__
from occlusion_toolkit.body.open_body import open_body_arrays
from occlusion_toolkit.errors import DatasetError, ResultError, UsageError
from occlusion_toolkit.files.atomic import write_bytes
from occlusion_toolkit.open_world.renderer import Renderer
from occlusion_toolkit.open_world.sequence import SequenceRequest, render_sequence
from occlusion_toolkit.open_world.sequence_files import sequence_path, write_sequence
from occlusion_toolkit.open_world.splits import Split

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
DESCRIPTION = "dataset.json"
OCCLUDED_SHARES: dict[Split, float] = {"train": 0.15, "validation": 0.0, "test": 0.0}


@dataclass(frozen=True)
class SynthesizedPeople:
    """What is in the folder of a call of `synthesize`.

    Attributes:
        root: the folder, in 3DPW's layout.
        split: that was asked for.
        images: of that split in the folder.
        rendered: of these, how many are new.
    """

    root: Path
    split: Split
    images: int
    rendered: int


def synthesize(
    out: Path | str,
    *,
    count: int,
    seed: int = 0,
    split: Split = "train",
    frames_per_sequence: int = 8,
    size: tuple[int, int] = (320, 320),
    backgrounds: Path | str | None = None,
    backgrounds_share: float = 0.5,
    occluded_share: float | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> SynthesizedPeople:
    """Render synthetic people into the file layout of 3DPW, with part-label maps.

    The body is the open body, so poses, shapes and cameras in the sequence files are exact. What is there
    already is not rendered again: the same call goes on where it was stopped, a larger `count` adds to it.

    >>> people = synthesize("people", count=16, size=(96, 96))  # doctest: +SKIP
    >>> people.images                                           # doctest: +SKIP
    16

    Args:
        out: folder to write to.
        count: images to have in all; the last sequence may be shorter.
        seed: of everything; each sequence depends on it and on its own number only.
        split: splits share no shapes, poses, hues, patterns or places.
        frames_per_sequence: images of one person.
        size: width and height of the images, pixels.
        backgrounds: folder of photographs to use as backgrounds; None for rendered scenes only.
        backgrounds_share: share of the sequences before a photograph, where there are any.
        occluded_share: share of the sequences with something in front of the person, and as many that the
            frame cuts; None for `OCCLUDED_SHARES` of the split.
        workers: processes; 1 renders in this one.
        progress: called after each sequence with the images that are there and `count`.

    Raises:
        UsageError: a number or size is out of range.
        RenderingError: there is no OpenGL driver, or the extra `synthesize` is not installed.
        DatasetError: the folder holds another data set or cannot be written, or there are no photographs.
    """
    root, (width, height) = Path(out), size
    if count < 1 or frames_per_sequence < 1 or workers < 1:
        raise UsageError("count, frames per sequence and workers must be at least 1")
    if not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise UsageError(f"image size {width}x{height} is outside 64..4096 pixels")
    photographs = () if backgrounds is None else find_photographs(Path(backgrounds))
    options: dict[str, Any] = {
        "seed": seed,
        "frames_per_sequence": frames_per_sequence,
        "width": width,
        "height": height,
        "photographs": [path.name for path in photographs],
        "photograph_share": backgrounds_share if photographs else 0.0,
    }
    if occluded_share is not None:
        options["occluded_share"] = occluded_share
    _claim(root, split, options)
    background = (photographs, backgrounds_share)
    occluded = OCCLUDED_SHARES[split] if occluded_share is None else occluded_share
    whole, rest = divmod(count, frames_per_sequence)
    lengths = [frames_per_sequence] * whole + ([rest] if rest else [])
    sequences = [
        SequenceRequest(seed, split, index, frames, width, height, *background, occluded)
        for index, frames in enumerate(lengths)
    ]
    pending = [each for each in sequences if not sequence_path(root, split, each.name).exists()]
    done = count - sum(sequence.frames for sequence in pending)
    for frames in _render(root, pending, workers):
        done += frames
        if progress is not None:
            progress(done, count)
    finished = (root / "sequenceFiles" / split).glob("*.pkl")
    images = sum(len(list((root / "imageFiles" / path.stem).glob("*.jpg"))) for path in finished)
    return SynthesizedPeople(root, split, images, sum(sequence.frames for sequence in pending))


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


def _claim(root: Path, split: Split, options: dict[str, Any]) -> None:
    """Enter the split in dataset.json, or check that it was begun with the same options.

    Raises:
        DatasetError: the folder holds another data set or cannot be written.
    """
    path, body = root / DESCRIPTION, open_body_arrays().topology
    try:
        card = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        begun = card.get("splits", {})
        found = begun.get(split, options)
        differing = [key for key, value in options.items() if found.get(key) != value]
        if card.get("body", body) != body:
            differing.append("body")
        if differing:
            raise DatasetError(
                f"{path} was begun with another {', '.join(differing)}; "
                "choose an empty folder or the same options"
            )
        splits = {**begun, split: options}
        photographed = any(entry["photographs"] for entry in splits.values())
        own = "; photographs in the background keep their own"
        card = {
            "generator": f"occlusion-toolkit {__version__} synthesize",
            "body": body,
            "licence": f"renders CC0-1.0{own}" if photographed else "CC0-1.0",
            "labels": "partFiles: 0 background, 1 + k SMPL part k",
            "splits": splits,
        }
        root.mkdir(parents=True, exist_ok=True)
        write_bytes(path, (json.dumps(card, indent=2) + "\n").encode())
    except (OSError, ResultError, ValueError, AttributeError, KeyError) as error:
        raise DatasetError(f"cannot use {path} ({error}); choose a folder that can be written") from error


def _render(root: Path, sequences: list[SequenceRequest], workers: int) -> Iterator[int]:
    """Render sequences; yields the frames of each when it is on disk."""
    if workers == 1:
        yield from (render_to_disk(root, sequence) for sequence in sequences)
        return
    # A GL context must not be inherited, so workers are spawned and not forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker) as pool:
        try:
            yield from pool.map(partial(render_to_disk, root), sequences)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare_worker() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    parent = multiprocessing.parent_process()
    if parent is not None:  # a killed parent would leave its workers waiting for ever
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
