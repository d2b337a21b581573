"""Bodies: joint sets, parameters, the body model and the open body."""
