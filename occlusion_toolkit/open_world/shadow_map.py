"""Depth of a scene seen from the sun, for shadows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from occlusion_toolkit.open_world.gl_context import compile_program, set_uniforms
from occlusion_toolkit.open_world.rig import Floats

if TYPE_CHECKING:
    import moderngl

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
