"""Whether freed memory is kept, seen by the pages that the system has to clear."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")

COUNT = """
import resource, torch
def pages():
    for _ in range(12):
        torch.ones(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = pages()
print(pages() - before)
"""
KEEP = "from occlusion_toolkit.cli.kept_memory import keep_freed_memory; keep_freed_memory()"


def pages_cleared(script: str, **environment: str) -> int:
    """Pages that 12 blocks of 40 MB cost after 12 others."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    words = [sys.executable, "-c", script]
    run = subprocess.run(words, env=clean | environment, stdout=subprocess.PIPE, text=True, check=True)
    return int(run.stdout)


@pytest.fixture(scope="module")
def given_back() -> int:
    return pages_cleared(COUNT)


def test_blocks_are_used_again_without_clearing_their_pages(given_back):
    assert pages_cleared(f"{KEEP}\n{COUNT}") < given_back / 4


def test_processes_that_are_started_keep_their_memory_too(given_back):
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {COUNT!r}], check=True)"
    assert pages_cleared(f"{KEEP}\n{child}") < given_back / 4


def test_settings_of_the_user_stay(given_back):
    found = pages_cleared(f"{KEEP}\n{COUNT}", MALLOC_TRIM_THRESHOLD_="1000000")
    assert found > given_back / 2
