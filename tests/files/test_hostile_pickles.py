"""No reader runs what a pickle asks for, whatever file it stands in; small files cannot take the machine."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.hostile_bombs import BOMBS, INSTRUCTIONS
from support.hostile_files import READERS
from support.hostile_pickles import LIVE_CALLS, LIVE_PROGRAMS, NAMES, programs, register_extension, touched

from occlusion_toolkit.errors import CheckpointError, UnsafeFileError
from occlusion_toolkit.files import safe_pickle

MAX_SECONDS = 20
MAX_KILOBYTES = 300_000

UNPICKLING = [
    reader for reader in READERS if "load_pickle" in reader or reader.endswith(("archive", "a stream"))
]
"""The readers that run a program at all; the others have refused it before."""


def refusal(name: str, reader: str, program: bytes, folder: Path) -> str:
    """The message of the typed error that a reader refuses a program with."""
    file, wrap, load = READERS[reader]
    (folder / file).write_bytes(wrap(program))
    with pytest.raises((UnsafeFileError, CheckpointError)) as caught:
        load(folder / file)
    message = str(caught.value)
    assert "\n" not in message
    assert file in message
    return message


@pytest.fixture(scope="module", autouse=True)
def _extension_code():
    register_extension()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", NAMES)
def test_every_hostile_program_is_refused_by_every_reader_and_does_nothing(tmp_path, name, reader):
    sentinel = tmp_path / "sentinel"
    before = dict(os.environ)
    for program in programs(sentinel, name):
        refusal(name, reader, program, tmp_path)
    assert not touched(sentinel)
    assert dict(os.environ) == before


def test_the_corpus_is_large_enough():
    assert len(NAMES) == len(set(NAMES))
    assert len(NAMES) >= 100
    assert len(LIVE_CALLS) + len(LIVE_PROGRAMS) >= 40


def test_live_attacks_succeed_with_pythons_own_unpickler(tmp_path):
    """The proof that the tests above can fail: the same bytes, without protection."""
    script = """
import pickle, sys
from pathlib import Path
from support.hostile_pickles import LIVE_CALLS, LIVE_PROGRAMS, programs, register_extension, touched
register_extension()
for number, name in enumerate([*LIVE_CALLS, *LIVE_PROGRAMS]):
    sentinel = Path(sys.argv[1]) / f"sentinel-{number}"
    assert not touched(sentinel)
    try:
        pickle.loads(programs(sentinel, name)[-1])
    except Exception:
        pass
    print(name, touched(sentinel), sep="\\t")
"""
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    results = dict(line.split("\t") for line in run.stdout.splitlines())
    assert {name for name, happened in results.items() if happened != "True"} == set()
    assert set(results) == {*LIVE_CALLS, *LIVE_PROGRAMS}


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("os.system", "posix.system"),
        ("builtins.eval", "builtins.eval"),
        ("functools.partial", "functools.partial"),
        ("torch.storage._load_from_bytes", "torch.storage._load_from_bytes"),
        ("element of an object array", "posix.system"),
        ("STACK_GLOBAL with names from the memo", "os.system"),
    ],
)
@pytest.mark.parametrize("reader", ["load_pickle of SMPL", "read_state_dict of an archive"])
def test_the_refusal_names_what_was_asked_for(tmp_path, program, name, reader):
    for attack in programs(tmp_path / "sentinel", program):
        asked = refusal(program, reader, attack, tmp_path).replace("__builtin__", "builtins")
        assert f"it asks for {name}," in asked


@pytest.mark.parametrize("reader", UNPICKLING)
def test_a_refusal_is_short_and_nothing_that_a_terminal_obeys(tmp_path, reader):
    name = "\x1b[2J\n" * 1000
    program = b"\x80\x04\x8c\x01aX" + len(name).to_bytes(4, "little") + name.encode() + b"\x93."
    message = refusal("escapes", reader, program, tmp_path)
    assert message.isprintable()
    assert r"a.\x1b[2J\n" in message
    assert len(message) < 1000


@pytest.mark.parametrize("reader", UNPICKLING)
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_take_memory_or_time(tmp_path, monkeypatch, name, reader):
    monkeypatch.setattr(safe_pickle, "MAX_INSTRUCTIONS", INSTRUCTIONS)
    peak, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refusal(name, reader, BOMBS[name](), tmp_path)
    assert time.process_time() - started < MAX_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MAX_KILOBYTES
