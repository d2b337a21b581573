"""Whatever happens to whichever file of a survey, `resume` brings back what was there."""

import shutil
from pathlib import Path

import pytest
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.survey_fakes import fake_sweep, shard_bytes, some_people

from occlusion_toolkit.comparison.meshes import mesh_of
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey

PEOPLE = some_people(3)
DAMAGES = ("truncate", "flip", "empty", "delete")


def run(folder: Path, **settings: object) -> Survey:
    return survey(fake_sweep(size=112, stride=112), PEOPLE, out=folder, shard_size=2, **settings)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a finished survey with its mesh, and that of one that Ctrl-C ended after a shard."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("finished", "unfinished")}
    mesh_of(run(folders["finished"]), "error")

    def interrupt(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folders["unfinished"], progress=interrupt)
    return folders


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def damage(path: Path, how: str, place: float) -> None:
    """Truncates a file at a place (0 to 1), flips a bit there, empties or deletes it."""
    whole = bytearray(path.read_bytes())
    at = int(place * max(0, len(whole) - 1))
    if how == "delete":
        path.unlink()
    elif how == "flip" and whole:
        whole[at] ^= 1 << (at % 8)
        path.write_bytes(whole)
    else:
        path.write_bytes(whole[:at] if how == "truncate" else b"")


@pytest.mark.slow
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.sampled_from(["finished", "unfinished"]),
    file=st.integers(0, 99),
    how=st.sampled_from(DAMAGES),
    place=st.floats(0, 1),
)
@example(state="unfinished", file=4, how="flip", place=0.02)
@example(state="finished", file=5, how="flip", place=0.5)
def test_resume_heals_any_damage_of_any_file(states, tmp_path, state, file, how, place):
    folder, whole = tmp_path / "damaged", Survey.open(states["finished"])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(states[state], folder)
    files = files_of(folder)
    assert {path.name for path in files} >= {"survey.json", "shard-00000.h5"}
    damage(files[file % len(files)], how, place)
    healed = run(folder, resume=True)
    assert healed.manifest.model_copy(update={"checksums": None}) == whole.reopened().manifest
    assert Survey.open(folder).complete
    if state == "finished":
        assert shard_bytes(healed) == shard_bytes(whole)
        xr.testing.assert_identical(mesh_of(healed, "error").dataset, mesh_of(whole, "error").dataset)
    for one, other in zip(healed.shards(), whole.shards(), strict=True):
        xr.testing.assert_identical(one, other)
