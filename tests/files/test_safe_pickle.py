"""Plain data survives a round trip through every protocol; nothing a hostile pickle asks for ever happens."""

import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from support.hostile_pickles import Call
from support.plain_content import assert_plain

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import Assembly, Stateful
from occlusion_toolkit.files.safe_pickle import PLAIN_DATA, load_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def load(tmp_path: Path, data: bytes, **options: object) -> object:
    (tmp_path / "data.pkl").write_bytes(data)
    return load_pickle(tmp_path / "data.pkl", **options)


def refusal(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(UnsafeFileError) as caught:
        load(tmp_path, data)
    message = str(caught.value)
    assert "\n" not in message
    assert "data.pkl" in message
    return message


# --- what is read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12)[::3],
        np.array([1, 2], ">u2"),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array(["ab", "é"]),
        np.array([b"ab", b"c"]),
        np.array("courtyard_00"),
        np.array(""),
        np.empty((0, 3)),
        np.array(7.5),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_arrays_come_back_equal_and_plain(tmp_path, array, protocol):
    read = load(tmp_path, pickle.dumps({"x": [array]}, protocol=protocol))["x"][0]
    assert type(read) is np.ndarray
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    assert read.flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_containers_scalars_and_text_come_back_equal(tmp_path, protocol):
    content = {
        "list": [1, -(2**70), 2.5, None, True, "naïve", b"\0\xff", bytearray(b"ab")],
        "tuple": ((), (1,), (1, 2, 3, (4, [5]))),
        "sets": [{1, 2}, frozenset({3})],
        ("key", 1): complex(1, 2),
        "empty": [b"", "", {}, [], set()],
        "scalars": [np.float32(1.5), np.int64(-3), np.bool_(True), np.str_("x"), np.bytes_(b"y")],
    }
    read = load(tmp_path, pickle.dumps(content, protocol=protocol))
    assert read == content
    assert [type(item) for item in read["scalars"]] == [type(item) for item in content["scalars"]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_object_arrays_hold_plain_arrays(tmp_path, protocol):
    ragged = np.empty((2, 2), object)
    ragged[:] = [[np.arange(3), "a"], [[1, np.arange(2)], None]]
    read = load(
        tmp_path, pickle.dumps([np.asfortranarray(ragged), np.array(None, object)], protocol=protocol)
    )
    assert type(read[0][0, 0]) is np.ndarray
    assert read[0][0, 0].tolist() == [0, 1, 2]
    assert read[0][0, 1] == "a"
    assert type(read[0][1, 0][1]) is np.ndarray
    assert read[1][()] is None


def test_shared_and_self_containing_objects_stay_so(tmp_path):
    array = np.arange(3)
    loop: list[object] = [array, array]
    loop.append(loop)
    read = load(tmp_path, pickle.dumps(loop))
    assert read[0] is read[1]
    assert read[2] is read


def test_a_tuple_inside_its_own_list_is_finite(tmp_path):
    outer = load(tmp_path, b"\x80\x02]q\x01h\x01\x85q\x02ah\x02.")
    assert type(outer) is tuple
    assert outer[0][0][0] is outer[0]


def test_ordered_dictionaries_become_dictionaries_in_order(tmp_path):
    read = load(tmp_path, pickle.dumps(OrderedDict([("z", np.arange(2)), ("a", 1)])))
    assert type(read) is dict
    assert list(read) == ["z", "a"]
    assert type(read["z"]) is np.ndarray


def python2_array(values: np.ndarray, module: bytes = b"numpy.core.multiarray") -> bytes:
    """An array as Python 2 with old NumPy wrote it, protocol 2: raw bytes in a byte string."""

    def text(data: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(data)) + data

    rows, cols = values.shape
    return (
        b"\x80\x02}"
        + text(b"poses")
        + b"c" + module + b"\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"tR"
        + b"(K\x01" + bytes([75, rows, 75, cols]) + b"\x86cnumpy\ndtype\n" + text(b"f8") + b"K\x00K\x01\x87R"
        + b"(K\x03" + text(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + text(values.tobytes()) + b"tbs."
    )  # fmt: skip


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_python_2_arrays_are_read_as_latin_1(tmp_path, module):
    values = np.array([[1.5, -np.pi], [1e300, 1e-300]])
    read = load(tmp_path, python2_array(values, module))
    np.testing.assert_array_equal(read["poses"], values)


def test_python_2_text_of_protocol_0_is_read(tmp_path):
    assert load(tmp_path, b"(lp1\nS'S\\xe9quence'\np2\naVm\np3\nag2\na.") == ["Séquence", "m", "Séquence"]


def test_the_allow_list_can_be_extended_with_inert_holders(tmp_path):
    class Node(Stateful):
        """What a reader of chumpy files would register: keeps the stored array, computes nothing."""

        def resolve(self, assembly: Assembly) -> object:
            return assembly.value(self.attributes["x"])

    data = (
        b"\x80\x02(cchumpy.ch\nCh\n)\x81}X\x01\x00\x00\x00x" + pickle.dumps(np.arange(3), 2)[2:-1] + b"sbl."
    )
    allow = {**PLAIN_DATA, ("chumpy.ch", "Ch"): Node}
    assert load(tmp_path, data, allow=allow)[0].tolist() == [0, 1, 2]
    assert "chumpy.ch.Ch" in refusal(tmp_path, data)


# --- what is refused ------------------------------------------------------------------------------------


def test_an_attack_is_named_with_what_to_do(tmp_path):
    message = refusal(tmp_path, pickle.dumps(Call(os.system, "true")))
    assert "posix.system" in message or "nt.system" in message
    assert "plain arrays" in message


def test_a_zip_hidden_behind_a_pickle_is_refused(tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data.pkl", "x")
    assert "follow the end" in refusal(tmp_path, pickle.dumps([1]) + archive.getvalue())


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "data.pkl").open("wb") as file:
        file.truncate(10**12)  # sparse
    with pytest.raises(UnsafeFileError, match="more than"):
        load_pickle(tmp_path / "data.pkl")


@pytest.mark.parametrize("name", ["missing.pkl", "."])
def test_what_is_not_a_file_is_said_to_be_so(tmp_path, name):
    with pytest.raises(UnsafeFileError, match="not a file"):
        load_pickle(tmp_path / name)


GENUINE = pickle.dumps({"poses": [np.arange(4.0)], "genders": ["m"], "n": (1, {2})}, protocol=2)
NAMES = [f"{module}\n{name}\n".encode() for module, name in [*PLAIN_DATA, ("os", "system")]]


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(st.data())
def test_mutated_pickles_give_plain_data_or_an_unsafe_file_error(tmp_path_factory, data):
    broken = bytearray(GENUINE)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(broken) - 1))
        stop = data.draw(st.integers(start, min(start + 4, len(broken))))
        opcodes = st.sampled_from([op.code.encode("latin1") for op in pickletools.opcodes])
        piece = st.one_of(st.binary(max_size=4), opcodes, st.sampled_from([b"c" + name for name in NAMES]))
        broken[start:stop] = data.draw(piece)
    path = tmp_path_factory.getbasetemp() / "mutated.pkl"
    path.write_bytes(broken)
    try:
        content = load_pickle(path)
    except UnsafeFileError:
        return
    assert_plain(content)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_pickle_is_read_in_memory_of_its_own_size(tmp_path):
    (tmp_path / "data.pkl").write_bytes(pickle.dumps({"poses": [np.zeros((60_000, 72))] * 3}, protocol=2))
    program = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from occlusion_toolkit.files.safe_pickle import load_pickle\n"
        "def peak():\n"
        "    return int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text()).group(1))\n"
        "before = peak()\n"
        "load_pickle(sys.argv[1])\n"
        "print((peak() - before) / 1024 / (Path(sys.argv[1]).stat().st_size / 1024**2))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "data.pkl"], capture_output=True, check=True
    )
    assert float(run.stdout) < 6
