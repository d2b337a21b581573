"""The interactive page of a comparison: one file that works without a network."""
