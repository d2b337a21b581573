"""Two runs on one folder: which may go together, and that a dead one holds nothing."""

import signal
import subprocess
import sys

import pytest

from occlusion_toolkit.errors import RunError
from occlusion_toolkit.surveys.folder import Part, locked

HOLD = """
import sys, time
from pathlib import Path
from occlusion_toolkit.surveys.folder import Part, locked
with locked(Path(sys.argv[1]), Part(int(sys.argv[2]), int(sys.argv[3]))):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Part(), Part()),
        (Part(), Part(0, 2)),
        (Part(1, 2), Part()),
        (Part(1, 2), Part(1, 2)),
        (Part(0, 2), Part(2, 3)),
    ],
    ids=["twice", "part of a whole", "whole of a part", "same part", "another division"],
)
def test_runs_that_could_make_the_same_shard_are_refused_and_the_other_named(tmp_path, first, second):
    refusal = r"another run is writing into .*process \d+ on .*, since 20"
    with locked(tmp_path, first), pytest.raises(RunError, match=refusal), locked(tmp_path, second):
        pass
    with locked(tmp_path, second):
        pass


def test_parts_of_one_division_go_together(tmp_path):
    first, second = locked(tmp_path, Part(0, 3)), locked(tmp_path, Part(2, 3))
    with first, second, pytest.raises(RunError, match="part 2 of 3"), locked(tmp_path, Part(2, 3)):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), "0", "1"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RunError, match=f"process {holder.pid} "), locked(tmp_path, Part()):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path, Part()):
        pass


def test_a_folder_that_cannot_be_locked_is_named(tmp_path):
    (tmp_path / ".locks").touch()
    with pytest.raises(RunError, match="cannot be locked"), locked(tmp_path, Part()):
        pass


def test_a_lock_of_another_part_that_cannot_be_tried_is_not_taken_for_a_run(tmp_path):
    (tmp_path / ".locks" / "0-of-1.lock").mkdir(parents=True)  # a folder cannot be locked
    with pytest.raises(RunError, match="cannot be locked"), locked(tmp_path, Part(0, 3)):
        pytest.fail("the lock was taken")
