"""What an analysis makes, saved as it goes: a run that was stopped goes on.

FOLDER/KIND-00000.h5   what was made of the first shard of a survey, with the checksum of that shard
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import xarray as xr

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.netcdf import load_dataset, save_dataset
from occlusion_toolkit.surveys.survey import Survey

Progress = Callable[[int, int], None]
"""Told how many images are done, and how many there are."""


def by_shard(
    survey: Survey,
    make: Callable[[xr.Dataset], xr.Dataset],
    kind: str,
    layout: int,
    *,
    settings: str = "",
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[xr.Dataset]:
    """Runs a function over the shards of a survey, in order.

    Args:
        survey: a complete one.
        make: the analysis of the images of one shard; must depend on the shard and the settings alone.
        kind: of what it makes.
        layout: version of that.
        settings: what else decides what it makes, in words.
        keep: folder for what was made; made again where the shard or the settings changed. None keeps
            nothing.
        progress: called with images done and images in all.

    Raises:
        ResultError: the survey is not complete or not intact, or the folder cannot be written.
    """
    survey.shards()  # says what is missing
    checksums = survey.manifest.checksums or ()
    for shard, checksum in enumerate(checksums):
        path = None if keep is None else keep / f"{kind}-{shard:05d}.h5"
        shard_made = partial(_made_of, survey, shard, make)
        made = made_once(shard_made, path, kind, layout, made_of=f"{checksum} {settings}")
        if progress is not None:
            progress(survey.images_of(shard).stop, survey.num_images)
        yield made


def _made_of(survey: Survey, shard: int, make: Callable[[xr.Dataset], xr.Dataset]) -> xr.Dataset:
    return make(survey.shard(shard))


def made_once(
    make: Callable[[], xr.Dataset], path: Path | None, kind: str, layout: int, *, made_of: str
) -> xr.Dataset:
    """What a function makes, or what it made before.

    Args:
        make: makes it.
        path: where it is kept; None keeps nothing.
        kind: of what is made.
        layout: version of that.
        made_of: everything that decides what is made, in words: it is made again where that changed.

    Raises:
        ResultError: the file cannot be written.
    """
    mark = hashlib.sha256(made_of.encode()).hexdigest()
    made = None if path is None else _kept(path, kind, layout, mark)
    if made is None:
        made = make()
        if path is not None:
            make_folder(path.parent)
            save_dataset(path, made.assign_attrs(made_of=mark), kind, layout)
    return made.drop_attrs(deep=False)  # whether it was kept does not show in what is made of it


def _kept(path: Path, kind: str, layout: int, mark: str) -> xr.Dataset | None:
    """What was made before, if it is of this shard and these settings and sound."""
    try:
        made = load_dataset(path, kind, layout)
    except ResultError:
        return None
    return made if made.attrs.get("made_of") == mark else None
