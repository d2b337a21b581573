"""The command group: help that answers at once, exit codes, no heavy imports before they are needed."""

import subprocess
import sys

import pytest

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


def test_errors_hold_nothing_that_a_terminal_obeys(cli):
    shown = cli("models", "import", "\x1b[2Jweights.pt", "--as", "spin").err
    assert r"no file \x1b[2Jweights.pt" in shown
    assert "\x1b" not in shown
