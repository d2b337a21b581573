"""A stored result is read back bit by bit; a file that is not exactly that is refused in one line."""

import dataclasses
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.equality import assert_equal

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.sweep import results
from occlusion_toolkit.sweep.protocol import GridCard, ProtocolCard
from occlusion_toolkit.sweep.results import (
    Focus,
    HeatmapResult,
    JointMaps,
    StoredBody,
    read_heatmap,
    write_heatmap,
)

ROWS, COLS = 3, 2
FORMAT_PAGE = Path(__file__).parents[2] / "docs" / "results-format.md"


def floats(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.standard_normal(shape, dtype=np.float32)


def body(generator: np.random.Generator) -> StoredBody:
    return StoredBody(floats(generator, 24, 3, 3), floats(generator, 10), floats(generator, 3))


def joint_maps(generator: np.random.Generator, name: str, joints: int, truth: bool) -> JointMaps:
    maps = JointMaps(
        joint_set=name,
        joint_names=tuple(f"joint_{index}" for index in range(joints)),
        joints_m=floats(generator, ROWS * COLS, joints, 3),
        clean_joints_m=floats(generator, joints, 3),
        displacement_mm=floats(generator, joints, ROWS, COLS),
        pa_displacement_mm=floats(generator, joints, ROWS, COLS),
    )
    if not truth:
        return maps
    return dataclasses.replace(
        maps,
        true_joints_m=floats(generator, joints, 3),
        clean_error_mm=floats(generator, joints),
        clean_pa_error_mm=floats(generator, joints),
        **{
            name: floats(generator, joints, ROWS, COLS)
            for name in ("error_mm", "increase_mm", "pa_error_mm", "pa_increase_mm")
        },
    )


def make_result(truth: bool = True) -> HeatmapResult:
    generator = np.random.default_rng(5)
    card = ProtocolCard(
        analysis="heatmap",
        read_outs=("displacement", "error", "increase") if truth else ("displacement",),
        model_card="pare-open",
        body="open-5000",
        joint_sets=("smpl24", "lsp14"),
        crop_rule="square",
        grid=GridCard(kind="centred", size=16, stride=8, resolution=24),
        occluder="grey",
    )
    return HeatmapResult(
        card=card,
        image_name="фото.jpg",
        image_sha256="0" * 64,
        box_centre_px=(12.5, 1 / 3),
        box_size_px=100.1,
        crop=generator.integers(0, 256, (24, 24, 3), dtype=np.uint8),
        occluded_crop=generator.integers(0, 256, (24, 24, 3), dtype=np.uint8),
        windows=generator.integers(0, 24, (ROWS * COLS, 4)),
        cells=generator.integers(0, 24, (ROWS * COLS, 4)),
        camera=floats(generator, ROWS * COLS, 3),
        clean=body(generator),
        worst=body(generator),
        worst_window=4,
        focus=Focus(read_out="displacement", joint_set="lsp14", joints=("joint 3",), aligned=True),
        maps=(
            joint_maps(generator, "smpl24", 24, truth),
            joint_maps(generator, "lsp14", 14, truth),
        ),
        truth=body(generator) if truth else None,
        deviation_mm=0.25 if truth else None,
    )


@pytest.fixture
def path(tmp_path) -> Path:
    write_heatmap(tmp_path / "result.h5", make_result())
    return tmp_path / "result.h5"


def refusal(path: Path) -> str:
    with pytest.raises(ResultError) as caught:
        read_heatmap(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("truth", [True, False])
def test_a_result_is_read_back_bit_by_bit(tmp_path, truth):
    write_heatmap(tmp_path / "result.h5", make_result(truth))
    assert_equal(read_heatmap(tmp_path / "result.h5"), make_result(truth))


def test_equal_results_are_equal_files(tmp_path):
    for name in ("a.h5", "b.h5"):
        write_heatmap(tmp_path / name, make_result())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_maps_are_found_by_the_name_of_the_joint_set():
    result = make_result()
    assert result.of("lsp14") is result.maps[1]
    with pytest.raises(ResultError, match="smpl24, lsp14"):
        result.of("h36m17")


def datasets(path: Path) -> dict[str, h5py.Dataset]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: dict(node.attrs)}) if is_data(node) else None)
    return found


def is_data(node: object) -> bool:
    return isinstance(node, h5py.Dataset)


def test_every_dataset_has_a_unit(path):
    assert all(attributes["unit"] for attributes in datasets(path).values())


def test_every_dataset_and_attribute_is_documented(path):
    page = FORMAT_PAGE.read_text()
    tables = (
        *results.SWEEP_ARRAYS,
        *results.BODY_ARRAYS,
        *results.DISPLACEMENT_ARRAYS,
        *results.ERROR_ARRAYS,
    )
    for spec in tables:
        shape = re.escape(", ".join({"windows": "W", "joints": "J"}.get(str(n), str(n)) for n in spec.shape))
        assert re.search(
            rf"\| `{spec.name}` \| {spec.dtype} \| \({shape},?\) \| {re.escape(spec.unit)} \|", page
        ), spec
    with h5py.File(path) as file:
        for name in (*file.attrs, "joint_names", "unit", *ProtocolCard.model_fields):
            assert f"`{name}`" in page, name


def fewer_windows(result: HeatmapResult) -> HeatmapResult:
    kept = {name: getattr(result, name)[:-1] for name in ("windows", "cells", "camera")}
    return dataclasses.replace(result, **kept)


def smaller_crop(result: HeatmapResult) -> HeatmapResult:
    smaller = {name: getattr(result, name)[:-1, :-1] for name in ("crop", "occluded_crop")}
    return dataclasses.replace(result, **smaller)


@pytest.mark.parametrize(("wrong", "field"), [(fewer_windows, "windows"), (smaller_crop, "crop")])
def test_an_array_that_does_not_fit_the_grid_is_not_written(tmp_path, wrong, field):
    with pytest.raises(ResultError, match=f"/{field} must have shape"):
        write_heatmap(tmp_path / "result.h5", wrong(make_result()))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_map_is_not_written(tmp_path):
    result = make_result()
    maps = (dataclasses.replace(result.maps[0], error_mm=None), result.maps[1])
    with pytest.raises(ResultError, match="error_mm"):
        write_heatmap(tmp_path / "result.h5", dataclasses.replace(result, maps=maps))


def test_a_worst_window_outside_the_grid_is_not_written(tmp_path):
    with pytest.raises(ResultError, match="worst window 6"):
        write_heatmap(tmp_path / "r.h5", dataclasses.replace(make_result(), worst_window=6))


def test_maps_other_than_those_of_the_card_are_not_written(tmp_path):
    result = make_result()
    with pytest.raises(ResultError, match="lsp14"):
        write_heatmap(tmp_path / "r.h5", dataclasses.replace(result, maps=result.maps[:1]))


def test_a_missing_file_is_named(tmp_path):
    assert "check the path" in refusal(tmp_path / "none.h5")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "other.h5").write_bytes(content)
    assert "damaged or not a result" in refusal(tmp_path / "other.h5")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert "damaged" in refusal(path)


def test_a_flipped_bit_in_the_numbers_is_noticed(path):
    with h5py.File(path) as file:
        chunk = file["joints/lsp14/joints_m"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [
        ("kind", "mesh", "'mesh', not 'heatmap'"),
        ("schema", 2, "version 2"),
        ("schema", "1", "version 1"),
        ("protocol", "{}", "protocol is malformed"),
        ("protocol", 3, "protocol"),
        ("protocol_hash", "0" * 16, "changed"),
        ("rows", 10**9, "windows"),
        ("rows", -3, "windows"),
        ("worst_window", 6, "windows"),
        ("image_name", 3, "image_name"),
        ("box_size_px", "wide", "box_size_px"),
    ],
)
def test_a_wrong_attribute_is_named(path, attribute, value, words):
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = value
    assert words in refusal(path)


@pytest.mark.parametrize("attribute", ["kind", "schema", "protocol", "rows", "image_sha256"])
def test_a_missing_attribute_is_refused(path, attribute):
    with h5py.File(path, "r+") as file:
        del file.attrs[attribute]
    refusal(path)


@pytest.mark.parametrize(
    "name", ["crop", "clean", "clean/betas", "joints", "joints/lsp14", "truth", "joints/lsp14/error_mm"]
)
def test_a_missing_member_is_named(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
    assert f"/{name} is missing" in refusal(path)


def test_every_dataset_is_required(path):
    content = path.read_bytes()
    for name in datasets(path):
        with h5py.File(path, "r+") as file:
            del file[name]
        assert name in refusal(path)
        path.write_bytes(content)


@pytest.mark.parametrize(
    "link", [h5py.SoftLink("/camera"), h5py.ExternalLink("other.h5", "/camera")], ids=["soft", "external"]
)
@pytest.mark.parametrize("name", ["camera", "clean", "joints/lsp14"])
def test_links_are_not_followed(path, name, link):
    write_heatmap(path.with_name("other.h5"), make_result())
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = link
    assert "link" in refusal(path)


def test_a_joint_set_cannot_lead_through_a_linked_group(path):
    """A path in the card would make HDF5 walk through links on its way."""
    result = make_result()
    maps = dataclasses.replace(result.maps[0], joint_set="outside/smpl24")
    card = result.card.model_copy(update={"joint_sets": ("outside/smpl24",)})
    write_heatmap(path, dataclasses.replace(result, maps=(maps,), card=card))
    assert "missing" in refusal(path)


def replaced(path: Path, name: str, **options: object) -> None:
    with h5py.File(path, "r+") as file:
        values = file[name][...]
        del file[name]
        file.create_dataset(name, values.shape, values.dtype, **options)


def test_numbers_outside_the_file_are_refused(path):
    replaced(path, "camera", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
    assert "plainly" in refusal(path)


def test_filters_that_may_load_plug_ins_are_refused(path):
    replaced(path, "camera", compression="lzf")
    assert "plainly" in refusal(path)


def test_virtual_datasets_are_refused(path):
    with h5py.File(path, "r+") as file:
        shape = file["camera"].shape
        del file["camera"]
        layout = h5py.VirtualLayout(shape, "float32")
        layout[:] = h5py.VirtualSource("other.h5", "camera", shape)
        file.create_virtual_dataset("camera", layout)
    assert "plainly" in refusal(path)


def test_a_huge_empty_dataset_is_refused_before_it_is_allocated(path):
    with h5py.File(path, "r+") as file:
        del file["camera"]
        file.create_dataset("camera", (10**12, 3), "float32", chunks=(1024, 3))
    assert "shape" in refusal(path)


def test_another_type_of_numbers_is_refused(path):
    with h5py.File(path, "r+") as file:
        values = file["camera"][...].astype("float64")
        del file["camera"]
        file["camera"] = values
    assert "float64" in refusal(path)


def test_a_group_in_the_place_of_numbers_is_refused(path):
    with h5py.File(path, "r+") as file:
        del file["camera"]
        file.create_group("camera")
    assert "not a dataset" in refusal(path)


def test_more_joints_than_any_body_has_are_refused(path):
    with h5py.File(path, "r+") as file:
        file["joints/lsp14"].attrs["joint_names"] = str(["x"] * 2000).replace("'", '"')
    assert "2000 joints" in refusal(path)


def test_an_output_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    with pytest.raises(ResultError, match="could not be written"):
        write_heatmap(tmp_path / "none" / "result.h5", make_result())
