"""A dressed person on the graphics card: one program per layer, vertices rewritten for every frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.open_world.backdrop import NOISE_UNIT, SHADOW_UNIT
from occlusion_toolkit.open_world.camera import Camera
from occlusion_toolkit.open_world.garment_cuts import visible_faces
from occlusion_toolkit.open_world.opengl import WHOLE, compile_program, set_uniforms
from occlusion_toolkit.open_world.person import DressedPerson, Layer
from occlusion_toolkit.open_world.rig import Floats

if TYPE_CHECKING:
    import moderngl

_TWO_SIDED = (Layer.SKIRT, Layer.LONG_HAIR)
_CASTING = (Layer.SKIN, Layer.SKIRT, Layer.LONG_HAIR)
_MOVING = ("3f 3f", "in_position", "in_normal")
_FIXED = ("3f 1f 1f", "in_rest", "in_part", "in_openness")
_SEAT = ("3f 3f 3f 1f 1f", "in_position", "in_normal", "in_rest", "in_part", "in_openness")
_SHADERS = ("lighting.glsl", "garment_cuts.glsl", "cloth.glsl", "head.glsl", "person.frag")


class PersonLayers:
    """Draws one person, and what the person sits on, layer by layer."""

    def __init__(self, context: moderngl.Context, shadow_program: moderngl.Program) -> None:
        self._context, self._shadow_program = context, shadow_program
        # A software rasteriser runs every branch of a shader, so each layer gets a program of its own.
        self._programs = {
            layer: compile_program(context, "person.vert", _SHADERS, f"#define LAYER {int(layer)}")
            for layer in Layer
        }
        self._everywhere({"noise": NOISE_UNIT, "person_depth": SHADOW_UNIT})
        self._owned: list[moderngl.VertexArray | moderngl.Buffer] = []
        self._seat_owned: list[moderngl.VertexArray | moderngl.Buffer] = []
        self._drawn: list[tuple[Layer, moderngl.VertexArray]] = []
        self._casters: list[tuple[moderngl.VertexArray, int]] = []
        self._seat_drawn: list[tuple[Layer, moderngl.VertexArray]] = []
        self._seat_casters: list[tuple[moderngl.VertexArray, int]] = []
        self._moving: moderngl.Buffer | None = None

    def _everywhere(self, values: Mapping[str, object]) -> None:
        for program in self._programs.values():
            set_uniforms(program, values)

    def set_light(self, values: Mapping[str, object]) -> None:
        """Use the uniforms of lighting.glsl."""
        self._everywhere(values)

    def set_camera(self, camera: Camera) -> None:
        """Use a camera."""
        self._everywhere({"view_projection": camera.view_projection(), "eye": camera.position})

    def set_person(self, person: DressedPerson, uniforms: Mapping[str, object]) -> None:
        """Upload a person; `uniforms` are those of person.frag that describe clothes and face."""
        context = self._context
        for resource in self._owned:
            resource.release()
        still = np.concatenate([person.rest, person.parts[:, None], person.openness[:, None]], axis=1)
        fixed = context.buffer(still.astype("f4").tobytes())
        self._moving = context.buffer(reserve=len(person.rest) * 24)
        self._owned = [fixed, self._moving]
        self._drawn, self._casters = [], []
        for layer, faces in visible_faces(person, uniforms).items():
            index = context.buffer(np.ascontiguousarray(faces).tobytes())
            parts = [(self._moving, *_MOVING), (fixed, *_FIXED)]
            drawn = context.vertex_array(self._programs[layer], parts, index)
            self._drawn.append((layer, drawn))
            self._owned += [index, drawn]
        for layer in _CASTING:
            if layer in person.faces:
                index = context.buffer(person.faces[layer].tobytes())
                outline = [(self._moving, "3f 12x", "in_position")]
                caster = context.vertex_array(self._shadow_program, outline, index)
                self._casters.append((caster, WHOLE))
                self._owned += [index, caster]
        self._everywhere({**asdict(person.landmarks), **uniforms})

    def move(
        self, vertices: NDArray[np.float32], normals: NDArray[np.float32], seat: NDArray[np.float32] | None
    ) -> None:
        """Take a new pose: world vertices and normals (N, 3), and the triangles (M, 11) of a seat or None."""
        if self._moving is not None:
            self._moving.write(np.concatenate([vertices, normals], axis=1).astype("f4").tobytes())
        for resource in self._seat_owned:
            resource.release()
        self._seat_drawn, self._seat_casters, self._seat_owned = [], [], []
        if seat is not None:
            buffer = self._context.buffer(seat.astype("f4").tobytes())
            drawn = self._context.vertex_array(self._programs[Layer.SEAT], [(buffer, *_SEAT)])
            caster = self._context.vertex_array(self._shadow_program, [(buffer, "3f 32x", "in_position")])
            self._seat_drawn, self._seat_casters = [(Layer.SEAT, drawn)], [(caster, WHOLE)]
            self._seat_owned = [drawn, caster, buffer]

    def casters(self) -> list[tuple[moderngl.VertexArray, int]]:
        """Return what throws a shadow."""
        return [*self._casters, *self._seat_casters]

    def draw(self, shadow_matrix: Floats) -> None:
        """Draw into the bound target; the person's shadow map is bound to `SHADOW_UNIT`."""
        self._everywhere({"person_light": shadow_matrix})
        for _, drawn in self._seat_drawn:
            drawn.render()
        for layer, drawn in self._drawn:
            if layer in _TWO_SIDED:
                self._context.disable(self._context.CULL_FACE)
            else:
                self._context.enable(self._context.CULL_FACE)
            drawn.render()
        self._context.disable(self._context.CULL_FACE)
