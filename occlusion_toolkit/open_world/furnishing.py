"""A scene under construction: its mesh, its random numbers, its colours, and parts of turned objects."""

import numpy as np

from occlusion_toolkit.open_world.palette import Palette, dimmed
from occlusion_toolkit.open_world.scene_mesh import Material, Point, SceneMesh, Surface


class Place:
    """Where things are put: one mesh, one generator, one palette."""

    def __init__(self, mesh: SceneMesh, generator: np.random.Generator, palette: Palette) -> None:
        self.mesh = mesh
        self.draw = generator
        self.palette = palette

    def wood(self) -> Material:
        """A wood material."""
        dark = self.palette.wood()
        return Material(Surface.WOOD, dark, dimmed(dark, 0.55), float(self.draw.uniform(0.6, 2.0)))

    def cloth(self) -> Material:
        """An upholstery material."""
        surface = Surface.CLOTH if self.draw.random() < 0.4 else Surface.PAINT
        first, second = self.palette.any(0.2, 0.85), self.palette.any(0.2, 0.85)
        return Material(surface, first, second, float(self.draw.uniform(4, 25)))

    def solid(self) -> Material:
        """Wood or paint."""
        return self.wood() if self.draw.random() < 0.5 else self.paint(0.1, 0.9)

    def paint(self, low: float = 0.1, high: float = 0.9) -> Material:
        """Paint of any colour of value `low`..`high`."""
        return Material(Surface.PAINT, self.palette.any(low, high))

    def grey(self, low: float, high: float) -> Material:
        """Neutral paint."""
        return Material(Surface.PAINT, self.palette.grey(low, high))

    def leaves(self) -> Material:
        """Foliage."""
        return Material(Surface.FOLIAGE, self.palette.leaf(), self.palette.leaf())

    def sign(self) -> float:
        """Left or right: -1 or 1."""
        return 1.0 if self.draw.random() < 0.5 else -1.0


class Turned:
    """Adds parts of one object that stands at (x, z) on the floor, turned by `yaw` about the vertical.

    Parts are placed by their centre (sideways, level, forwards) in the object's own axes, in metres.
    """

    def __init__(self, place: Place, x: float, z: float, yaw: float, *, casts: bool = True) -> None:
        self._mesh = place.mesh
        self._x, self._z, self._yaw, self._casts = x, z, yaw, casts

    def _spot(self, offset: Point) -> Point:
        sideways, level, forwards = offset
        cosine, sine = float(np.cos(self._yaw)), float(np.sin(self._yaw))
        x = self._x + sideways * cosine + forwards * sine
        return x, level, self._z - sideways * sine + forwards * cosine

    def box(self, offset: Point, size: Point, material: Material, *, turn: float | None = None) -> None:
        """Add a box; `turn` overrides the object's yaw."""
        yaw = self._yaw if turn is None else turn
        self._mesh.box(self._spot(offset), size, material, yaw=yaw, casts=self._casts)

    def ball(self, offset: Point, size: Point, material: Material) -> None:
        """Add an ellipsoid."""
        self._mesh.ball(self._spot(offset), size, material, casts=self._casts)

    def cylinder(self, offset: Point, size: Point, material: Material) -> None:
        """Add an upright cylinder."""
        self._mesh.cylinder(self._spot(offset), size, material, casts=self._casts)
