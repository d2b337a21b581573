"""Results as people give them: by their file or by the folder it is in, one or one per model."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.meshes.mesh_result import MeshResult
from occlusion_toolkit.sweep.results import HeatmapResult

_Result = TypeVar("_Result", HeatmapResult, MeshResult)


def result_file(given: Path, name: str) -> Path:
    """The file of a result.

    Args:
        given: the file, or the folder that the analysis wrote it into.
        name: the file's name in such a folder, such as "result.h5".
    """
    return given / name if given.is_dir() else given


def by_model(results: Iterable[_Result]) -> dict[str, _Result]:
    """Results by the names of their models' cards, in the order given.

    Raises:
        UsageError: two are of the same model.
    """
    named: dict[str, _Result] = {}
    for result in results:
        name = result.card.model_card
        if name in named:
            raise UsageError(f"two results are of the model {name!r}; give one result per model")
        named[name] = result
    return named
