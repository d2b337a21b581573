"""Interrupted commands: exit codes of the shell, a line that says how to go on, nothing half done."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny_card import write_tiny_card

from occlusion_toolkit.cli.interruption import Terminated
from occlusion_toolkit.evaluation import run as evaluation
from occlusion_toolkit.open_world import synthesize as open_world
from occlusion_toolkit.surveys import run as surveys

SLOW = """
import time, sys
from occlusion_toolkit.sweep import sweep
from occlusion_toolkit.cli.main import main

def wait(*_, **__):
    print("sweeping", flush=True)
    time.sleep(60)

sweep.WindowSweep.stream = wait
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_sigterm_ends_heatmap_with_the_code_of_the_shell_and_leaves_nothing(tmp_path):
    photo = Path(__file__).parents[2] / "examples" / "photo.jpg"
    words = ["heatmap", photo, "--bbox", 258, 107, 382, 707, "--model", write_tiny_card(tmp_path)]
    line = [*map(str, words), "--out", str(tmp_path / "out" / "deep")]
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "sweeping\n"
    assert list((tmp_path / "out" / "deep").glob(".partial-*"))
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 143
    assert f"go on with:\n  occlusion-toolkit {shlex.join(line)}" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "place", "kept"),
    [
        (("synthesize", "--count", 8), (open_world, "_claim"), "finished sequences are kept"),
        (("evaluate", "--limit", 2), (evaluation, "evaluate"), "what was measured is kept"),
        (
            ("compare", "--model", "hmr-open", "--model", "pare-open", "--limit", 2),
            (surveys, "survey"),
            "finished shards are kept",
        ),
    ],
)
def test_each_command_says_what_is_kept_and_the_line_that_goes_on(
    cli, tmp_path, monkeypatch, words, place, kept
):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*place, interrupt)
    stopped = cli(*words, "--out", tmp_path)
    assert stopped.code == 130
    line = shlex.join(map(str, words))
    assert f"interrupted; {kept}; go on with:\n  occlusion-toolkit {line} --out {tmp_path}\n" in stopped.err


def test_sigterm_ends_with_a_code_of_its_own(cli, tmp_path, monkeypatch):
    def terminate(*_: object) -> None:
        raise Terminated

    monkeypatch.setattr(open_world, "_claim", terminate)
    stopped = cli("synthesize", "--count", 8, "--out", tmp_path)
    assert stopped.code == 143
    assert "finished sequences are kept; go on with:" in stopped.err


def test_a_process_that_code_of_others_ends_is_a_failure(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(open_world, "_claim", lambda *_: sys.exit(0))
    ended = cli("synthesize", "--count", 8, "--out", tmp_path)
    assert ended.code == 1
    assert "code of another package ended the process" in ended.err


def test_sigterm_is_as_before_once_the_command_has_ended(cli):
    before = signal.getsignal(signal.SIGTERM)
    cli("models", "list")
    assert signal.getsignal(signal.SIGTERM) is before
