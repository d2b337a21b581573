"""What is behind the person: a scene drawn once per camera, or a photograph, with the person's shadow on it.

A camera's view is kept as three maps: light that does not come from the sun, sunlight, and the place of each
pixel in the world. Laying them behind a frame is then one full-screen pass, however rich the scene.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.open_world.camera import Camera, sun_matrix
from occlusion_toolkit.open_world.opengl import ShadowMap, compile_program, set_uniforms
from occlusion_toolkit.open_world.rig import Floats
from occlusion_toolkit.open_world.scenes import Scene

if TYPE_CHECKING:
    import moderngl

SCALE = 1.5
"""Maps are larger than the image by this factor, which smooths the scene's edges."""

_SHADOW_SIDE = 1024
_SHADOW_RADIUS_M = 11.0
_SHADOW_CENTRE = np.array([0.0, 0.0, -2.0])
_FORMAT = "3f 3f 3f 1f 3f 3f 1f"
_NAMES = ("in_position", "in_normal", "in_local", "in_kind", "in_colour", "in_second", "in_frequency")
NOISE_UNIT, SHADOW_UNIT, STILL_UNIT, DIRECT_UNIT, PLACE_UNIT = range(5)
"""Texture units; every program of the renderer keeps to them."""


class Backdrop:
    """The scene's program and maps for images of `width` by `height` pixels."""

    def __init__(self, context: moderngl.Context, width: int, height: int) -> None:
        self._context = context
        self.size = (round(SCALE * width), round(SCALE * height))
        self._scene_program = compile_program(context, "scene.vert", ["lighting.glsl", "scene.frag"])
        self._screen_program = compile_program(context, "backdrop.vert", ["lighting.glsl", "backdrop.frag"])
        self._shadow = ShadowMap(context, _SHADOW_SIDE)
        self._still, self._direct = (context.texture(self.size, 4, dtype="f2") for _ in range(2))
        self._place = context.texture(self.size, 4, dtype="f4")
        self._place.filter = (context.NEAREST, context.NEAREST)
        maps = [self._still, self._direct, self._place]
        for texture in maps:
            texture.repeat_x = texture.repeat_y = False
        self._maps = context.framebuffer(maps, context.depth_renderbuffer(self.size))
        corners = context.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], dtype="f4").tobytes())
        self._screen = context.vertex_array(self._screen_program, [(corners, "2f", "in_corner")])
        self._scene: moderngl.VertexArray | None = None
        self._owned: list[moderngl.VertexArray | moderngl.Buffer] = []
        set_uniforms(self._scene_program, {"noise": NOISE_UNIT, "scene_depth": SHADOW_UNIT})
        units = {"still_map": STILL_UNIT, "direct_map": DIRECT_UNIT, "place_map": PLACE_UNIT}
        set_uniforms(self._screen_program, {**units, "person_depth": SHADOW_UNIT, "noise": NOISE_UNIT})
        self._exposure = 1.0

    def set_light(self, values: Mapping[str, object], exposure: float) -> None:
        """Use the uniforms of lighting.glsl for scenes to come."""
        self._exposure = exposure
        for program in (self._scene_program, self._screen_program):
            set_uniforms(program, values)

    def set_scene(self, scene: Scene, sun_direction: Floats) -> None:
        """Upload a scene's geometry and draw its shadows."""
        vertices, casting = scene.mesh.vertices()
        for resource in self._owned:
            resource.release()
        buffer = self._context.buffer(vertices.tobytes())
        self._scene = self._context.vertex_array(self._scene_program, [(buffer, _FORMAT, *_NAMES)])
        caster = self._context.vertex_array(self._shadow.program, [(buffer, "3f 56x", "in_position")])
        self._owned = [self._scene, caster, buffer]
        matrix = sun_matrix(sun_direction, _SHADOW_CENTRE, _SHADOW_RADIUS_M)
        self._shadow.draw(matrix, [(caster, casting)])
        air = {"horizon_colour": scene.horizon, "haze": scene.haze, "clouds": scene.clouds}
        set_uniforms(self._scene_program, {**air, "scene_light": matrix})

    def draw_scene(self, camera: Camera, blur: float) -> None:
        """Draw the maps for one camera; `blur` is the defocus as a mipmap level."""
        self._use_camera(camera)
        self._maps.use()
        self._context.viewport = (0, 0, *self.size)
        self._maps.clear(0.0, 0.0, 0.0, 0.0)
        self._shadow.use(SHADOW_UNIT)
        if self._scene is not None:
            self._scene.render()
        self._finish(blur, photograph=False)

    def use_photograph(self, camera: Camera, pixels: NDArray[np.uint8], blur: float) -> None:
        """Put a photograph (H, W, 3) of this backdrop's size behind the person instead of a scene.

        The tone curve is undone, so that the picture comes out as it was.
        """
        self._use_camera(camera)
        display = np.clip(pixels[::-1].astype(np.float32) / 255.0, 0.0, 0.99)
        radiance = np.ones((*display.shape[:2], 4), dtype=np.float16)
        radiance[..., :3] = 0.155 * display / (1.019 - display) / self._exposure
        self._still.write(radiance.tobytes())
        self._direct.write(np.zeros_like(radiance).tobytes())
        self._finish(blur, photograph=True)

    def _use_camera(self, camera: Camera) -> None:
        matrix = camera.view_projection()
        inverse = np.linalg.inv(matrix)
        values = {"view_projection": matrix, "inverse_view_projection": inverse, "eye": camera.position}
        for program in (self._scene_program, self._screen_program):
            set_uniforms(program, values)

    def _finish(self, blur: float, *, photograph: bool) -> None:
        linear, mipmapped = self._context.LINEAR, self._context.LINEAR_MIPMAP_LINEAR
        for texture in (self._still, self._direct):
            if blur > 0:
                texture.build_mipmaps()
            texture.filter = (mipmapped if blur > 0 else linear, linear)
        set_uniforms(self._screen_program, {"blur": float(blur), "photograph": int(photograph)})

    def lay(self, contacts: Floats, shadow_matrix: Floats) -> None:
        """Draw into the bound target, depth included, with the person's shadow and contact darkening.

        Args:
            contacts: (8, 4) centres and radii of spheres near the floor, in metres.
            shadow_matrix: of the person's shadow map, which is bound to `SHADOW_UNIT`.
        """
        for unit, texture in (
            (STILL_UNIT, self._still),
            (DIRECT_UNIT, self._direct),
            (PLACE_UNIT, self._place),
        ):
            texture.use(unit)
        set_uniforms(self._screen_program, {"person_light": shadow_matrix, "contacts": contacts})
        self._context.depth_func = "1"
        self._screen.render(self._context.TRIANGLE_STRIP)
        self._context.depth_func = "<"
