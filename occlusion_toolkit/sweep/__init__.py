"""Occluders over windows, windows over crops, and the engine that measures a regressor under all of them."""
