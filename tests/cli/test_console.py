"""Progress in a log: a line for every shard or half minute, none for what is done before."""

import pytest

from occlusion_toolkit.cli import console


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_every_half_minute(clock, capsys):
    with console.progress("pictures") as report:
        for done in range(1, 101):
            clock[0] += 1.0
            report(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["30 of 100 pictures", "60 of 100 pictures", "90 of 100 pictures"]


def test_a_log_has_a_line_for_every_shard_and_the_end(clock, capsys):
    with console.progress("images swept", line_every=8) as report:
        for done in range(1, 20):
            report(done, 19)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"{done} of 19 images swept" for done in (8, 16, 19)]


def test_what_is_done_at_once_is_not_told(clock, capsys):
    with console.progress("windows") as report:
        report(785, 785)
    assert capsys.readouterr().err == ""


def test_files_are_a_line_for_each_folder_and_nothing_in_a_name_is_obeyed(capsys, tmp_path):
    folder = tmp_path / "out"
    console.print_files([folder / "a.png", folder / "b\x1b[2J.png", tmp_path / "c.csv"])
    shown = capsys.readouterr().out
    assert shown == f"{folder}/: a.png, b\\x1b[2J.png\n{tmp_path}/: c.csv\n"
