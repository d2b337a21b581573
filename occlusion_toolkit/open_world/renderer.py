"""Draws a dressed person in a scene with OpenGL on an EGL device; no display is needed."""

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from occlusion_toolkit.open_world.backdrop import NOISE_UNIT, SHADOW_UNIT, Backdrop
from occlusion_toolkit.open_world.camera import Camera, sun_matrix
from occlusion_toolkit.open_world.lighting import Lighting
from occlusion_toolkit.open_world.opengl import ShadowMap, open_context
from occlusion_toolkit.open_world.person import DressedPerson
from occlusion_toolkit.open_world.person_layers import PersonLayers
from occlusion_toolkit.open_world.rig import Floats
from occlusion_toolkit.open_world.scenes import Scene

NOISE_SIZE = 64


@functools.cache
def noise_volume() -> NDArray[np.uint8]:
    """Return (64, 64, 64, 4) uint8: fractal noise, then its gradient along x, y and z around 128.

    Noise is filtered in the Fourier domain, to amplitudes of f^-2.6 between 2 and 24 cycles, so it tiles.
    The array is indexed z, y, x, as OpenGL reads 3D textures.
    """
    generator = np.random.default_rng(20240607)
    spectrum = np.fft.rfftn(generator.standard_normal((NOISE_SIZE, NOISE_SIZE, NOISE_SIZE)))
    cycles = np.fft.fftfreq(NOISE_SIZE) * NOISE_SIZE
    kz, ky, kx = np.meshgrid(cycles, cycles, np.fft.rfftfreq(NOISE_SIZE) * NOISE_SIZE, indexing="ij")
    radius = np.sqrt(kx**2 + ky**2 + kz**2)
    gain = np.where((radius >= 2.0) & (radius <= 24.0), np.maximum(radius, 1.0) ** -2.6, 0.0)
    field = np.fft.irfftn(spectrum * gain, s=(NOISE_SIZE, NOISE_SIZE, NOISE_SIZE), axes=(0, 1, 2))
    field = np.clip(0.5 + 0.17 * field / field.std(), 0.0, 1.0)
    gradients = [(np.roll(field, -1, axis) - np.roll(field, 1, axis)) for axis in (2, 1, 0)]
    channels = [field, *(np.clip(0.5 + 1.6 * gradient, 0.0, 1.0) for gradient in gradients)]
    return np.ascontiguousarray(np.round(255 * np.stack(channels, axis=-1)).astype(np.uint8))


_SHADOW_SIDE = 384
_SHADOW_RADIUS_M = 1.6


@dataclass(frozen=True)
class PosedLayers:
    """One frame of a person, in world metres.

    Attributes:
        vertices: (N, 3) of all layers.
        normals: (N, 3), of any length.
        centre: (3,) that the shadow map is centred on.
        contacts: (8, 4) centres and radii of spheres that darken the floor.
        seat: (M, 11) triangles of a seat (see `seat_block`) or None.
    """

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    centre: Floats
    contacts: Floats
    seat: NDArray[np.float32] | None


def soften_silhouette(image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image (H, W, 3) with a one-pixel blur along the edges of the label map (H, W).

    It stands in for multisampling: with four samples a software rasteriser took 2.6 times as long.
    """
    edge = np.zeros(labels.shape, dtype=bool)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    soft = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(0.7)))
    return np.where(edge[..., None], soft, image)


class Renderer:
    """A renderer of images of one size; light, scene, camera and person are set first, then frames drawn.

    Raises:
        RenderingError: moderngl or an EGL driver is missing.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        context = self._context = open_context()
        context.enable(context.DEPTH_TEST)
        self._noise = context.texture3d((NOISE_SIZE, NOISE_SIZE, NOISE_SIZE), 4, noise_volume().tobytes())
        self._noise.repeat_x = self._noise.repeat_y = self._noise.repeat_z = True
        self._shadow = ShadowMap(context, _SHADOW_SIDE)
        self._backdrop = Backdrop(context, width, height)
        self._person = PersonLayers(context, self._shadow.program)
        size = (width, height)
        colours = [context.renderbuffer(size, 4), context.renderbuffer(size, 4)]
        self._target = context.framebuffer(colours, context.depth_renderbuffer(size))
        self._sun = np.array([0.0, 1.0, 0.0])

    @property
    def backdrop_size(self) -> tuple[int, int]:
        """Width and height in pixels that a photograph behind the person must have."""
        return self._backdrop.size

    def set_scene(self, scene: Scene, light: Lighting) -> None:
        """Use a scene and its light."""
        values = asdict(light)
        self._sun = light.sun_direction
        self._backdrop.set_light(values, light.exposure)
        self._person.set_light(values)
        self._backdrop.set_scene(scene, self._sun)

    def set_person(self, person: DressedPerson, uniforms: Mapping[str, object]) -> None:
        """Use a person; `uniforms` are those of person.frag that describe clothes and face."""
        self._person.set_person(person, uniforms)

    def set_camera(self, camera: Camera, photograph: NDArray[np.uint8] | None, blur: float) -> None:
        """Use a camera and draw what it sees behind the person.

        Args:
            camera: the camera.
            photograph: (H, W, 3) of `backdrop_size` to show instead of the scene, or None.
            blur: defocus of the backdrop as a mipmap level.
        """
        self._person.set_camera(camera)
        self._noise.use(NOISE_UNIT)
        if photograph is None:
            self._backdrop.draw_scene(camera, blur)
        else:
            self._backdrop.use_photograph(camera, photograph, blur)

    def draw_frame(self, posed: PosedLayers) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the image (height, width, 3) and the label map (height, width) of one frame."""
        self._person.move(posed.vertices, posed.normals, posed.seat)
        matrix = sun_matrix(self._sun, posed.centre, _SHADOW_RADIUS_M)
        self._shadow.draw(matrix, self._person.casters())
        self._shadow.use(SHADOW_UNIT)
        self._noise.use(NOISE_UNIT)
        self._target.use()
        self._context.viewport = (0, 0, self.width, self.height)
        self._target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._backdrop.lay(posed.contacts, matrix)
        self._person.draw(matrix)
        labels = np.ascontiguousarray(self._read(1)[..., 0])
        image = np.ascontiguousarray(self._read(0)[..., :3])
        return soften_silhouette(image, labels), labels

    def _read(self, attachment: int) -> NDArray[np.uint8]:
        raw = np.frombuffer(self._target.read(components=4, attachment=attachment), np.uint8)
        return raw.reshape(self.height, self.width, 4)[::-1]
