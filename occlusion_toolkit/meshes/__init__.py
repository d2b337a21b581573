"""Occlusion sensitivity meshes: the maps of a survey carried to the vertices of the body and pooled."""
