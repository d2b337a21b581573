"""Recipes of studies: the figures and tables of the paper, as data."""
