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
from occlusion_toolkit.files.pickled_plain import PLAIN_DATA
from occlusion_toolkit.files.pickled_smpl import SMPL_DATA
from occlusion_toolkit.files.torch_files import CHECKPOINT_DATA

MAX_SECONDS = 20
MAX_KILOBYTES = 300_000

WIDEST = ("load_pickle of SMPL", "read_state_dict of an archive")
"""The readers with the longest allow-lists: plain data is on both, so what both refuse, all others do."""

OTHERS = [reader for reader in READERS if reader not in WIDEST]


def readers_for(number: int) -> tuple[str, ...]:
    """The widest readers and one of the others by turns: they share one machine, and differ around it."""
    return (*WIDEST, OTHERS[number % len(OTHERS)])


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


@pytest.mark.parametrize(("number", "name"), list(enumerate(NAMES)), ids=NAMES)
def test_every_hostile_program_is_refused_and_does_nothing(tmp_path, number, name):
    sentinel = tmp_path / "sentinel"
    before = dict(os.environ)
    for program in programs(sentinel, name):
        for reader in readers_for(number):
            refusal(name, reader, program, tmp_path)
    assert not touched(sentinel)
    assert dict(os.environ) == before


def test_the_widest_readers_allow_all_that_the_others_allow():
    for allowed in (SMPL_DATA, CHECKPOINT_DATA):
        assert {name: allowed[name] for name in PLAIN_DATA} == PLAIN_DATA


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
@pytest.mark.parametrize("reader", WIDEST)
def test_the_refusal_names_what_was_asked_for(tmp_path, program, name, reader):
    for attack in programs(tmp_path / "sentinel", program):
        asked = refusal(program, reader, attack, tmp_path).replace("__builtin__", "builtins")
        assert f"it asks for {name}," in asked


@pytest.mark.parametrize("reader", WIDEST)
def test_a_refusal_is_short_and_nothing_that_a_terminal_obeys(tmp_path, reader):
    name = "\x1b[2J\n" * 1000
    program = b"\x80\x04\x8c\x01aX" + len(name).to_bytes(4, "little") + name.encode() + b"\x93."
    message = refusal("escapes", reader, program, tmp_path)
    assert message.isprintable()
    assert r"a.\x1b[2J\n" in message
    assert len(message) < 1000


@pytest.mark.parametrize("reader", WIDEST)
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_take_memory_or_time(tmp_path, monkeypatch, name, reader):
    monkeypatch.setattr(safe_pickle, "MAX_INSTRUCTIONS", INSTRUCTIONS)
    peak, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refusal(name, reader, BOMBS[name](), tmp_path)
    assert time.process_time() - started < MAX_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MAX_KILOBYTES
