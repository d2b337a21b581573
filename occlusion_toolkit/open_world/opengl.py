"""OpenGL without a display: a context, shader programs of this package, and shadow maps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from occlusion_toolkit.errors import RenderingError

if TYPE_CHECKING:
    import moderngl
from typing import TYPE_CHECKING

from occlusion_toolkit.open_world.rig import Floats

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


WHOLE = -1
"""Draw all vertices of an array."""


class ShadowMap:
    """A square depth texture of `side` pixels that is drawn along one light direction."""

    def __init__(self, context: moderngl.Context, side: int) -> None:
        self._context, self._side = context, side
        self.program = compile_program(context, "depth.vert", ["depth.frag"])
        self._depth = context.depth_texture((side, side))
        self._depth.compare_func = ""
        self._depth.repeat_x = self._depth.repeat_y = False
        self._target = context.framebuffer(depth_attachment=self._depth)

    def draw(self, matrix: Floats, casters: Sequence[tuple[moderngl.VertexArray, int]]) -> None:
        """Draw vertex arrays, each with the number of vertices to use, through a clip matrix (4, 4)."""
        self._target.use()
        self._context.viewport = (0, 0, self._side, self._side)
        self._target.clear(depth=1.0)
        set_uniforms(self.program, {"view_projection": matrix})
        for array, count in casters:
            array.render(vertices=count)

    def use(self, unit: int) -> None:
        """Bind the depth to a texture unit."""
        self._depth.use(unit)
