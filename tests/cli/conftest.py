"""What command lines share: comparisons resample less often, and the shipped people are read once."""

from typing import Any

import pytest
from support.few_resamples import few_resamples
from support.tiny_card import write_tiny_card

from occlusion_toolkit.data import catalogue
from occlusion_toolkit.data.people import People

__all__ = ["few_resamples"]


@pytest.fixture(scope="session", autouse=True)
def _shipped_people_are_read_once():
    """They never change, and reading them takes longer than most commands."""
    opened = catalogue._opened
    held: dict[tuple[object, ...], People] = {}

    def once(name: str, root: object, *rest: Any) -> People:
        if name != "open" or root is not None:
            return opened(name, root, *rest)
        split, frame_filter, people_list, _trusted, skip_bad = rest
        key = (split, frame_filter, people_list, skip_bad)
        if key not in held:
            held[key] = opened(name, root, *rest)
        return held[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(catalogue, "_opened", once)
        yield


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """A tiny network of its own."""
    return write_tiny_card(tmp_path_factory.mktemp("card"))
