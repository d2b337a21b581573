"""The tiling 3D noise that all procedural materials read, with its gradient."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

SIZE = 64


@functools.cache
def noise_volume() -> NDArray[np.uint8]:
    """Return (64, 64, 64, 4) uint8: fractal noise, then its gradient along x, y and z around 128.

    Noise is filtered in the Fourier domain, to amplitudes of f^-2.6 between 2 and 24 cycles, so it tiles.
    The array is indexed z, y, x, as OpenGL reads 3D textures.
    """
    generator = np.random.default_rng(20240607)
    spectrum = np.fft.rfftn(generator.standard_normal((SIZE, SIZE, SIZE)))
    cycles = np.fft.fftfreq(SIZE) * SIZE
    kz, ky, kx = np.meshgrid(cycles, cycles, np.fft.rfftfreq(SIZE) * SIZE, indexing="ij")
    radius = np.sqrt(kx**2 + ky**2 + kz**2)
    gain = np.where((radius >= 2.0) & (radius <= 24.0), np.maximum(radius, 1.0) ** -2.6, 0.0)
    field = np.fft.irfftn(spectrum * gain, s=(SIZE, SIZE, SIZE), axes=(0, 1, 2))
    field = np.clip(0.5 + 0.17 * field / field.std(), 0.0, 1.0)
    gradients = [(np.roll(field, -1, axis) - np.roll(field, 1, axis)) for axis in (2, 1, 0)]
    channels = [field, *(np.clip(0.5 + 1.6 * gradient, 0.0, 1.0) for gradient in gradients)]
    return np.ascontiguousarray(np.round(255 * np.stack(channels, axis=-1)).astype(np.uint8))
