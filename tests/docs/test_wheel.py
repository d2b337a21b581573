"""What is shipped is whole: the wheel alone, in an empty folder, does what the README promises."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.pages import ROOT, code_blocks


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """The output of a command that succeeds."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_five_lines_of_the_readme_run_from_the_wheel(tmp_path: Path):
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    run(*pip, "install", "--no-deps", "--no-compile", "--target", site, wheel, cwd=tmp_path)

    empty = tmp_path / "empty"
    (empty / "examples").mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "photo.jpg", empty / "examples")
    (lines,) = code_blocks(ROOT / "README.md", "python")
    script = f"{lines}\nprint(ot.__file__)"
    printed = run(sys.executable, "-c", script, cwd=empty, PYTHONPATH=str(site)).splitlines()

    assert printed[-1].startswith(str(site))
    assert float(printed[-2].removesuffix(" mm")) > 0
    assert (empty / "heatmaps.png").stat().st_size > 10_000
