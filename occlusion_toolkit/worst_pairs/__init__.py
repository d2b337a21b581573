"""Worst pair: the two squares that together do most harm, against one square of the same area."""
