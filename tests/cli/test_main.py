"""The command group: help that answers at once, exit codes, no heavy imports before they are needed."""

import os
import shlex
import subprocess
import sys
from contextlib import suppress

import click
import pytest
from support.tiny_card import write_tiny_card

from occlusion_toolkit.cli.figure import figure_command, figure_scripts
from occlusion_toolkit.cli.main import cli as cli_group
from occlusion_toolkit.cli.main import main

HEAVY = ("torch", "matplotlib", "scipy", "h5py", "xarray", "smplx", "moderngl")


def test_help_imports_nothing_heavy():
    code = (
        "import sys, contextlib\n"
        "from occlusion_toolkit.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['heatmap', '--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip().endswith("[]")


@pytest.mark.parametrize("words", [(), ("heatmap",), ("heatmap", "--help"), ("synthesize", "--help")])
def test_commands_explain_themselves(words):
    finished = subprocess.run(
        [sys.executable, "-m", "occlusion_toolkit", *words], capture_output=True, text=True, check=False
    )
    assert "Usage" in finished.stdout + finished.stderr
    assert finished.returncode == (2 if "--help" not in words else 0)


@pytest.mark.parametrize("given", [None, "active"])
def test_threads_wait_asleep_unless_told_otherwise(monkeypatch, given):
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == (given or "passive")


def test_errors_hold_nothing_that_a_terminal_obeys(cli):
    shown = cli("models", "import", "\x1b[2Jweights.pt", "--as", "spin").err
    assert r"no file \x1b[2Jweights.pt" in shown
    assert "\x1b" not in shown


def every_command() -> list[tuple[str, ...]]:
    """All commands with something to do, and all figures."""
    groups = {("figure", name) for name in figure_scripts()}
    for name, command in cli_group.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        groups |= {(name, each) for each in inner} if inner else {(name,)}
    return sorted(groups)


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_help_has_one_look_examples_and_fits_the_width(words, option, cli):
    shown = cli(*words, option)
    assert shown.code == 0
    assert "╭─ Options" in shown.out
    assert "Examples:" in shown.out
    assert f"occlusion-toolkit {' '.join(words)}" in shown.out.partition("Examples:")[2]
    assert max(map(len, shown.out.splitlines())) <= 80


def test_examples_in_helps_are_lines_that_the_commands_take():
    for words in every_command():
        command = figure_command(words[1]) if words[0] == "figure" and len(words) > 1 else cli_group
        if command is cli_group:
            for word in words:
                command = command.commands[word]
        for line in str(command.epilog).splitlines():
            if line.startswith("occlusion-toolkit"):
                given = shlex.split(line)[1:]
                with suppress(click.exceptions.Exit):  # figure bars --help
                    command.make_context("x", given[len(words) :], resilient_parsing=False)


@pytest.mark.parametrize("words", [("models", "show"), ("run",), ("train", "--out", "x"), ("data", "check")])
def test_a_file_nested_without_end_is_refused(words, cli, tmp_path):
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    refused = cli(*words, tmp_path / "deep.yaml")
    assert refused.code == 1
    assert "YAML" in refused.err
    assert "nested too deeply" in refused.err


@pytest.mark.parametrize("words", [("models", "list"), ("run", "--list")])
def test_an_output_that_takes_nothing_is_named(words):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        finished = subprocess.run(
            [sys.executable, "-m", "occlusion_toolkit", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert finished.returncode == 1
    assert (
        finished.stderr == "error: the output cannot be written: no space left on device; send it elsewhere\n"
    )


@pytest.mark.parametrize(
    ("entry", "value"),
    [("hidden: 32", "hidden: 1000000000"), ("width: 4", "width: 1000000"), ("- 1\n", "- 99999\n")],
)
def test_absurd_sizes_on_a_card_are_refused_before_they_take_memory(cli, tmp_path, entry, value):
    card = write_tiny_card(tmp_path)
    card.write_text(card.read_text().replace(entry, value, 1))
    refused = cli("models", "check", card)
    assert refused.code == 1
    assert "less than or equal to" in refused.err
