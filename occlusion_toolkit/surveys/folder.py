"""The folder of a survey before a run: new, to be gone on with, or refused."""

from pathlib import Path
from typing import Any

from occlusion_toolkit.errors import RunError
from occlusion_toolkit.surveys.part import Part
from occlusion_toolkit.surveys.stored import MANIFEST_NAME, Manifest, Survey


def make_folder(folder: Path) -> None:
    """Makes the folder of a survey where it does not exist.

    Raises:
        RunError: it cannot be made.
    """
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"{str(folder)!r} cannot be made: {reason}; choose another folder") from error


def begin(folder: Path, manifest: Manifest, part: Part, resume: bool) -> Survey:
    """A new survey in the folder, or the one in it to go on with.

    Args:
        folder: exists, and its shards are held by this run.
        manifest: what the run would make.
        part: which shards the run makes.
        resume: whether shards that are there are meant to be kept.

    Raises:
        RunError: the folder holds shards of an earlier run and `resume` is not set, or they were made by
            another protocol; the message has a line for each difference.
    """
    survey = Survey.open(folder) if (folder / MANIFEST_NAME).exists() else None
    if survey is None or (part.count == 1 and _came_to_nothing(survey)):
        survey = Survey(folder, manifest)
        survey.save()
        return survey
    done = [shard for shard in part.of(survey.num_shards) if survey.shard_path(shard).is_file()]
    if not resume and (part.count == 1 or done):
        state = "a finished" if survey.complete else "an unfinished"
        raise RunError(
            f"{str(folder)!r} holds {state} run ({survey.num_shards - len(survey.missing())} of "
            f"{survey.num_shards} shards); use --resume to go on with it, or choose another folder"
        )
    lines = differences(survey.manifest, manifest)
    if lines:
        raise RunError(
            f"the run in {str(folder)!r} was begun otherwise and cannot be gone on with:\n  "
            + "\n  ".join(lines)
            + "\nuse the options it was begun with, or choose another folder"
        )
    return survey


def batch_size_of(folder: Path) -> int | None:
    """The batch size that the run in a folder was begun with; None where there is none."""
    return Survey.open(folder).manifest.batch_size if (folder / MANIFEST_NAME).exists() else None


def differences(stored: Manifest, wanted: Manifest) -> list[str]:
    """Lines "field: stored value, now another", for everything that would change a number."""
    before, now = (_flat(manifest.model_dump(exclude={"checksums"})) for manifest in (stored, wanted))
    return [
        f"{name}: {before.get(name)}, now {now.get(name)}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def remove_leftovers(survey: Survey) -> None:
    """Removes what killed runs left half written; only for a run that holds the whole folder."""
    for path in (survey.folder / "shards").glob(".*.tmp.h5"):
        path.unlink(missing_ok=True)


def _came_to_nothing(survey: Survey) -> bool:
    """Whether a run ended before its first shard, so that nothing of it is worth keeping."""
    return not survey.complete and len(survey.missing()) == survey.num_shards


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return {name.removeprefix("card."): value for name, value in flat.items()}
