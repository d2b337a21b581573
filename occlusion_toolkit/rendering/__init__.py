"""Bodies as pixels: cameras, a z-buffer, shading and overlays, without a graphics driver."""
