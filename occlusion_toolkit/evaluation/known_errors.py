"""What a model's card says about its errors on the very people that were measured."""

from collections.abc import Mapping

from occlusion_toolkit.data.catalogue import TEST_SEQUENCES
from occlusion_toolkit.data.people import EvenlySpaced, People
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.models.cards import ErrorFigure, RegressorCard
from occlusion_toolkit.sweep.protocol import ProtocolCard

_NAMES_ON_CARDS = {
    ("3dpw", "test"): "3DPW test",
    ("3dpw-occ", "all"): "3DPW-OCC",
    ("3doh", "test"): "3DOH test",
    ("open", "test"): "examples/open-test",
}


def known_errors(model: RegressorCard, people: People, card: ProtocolCard) -> Mapping[str, ErrorFigure]:
    """The figures of a model card that an evaluation can be compared with, by metric.

    They must be of clean images, of the whole data set, of the same joints, and PVE of vertices that are not
    aligned. Ground-truth gender and frames are not compared: publications do not always state them.

    Args:
        model: the model's card.
        people: who was measured.
        card: the rules that they were measured by.
    """
    name = _name_on_cards(people)
    if name is None:
        return {}
    return {
        figure.metric: figure
        for figure in model.errors
        if figure.dataset.startswith(name)
        and figure.condition == "clean"
        and (card.pve_alignment == "none" if figure.metric == "PVE" else figure.joints in card.joint_sets)
    }


def _name_on_cards(people: People) -> str | None:
    """How cards call a data set; None for a part of one, and for people that a user rendered."""
    if isinstance(people, EvenlySpaced) and people.left_out["not chosen"] > 0:
        return None
    if (people.dataset, people.split) == ("3dpw", "test"):
        if TEST_SEQUENCES - {frame.sequence for frame in people}:
            return None
    elif people.dataset == "open" and people.root.resolve() != shipped("open-test").resolve():
        return None
    return _NAMES_ON_CARDS.get((people.dataset, people.split))
