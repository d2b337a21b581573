"""Data sets are read back bit by bit; a file that is not exactly one is refused, and nothing is followed."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from occlusion_toolkit.errors import DamagedError, ResultError
from occlusion_toolkit.files.netcdf import load_dataset, open_dataset, save_dataset

KIND, LAYOUT = "maps", 7


def dataset() -> xr.Dataset:
    random = np.random.default_rng(0)
    return xr.Dataset(
        {
            "values": (("image", "joint", "row"), random.standard_normal((3, 2, 50), dtype=np.float32)),
            "noise": (("y", "x"), random.integers(0, 256, (90, 80), dtype=np.uint8)),
            "mean": ("image", np.array([1.5, np.nan, -np.inf]), {"units": "mm"}),
        },
        {
            "image": [4, 5, 9],
            "joint": ["left_wrist", "neck"],
            "file": ("image", ["фото.jpg", "", "a b"]),
        },
        {"protocol": '{"é": 1}', "deviation_mm": 0.25},
    )


@pytest.fixture
def path(tmp_path) -> Path:
    save_dataset(tmp_path / "result.h5", dataset(), KIND, LAYOUT)
    return tmp_path / "result.h5"


def refusal(path: Path) -> str:
    """Why a file is refused, by both ways of reading it; it is closed afterwards."""
    messages = []
    for read in (load_dataset, lambda *words: open_dataset(*words).load()):
        with pytest.raises(ResultError) as caught:
            read(path, KIND, LAYOUT)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "\n" not in messages[0]
    assert path.name in messages[0]
    return messages[0]


def test_a_data_set_is_read_back_bit_by_bit_and_lazily_the_same(path):
    expected = dataset().assign_attrs(kind=KIND, layout=LAYOUT)
    xr.testing.assert_identical(load_dataset(path, KIND, LAYOUT), expected)
    with open_dataset(path, KIND, LAYOUT) as lazy:
        assert not lazy["values"].variable._in_memory
        xr.testing.assert_identical(lazy, expected)


def test_any_netcdf_reader_opens_it(path):
    with xr.open_dataset(path) as plain:
        wrist = plain["values"].sel(image=5, joint="left_wrist")
        np.testing.assert_array_equal(wrist, dataset()["values"][1, 0])
        assert list(plain["file"].values) == ["фото.jpg", "", "a b"]
        assert plain["mean"].attrs["units"] == "mm"


def test_equal_contents_are_equal_bytes_wherever_they_were_read(path):
    again = path.with_name("again.h5")
    save_dataset(again, load_dataset(path, KIND, LAYOUT), KIND, LAYOUT)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("held", [(0,), (1, 3), range(100)])
def test_whoever_holds_an_array_while_it_is_written_does_not_change_a_byte(path, monkeypatch, held):
    create, references = h5py.Group.create_dataset, []

    def watched(self, *words, **options):
        made = create(self, *words, **options)
        references.append(made if len(references) in held else None)
        return made

    monkeypatch.setattr(h5py.Group, "create_dataset", watched)  # as a profiler that looks at frames does
    again = path.with_name("again.h5")
    save_dataset(again, dataset(), KIND, LAYOUT)
    assert len(references) > 5
    assert again.read_bytes() == path.read_bytes()


def test_reading_closes_the_file_at_the_latest_when_it_is_told_to(path):
    lazy = open_dataset(path, KIND, LAYOUT)
    with pytest.raises(OSError, match="already open"):
        h5py.File(path, "r+")
    lazy.close()
    h5py.File(path, "r+").close()
    load_dataset(path, KIND, LAYOUT)
    h5py.File(path, "r+").close()


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "none").write_text("a file where a folder should be")
    with pytest.raises(ResultError, match="is a file, not a folder"):
        save_dataset(tmp_path / "none" / "result.h5", dataset(), KIND, LAYOUT)


def test_a_missing_file_is_named(tmp_path):
    assert "check the path" in refusal(tmp_path / "none.h5")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(100), b"CDF\x01" + bytes(60)]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "other.h5").write_bytes(content)
    assert "damaged or not a result" in refusal(tmp_path / "other.h5")


def test_a_file_truncated_at_any_kilobyte_is_refused(path):
    content = path.read_bytes()
    assert len(content) > 20_000
    for kept in range(0, len(content), 1024):
        path.write_bytes(content[:kept])
        assert "damaged" in refusal(path)


@pytest.mark.parametrize("name", ["values", "noise"])
def test_a_flipped_bit_in_the_numbers_is_noticed(path, name):
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ResultError, match="damaged"):
        load_dataset(path, KIND, LAYOUT)


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [
        ("kind", "mesh", "'mesh', not 'maps'"),
        ("kind", 3, "3, not 'maps'"),
        ("kind", None, "None, not 'maps'"),
        ("layout", 8, "version 8"),
        ("layout", "7", "version 7"),
        ("layout", None, "version None"),
    ],
)
def test_another_kind_or_layout_is_named(path, attribute, value, words):
    with h5py.File(path, "r+") as file:
        del file.attrs[attribute], file.attrs["content_sha256"]  # as a file of another toolkit
        if value is not None:
            file.attrs[attribute] = value
    assert words in refusal(path)


CHANGES = {
    "a text": lambda file: file["joint"].__setitem__((0, 0), b"L"),
    "an attribute": lambda file: file.attrs.modify("protocol", "{}"),
    "the kind": lambda file: file.attrs.modify("kind", "mesh"),
    "the unit": lambda file: file["mean"].attrs.modify("units", "km"),
    "the checksum": lambda file: file.attrs.modify("content_sha256", "0" * 64),
}


@pytest.mark.parametrize("what", CHANGES)
def test_anything_that_was_changed_is_damage(path, what):
    with h5py.File(path, "r+") as file:
        CHANGES[what](file)
    with pytest.raises(DamagedError, match=r"result\.h5' is damaged"):
        load_dataset(path, KIND, LAYOUT)


def soft_link(file: h5py.File) -> None:
    file["more"] = h5py.SoftLink("/values")


def external_link(file: h5py.File) -> None:
    file["more"] = h5py.ExternalLink("other.h5", "/values")


def dangling_link(file: h5py.File) -> None:
    file["more"] = h5py.SoftLink("/nowhere")


def group(file: h5py.File) -> None:
    file.create_group("more")["deep"] = 1.0


def named_type(file: h5py.File) -> None:
    file["more"] = np.dtype("float32")


def external_storage(file: h5py.File) -> None:
    file.create_dataset("more", (1024,), "uint8", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "values", (3,))
    file.create_virtual_dataset("more", layout)


def foreign_filter(file: h5py.File) -> None:
    file.create_dataset("more", data=np.zeros(100), compression="lzf")


def compound(file: h5py.File) -> None:
    file["more"] = np.zeros(3, [("a", "f4"), ("b", "i4")])


def objects(file: h5py.File) -> None:
    file.create_dataset("more", data=["text"], dtype=h5py.string_dtype())


def references(file: h5py.File) -> None:
    file.create_dataset("more", data=[file["values"].ref], dtype=h5py.ref_dtype)


def long_strings(file: h5py.File) -> None:
    file["more"] = np.array([b"abc"])


def complex_numbers(file: h5py.File) -> None:
    file["more"] = np.zeros(3, complex)


def unwritten(file: h5py.File) -> None:
    file.create_dataset("more", (10**6, 10**3), "float32", chunks=(1024, 10))


def far_too_large(file: h5py.File) -> None:
    file.create_dataset("more", (10**12, 10**5), "float64", chunks=(1024, 10))


def hardly_written(file: h5py.File) -> None:
    file.create_dataset("more", (10**5, 10**3), "float32", chunks=(10, 10), compression="gzip")[0, 0] = 1.0


def huge_chunk(file: h5py.File) -> None:
    file.create_dataset("more", (1,), "u1", chunks=(2**31,), maxshape=(None,), compression="gzip")


HOSTILE = {
    soft_link: "link to another place",
    external_link: "link to another place",
    dangling_link: "link to another place",
    group: "not an array",
    named_type: "not an array",
    external_storage: "plainly",
    virtual: "plainly",
    foreign_filter: "plainly",
    compound: "neither numbers nor characters",
    objects: "neither numbers nor characters",
    references: "neither numbers nor characters",
    long_strings: "neither numbers nor characters",
    complex_numbers: "neither numbers nor characters",
    unwritten: "claims 4,000,000,000 bytes",
    far_too_large: "claims",
    hardly_written: "claims 400,000,000 bytes",
    huge_chunk: "claims 2,147,483,648 bytes",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_what_could_lead_elsewhere_or_fill_memory_is_refused_before_it_is_read(path, change):
    save_dataset(path.with_name("other.h5"), dataset(), KIND, LAYOUT)
    with h5py.File(path, "r+") as file:
        change(file)
    message = refusal(path)
    assert "/more" in message
    assert HOSTILE[change] in message
    h5py.File(path, "r+").close()  # it was closed


def test_texts_that_are_no_texts_are_refused(path):
    with h5py.File(path, "r+") as file:
        file["joint"][0, 0] = b"\xff"
        del file.attrs["content_sha256"]
    assert "damaged" in refusal(path)


def test_numbers_as_compressed_as_they_can_be_are_read(tmp_path):
    zeros = xr.Dataset({"zeros": (("y", "x"), np.zeros((2000, 1000), np.float32))})
    save_dataset(tmp_path / "zeros.h5", zeros, KIND, LAYOUT)
    assert (tmp_path / "zeros.h5").stat().st_size < zeros.nbytes / 200
    assert math.isclose(float(load_dataset(tmp_path / "zeros.h5", KIND, LAYOUT)["zeros"].sum()), 0)
