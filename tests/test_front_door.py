"""The front door: every name is there, says what it does, and its example is true."""

import doctest
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import occlusion_toolkit as ot

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def examples() -> Iterator[doctest.DocTest]:
    """The examples in the docstrings of the package and of everything on its front door."""
    finder = doctest.DocTestFinder(recurse=False)
    for name in ("", *sorted(ot.__all__)):
        value = getattr(ot, name) if name else ot
        module = importlib.import_module(f"occlusion_toolkit.{ot._WHERE[name]}") if name else ot
        yield from (test for test in finder.find(value, name or "occlusion_toolkit", module) if test.examples)


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
def test_the_example_of_a_docstring_is_true(example):
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert not said, "".join(said)


def test_every_name_has_an_example_or_comes_from_a_function_that_has_one():
    shown = {name for name in ot.__all__ if ">>>" in getattr(ot, name).__doc__}
    answers = (getattr(ot, name).__annotations__.get("return") for name in shown if name.islower())
    shown |= {getattr(answer, "__name__", str(answer)) for answer in answers}
    assert set(ot.__all__) - shown == set()


@pytest.mark.parametrize("name", ot.__all__)
def test_every_name_is_documented_and_loaded_once(name):
    value = getattr(ot, name)
    assert value.__doc__
    assert getattr(ot, name) is value
    assert name in dir(ot)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = ot.nothing


def test_importing_the_package_costs_nothing():
    code = "import sys, occlusion_toolkit; print(sorted({'torch', 'numpy', 'xarray'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ran.stdout.strip() == "[]", ran.stderr
