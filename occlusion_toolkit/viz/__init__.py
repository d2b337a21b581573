"""Figures from plain arrays: per-joint heatmaps and the summary of a sweep."""
