"""An OpenGL context without a display, shader programs from this package, and uniforms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from occlusion_toolkit.errors import RenderingError

if TYPE_CHECKING:
    import moderngl

DEBIAN_PACKAGES = "libegl1 libgl1-mesa-dri libegl-mesa0 libgles2"


def open_context() -> moderngl.Context:
    """Return a new OpenGL 3.3 context on an EGL device.

    Raises:
        RenderingError: moderngl or an EGL driver is missing; the message says what to install.
    """
    # Mesa's software renderer would start a thread per core in every worker process.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        import moderngl
    except ImportError as error:
        raise RenderingError(
            "rendering needs the package moderngl; install it with: "
            "pip install 'occlusion-toolkit[synthesize]'"
        ) from error
    settings: dict[str, Any] = {"standalone": True, "backend": "egl"}  # the stub has no word for strings
    try:
        return moderngl.create_context(**settings)
    except Exception as error:  # moderngl raises plain Exception, with whatever the driver said
        reason = str(error).strip() or type(error).__name__
        raise RenderingError(
            f"rendering needs an OpenGL driver reached through EGL and there is none ({reason}); "
            f"install the Debian packages {DEBIAN_PACKAGES} or your GPU vendor's EGL driver, "
            "and the Python packages with: pip install 'occlusion-toolkit[synthesize]'"
        ) from error


def compile_program(
    context: moderngl.Context, vertex: str, fragments: Sequence[str], definitions: str = ""
) -> moderngl.Program:
    """Return a program of the package's shader files.

    Args:
        context: to compile in.
        vertex: file of the vertex shader.
        fragments: files that make up the fragment shader, in order.
        definitions: preprocessor lines put before both.
    """
    folder = resources.files("occlusion_toolkit.open_world") / "shaders"

    def source(*names: str) -> str:
        texts = [(folder / name).read_text(encoding="utf-8") for name in names]
        return "\n".join(["#version 330", definitions, *texts])

    return context.program(vertex_shader=source(vertex), fragment_shader=source(*fragments))


def set_uniforms(program: moderngl.Program, values: Mapping[str, object]) -> None:
    """Write uniforms; those the compiler removed are skipped, arrays it cut short are cut likewise.

    Matrices (4, 4) are given as NumPy writes them, row by row.
    """
    for name, value in values.items():
        if name not in program:
            continue
        member: Any = program[name]
        if isinstance(value, np.ndarray) and member.dimension == 16:
            member.write(value.T.astype("f4").tobytes())
        elif isinstance(value, np.ndarray):
            kept = value[: member.array_length] if value.ndim == 2 else value
            member.write(kept.astype("i4" if value.dtype.kind == "i" else "f4").tobytes())
        else:
            member.value = value
