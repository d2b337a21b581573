"""`synthesize`: the same seed gives the same files, a stopped run goes on, and a missing driver is said."""

import ast
import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from occlusion_toolkit.cli.main import cli as program
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import DatasetError, RenderingError, UsageError
from occlusion_toolkit.open_world import garment_cuts, person_layers
from occlusion_toolkit.open_world import sequence as sequence_module
from occlusion_toolkit.open_world import synthesize as synthesizing
from occlusion_toolkit.open_world.opengl import DEBIAN_PACKAGES, open_context
from occlusion_toolkit.open_world.renderer import Renderer, soften_silhouette
from occlusion_toolkit.open_world.seat import seat_block
from occlusion_toolkit.open_world.sequence import SequenceRequest, render_sequence
from occlusion_toolkit.open_world.synthesize import SynthesizedPeople, find_photographs, synthesize


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def small(root: Path, **options: Any) -> SynthesizedPeople:
    settings: dict[str, Any] = {"count": 5, "seed": 3, "frames_per_sequence": 2, "size": (96, 80)}
    return synthesize(root, **settings | options)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rendered")
    assert small(root).rendered == 5
    return root


@pytest.mark.gl
def test_the_same_seed_gives_the_same_files_and_another_seed_others(rendered: Path, tmp_path: Path):
    small(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(rendered)
    small(tmp_path / "other", seed=4)
    other, first = contents(tmp_path / "other"), contents(rendered)
    assert all(other[name] != first[name] for name in first)


@pytest.mark.gl
def test_a_sequence_does_not_depend_on_those_before_it(rendered: Path):
    before, request = (SequenceRequest(3, "train", index, 2, 96, 80) for index in range(2))
    renderer = Renderer(request.width, request.height)
    for first in ([], [before]):
        for earlier in first:
            list(render_sequence(renderer, earlier))
        labels = [frame.labels for _, frame in render_sequence(renderer, request)]
        stored = [
            np.asarray(Image.open(rendered / "partFiles" / request.name / f"part_{k:05d}.png"))
            for k in range(2)
        ]
        assert np.array_equal(labels, stored)


@pytest.mark.gl
@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(rendered: Path, tmp_path: Path):
    assert small(tmp_path, workers=2).rendered == 5
    assert contents(tmp_path) == contents(rendered)


@pytest.mark.gl
def test_a_stopped_run_goes_on_where_it_was(rendered: Path, tmp_path: Path):
    class StoppedError(Exception):
        pass

    def stop(done: int, count: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        small(tmp_path, progress=stop)
    reported: list[tuple[int, int]] = []
    assert small(tmp_path, progress=lambda *numbers: reported.append(numbers)).rendered == 3
    assert reported == [(4, 5), (5, 5)]
    assert contents(tmp_path) == contents(rendered)


@pytest.mark.gl
def test_a_sequence_without_ground_truth_is_rendered_again(rendered: Path, tmp_path: Path):
    small(tmp_path)
    (tmp_path / "sequenceFiles" / "train" / "synthetic_train_00001.pkl").unlink()
    assert small(tmp_path).rendered == 2
    assert contents(tmp_path) == contents(rendered)


@pytest.mark.gl
def test_rendered_data_reads_as_3dpw(rendered: Path):
    data = ThreeDPW(rendered, "train")
    assert {frame.sequence for frame in data} == {f"synthetic_train_{index:05d}" for index in range(3)}
    with Image.open(data[0].image_path) as image:
        assert image.size == (96, 80)


@pytest.mark.gl
def test_a_seat_is_seen_and_never_labelled(monkeypatch: pytest.MonkeyPatch):
    renderer = Renderer(96, 96)
    requests = [SequenceRequest(9, "train", index, 2, 96, 96) for index in range(12)]
    with_seat = [frame for request in requests for _, frame in render_sequence(renderer, request)]

    def no_seat(*given: object) -> None:
        seat_block(*given)  # type: ignore[arg-type]  # uses up the same random numbers

    monkeypatch.setattr(sequence_module, "seat_block", no_seat)
    without = [frame for request in requests for _, frame in render_sequence(renderer, request)]
    sitting = 0
    for seated, floating in zip(with_seat, without, strict=True):
        assert seated.labels.max() <= 24
        hidden = seated.labels != floating.labels
        assert (seated.labels[hidden] == 0).all()
        if seated.family == "sit":
            sitting += not np.array_equal(seated.image, floating.image)
        else:
            assert np.array_equal(seated.image, floating.image)
    assert sitting > 0


@pytest.mark.gl
def test_leaving_out_hidden_triangles_changes_no_pixel(monkeypatch: pytest.MonkeyPatch):
    requests = [
        SequenceRequest(5, split, index, 2, 96, 96) for split in ("train", "test") for index in range(4)
    ]
    renderer = Renderer(96, 96)
    fewer = [frame for request in requests for _, frame in render_sequence(renderer, request)]
    dropped: list[int] = []

    def all_faces(person: object, uniforms: object) -> object:
        kept = garment_cuts.visible_faces(person, uniforms)  # type: ignore[arg-type]
        dropped.append(sum(map(len, person.faces.values())) - sum(map(len, kept.values())))  # type: ignore[attr-defined]
        return person.faces  # type: ignore[attr-defined]

    monkeypatch.setattr(person_layers, "visible_faces", all_faces)
    every = [frame for request in requests for _, frame in render_sequence(renderer, request)]
    assert min(dropped) > 3000
    for first, second in zip(fewer, every, strict=True):
        assert np.array_equal(first.labels, second.labels)
        assert np.array_equal(first.image, second.image)


@pytest.mark.gl
def test_photographs_stand_behind_the_person(tmp_path: Path):
    Image.new("RGB", (200, 150), (250, 20, 20)).save(tmp_path / "red.png")
    photographs = find_photographs(tmp_path)
    request = SequenceRequest(1, "train", 0, 1, 96, 96, photographs, photograph_share=1.0)
    ((_, frame),) = render_sequence(Renderer(96, 96), request)
    corner = frame.image[:6, :6].reshape(-1, 3).mean(axis=0)
    assert corner[0] > 180
    assert corner[1:].max() < 90


def test_silhouettes_are_softened_and_nothing_else():
    image = np.zeros((9, 9, 3), np.uint8)
    image[:, 5:] = 200
    labels = (image[..., 0] > 0).astype(np.uint8)
    soft = soften_silhouette(image, labels)
    assert (soft[:, :4] == 0).all()
    assert (soft[:, 6:] == 200).all()
    assert (soft[:, 4] > 0).all()
    assert (soft[:, 5] < 200).all()
    assert np.array_equal(soften_silhouette(image, np.zeros_like(labels)), image)


def test_a_missing_driver_names_the_packages(monkeypatch: pytest.MonkeyPatch):
    moderngl = pytest.importorskip("moderngl")

    def no_display(**settings: object) -> None:
        raise Exception("libEGL.so not loaded")  # what moderngl raises

    monkeypatch.setattr(moderngl, "create_context", no_display)
    with pytest.raises(RenderingError, match=DEBIAN_PACKAGES) as caught:
        open_context()
    assert "libEGL.so not loaded" in str(caught.value)
    assert "occlusion-toolkit[synthesize]" in str(caught.value)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "moderngl":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "moderngl", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RenderingError, match=r"occlusion-toolkit\[synthesize\]"):
        open_context()


def test_importing_the_package_does_not_import_opengl():
    for path in Path(synthesizing.__file__).parent.glob("*.py"):
        for statement in ast.parse(path.read_text()).body:
            assert not isinstance(statement, ast.Import) or statement.names[0].name != "moderngl", path


def test_a_folder_with_another_data_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(synthesizing, "render_to_disk", lambda root, request: request.frames)
    small(tmp_path)
    with pytest.raises(DatasetError, match="another seed"):
        small(tmp_path, seed=8)
    with pytest.raises(DatasetError, match="another width, height"):
        small(tmp_path, size=(64, 64))
    assert small(tmp_path, split="test", seed=8).rendered == 5
    assert set(__import__("json").loads((tmp_path / "dataset.json").read_text())["splits"]) == {
        "train",
        "test",
    }


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot use"):
        small(tmp_path / "file")


def test_impossible_requests_are_usage_errors(tmp_path: Path):
    with pytest.raises(UsageError, match="at least 1"):
        small(tmp_path, count=0)
    with pytest.raises(UsageError, match="64"):
        small(tmp_path, size=(10, 80))


def test_background_folders_are_checked(tmp_path: Path):
    with pytest.raises(DatasetError, match="no background folder"):
        find_photographs(tmp_path / "none")
    with pytest.raises(DatasetError, match="has no pictures"):
        find_photographs(tmp_path)


@pytest.mark.gl
def test_the_command_renders_and_reports(tmp_path: Path):
    arguments = ["--count", "2", "--out", str(tmp_path), "--split", "test", "--size", "64x64"]
    result = CliRunner().invoke(program, ["synthesize", *arguments])
    assert result.exit_code == 0, result.output
    assert "2 images of the test split" in result.output
    words = ["synthesize", "--count", "1", "--frames-per-sequence", "8", *arguments[2:]]
    fewer = CliRunner().invoke(program, words)
    assert f"2 images of the test split in {tmp_path} (0 rendered now)" in fewer.output
    assert len(ThreeDPW(tmp_path, "test")) == 2


def test_a_malformed_size_is_a_usage_error(tmp_path: Path):
    result = CliRunner().invoke(
        program, ["synthesize", "--count", "1", "--out", str(tmp_path), "--size", "big"]
    )
    assert result.exit_code == 2
    assert "WIDTHxHEIGHT" in result.output


@pytest.mark.gl
def test_the_frame_cuts_people_as_often_as_it_is_asked_to():
    renderer = Renderer(96, 96)

    def cut(share: float) -> int:
        requests = [SequenceRequest(4, "test", i, 1, 96, 96, occluded_share=share) for i in range(12)]
        labels = [frame.labels for each in requests for _, frame in render_sequence(renderer, each)]
        return sum(bool(each[-1].any() or each[0].any()) for each in labels)

    assert cut(0.0) == 0
    assert 3 <= cut(0.5) < 12
