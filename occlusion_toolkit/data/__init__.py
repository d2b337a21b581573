"""Photographs and data sets in, crops and ground truth out."""
