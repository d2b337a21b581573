"""Annotations to train with: every published form becomes one table of arrays."""
