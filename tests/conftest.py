"""Set-up of every test: the package checks types and shapes while it runs; one thread; no GPU needed."""

import importlib.util
import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import hypothesis
import pytest
from jaxtyping import install_import_hook

# Before anything imports the package: from here on every annotated function checks what it is given.
install_import_hook("occlusion_toolkit", "beartype.beartype")

import torch  # noqa: E402

torch.set_num_threads(1)

# The same examples in every run, and no deadlines: test machines are shared.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("suite")


class Ran(NamedTuple):
    """What a command line left: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def cli() -> Callable[..., Ran]:
    """Runs a command line in this process: `cli("evaluate", "--limit", 2).code`."""
    from occlusion_toolkit.cli.main import main

    def run(*words: object) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return run


def _missing_gl() -> str | None:
    """Why no picture can be rendered here, or None where an EGL context can be made."""
    if importlib.util.find_spec("moderngl") is None:
        return "moderngl is not installed (pip install 'occlusion-toolkit[synthesize]')"
    import moderngl

    try:
        moderngl.create_context(standalone=True, backend="egl").release()
    except Exception as error:  # the driver decides what is raised
        return f"no EGL driver (Debian: libegl1 libgl1-mesa-dri): {error}"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips tests marked `gpu` or `gl`, with the reason, where the machine cannot run them."""
    missing_gl = _missing_gl() if any(item.get_closest_marker("gl") for item in items) else None
    for item in items:
        if item.get_closest_marker("gpu") is not None and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        if item.get_closest_marker("gl") is not None and missing_gl is not None:
            item.add_marker(pytest.mark.skip(reason=missing_gl))
