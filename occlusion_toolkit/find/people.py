"""Finds the people of a picture: detector, landmarks twice, and one entry for every person."""

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.find.candidates import Candidate, find_candidates
from occlusion_toolkit.find.person import FoundPerson, rectangle_around, square_around
from occlusion_toolkit.models.backbones.blazepose import BlazePose
from occlusion_toolkit.models.landmarks import MIN_PRESENCE, Landmarks, landmarks_at

_TILE_PRESENCE: Final = 0.99
_TILE_SCORE: Final = 0.9
"""Where only tiles show a place, either network must be as certain as this. Tiles show parts of large people
and much that is nobody, at certainties that people have too, but never both this high."""


def find_people(
    image: UInt8[np.ndarray, "height width 3"] | Path | str, *, network: BlazePose | None = None
) -> list[FoundPerson]:
    """The people in a picture, the largest first; an empty list where there is nobody.

    BlazePose's detector looks at the whole picture and at overlapping tiles of it, its landmark network at
    every place twice, the second time at the crop that follows from the first answer.

    Args:
        image: upright RGB, (H, W, 3), or the path of a photograph.
        network: the landmark network, BlazePose "full" by default.

    Raises:
        ImageError: the photograph is missing or damaged.
        CheckpointError: the weights are missing or of another version.

    Example:
        >>> [person] = find_people("examples/photo.jpg")
        >>> person.score > 0.5, person.landmarks_px.shape
        (True, (33, 2))
    """
    if not isinstance(image, np.ndarray):
        image = read_image(Path(image)).pixels
    height, width = image.shape[:2]
    candidates = find_candidates(image)
    first = landmarks_at(image, [(place.hips, place.top) for place in candidates], network)
    likely = [pair for pair in zip(candidates, first, strict=True) if _shows_person(*pair)]
    second = landmarks_at(image, [(answer.hips, answer.top) for _, answer in likely if answer], network)
    people = []
    for (place, _), answer in zip(likely, second, strict=True):
        if answer is not None and _shows_person(place, answer):
            person = _person(place.score * answer.presence, answer, height, width)
            people += [person] if person is not None else []
    return sorted(_one_entry_each(people), key=lambda person: -person.box.size)


def _shows_person(place: Candidate, answer: Landmarks | None) -> bool:
    if answer is None:
        return False
    doubtful = place.in_tile and place.score < _TILE_SCORE
    return answer.presence > (_TILE_PRESENCE if doubtful else MIN_PRESENCE)


def _person(score: float, answer: Landmarks, height: int, width: int) -> FoundPerson | None:
    box = square_around(answer.points_px, height, width)
    if box is None:
        return None
    rectangle = rectangle_around(answer.points_px, answer.silhouette_px)
    return FoundPerson(box, rectangle, score, answer.points_px, answer.visibility, answer.world_m)


def _one_entry_each(people: list[FoundPerson]) -> list[FoundPerson]:
    """The surest of the entries of each person."""
    kept: list[FoundPerson] = []
    for person in sorted(people, key=lambda person: -person.score):
        if not any(_same_person(person, other) for other in kept):
            kept.append(person)
    return kept


def _same_person(one: FoundPerson, other: FoundPerson) -> bool:
    """Whether most landmarks of two entries lie together, as seen from the size of the person."""
    apart = np.linalg.norm(one.landmarks_px - other.landmarks_px, axis=1)
    return bool(np.median(apart) < 0.15 * max(one.box.size, other.box.size))
