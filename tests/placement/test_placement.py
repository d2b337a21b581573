"""Nothing is left on the CPU: a device of our own that refuses to mix with it takes everything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_everything_runs_on_a_device_that_refuses_to_mix_with_the_cpu():
    here = Path(__file__).parent  # in a process of its own: PyTorch learns of a device once and for all
    path = os.pathsep.join([str(here.parent), str(here.parents[1])])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(here / "on_stand_in.py")],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:]
