"""Synthetic people: the open body rendered with known pose, shape and camera into 3DPW's file layout."""
