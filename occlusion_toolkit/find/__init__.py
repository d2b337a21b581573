"""Finds people in photographs, so that nobody has to draw a box."""

from occlusion_toolkit.find.people import find_people
from occlusion_toolkit.find.person import LANDMARKS, FoundPerson

__all__ = ["LANDMARKS", "FoundPerson", "find_people"]
