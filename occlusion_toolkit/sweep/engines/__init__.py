"""How windows are answered: by the whole network on painted crops, or by what a window changes alone."""
