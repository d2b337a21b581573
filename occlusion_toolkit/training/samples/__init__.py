"""From annotated photographs to augmented samples: a pure function of a seed and a position in the run."""
