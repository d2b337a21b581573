"""The protocol card of an evaluation, and in which rules several differ."""

from collections.abc import Sequence

from occlusion_toolkit.data.people import BAD, People
from occlusion_toolkit.data.protocol import DATASET_BOX, Protocol, described_crop
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.measure import METRICS
from occlusion_toolkit.sweep.protocol import ProtocolCard


def protocol_card(
    regressor: LoadedRegressor,
    people: People,
    protocol: Protocol,
    metrics: tuple[str, ...] = tuple(METRICS),
    trusted_files: tuple[str, ...] = (),
) -> ProtocolCard:
    """Everything that decides what the errors of a regressor on some people mean.

    Args:
        regressor: the network and its card.
        people: who is measured.
        protocol: the rules.
        metrics: names of the distances that are measured.
        trusted_files: what was opened although it may run code (`TrustedFiles.recorded`).
    """
    return ProtocolCard(
        analysis="evaluate",
        metrics=metrics,
        model_card=regressor.card.name,
        weights_sha256=regressor.weights_sha256,
        body=regressor.card.body,
        joint_set=protocol.joint_set.name,
        crop_rule=described_crop(DATASET_BOX, protocol.crop_rule),
        own_crop=regressor.own_crop,
        grid=None,
        occluder=None,
        dataset=people.dataset,
        split=people.split,
        ground_truth_body=people.topology,
        gender_rule=protocol.described_genders(people.topology),
        frame_filter=people.frame_filter,
        skipped=people.left_out.get(BAD, 0),
        pve_alignment=None if regressor.has_joints_alone else protocol.pve_alignment,
        people_sha256=people.fingerprint,
        trusted_files=trusted_files,
    )


def differing_rules(cards: Sequence[ProtocolCard]) -> list[str]:
    """One line for each model that is not measured by the rules of the first; empty where all are."""
    return [
        f"{cards[0].model_card} and {card.model_card} are measured by different rules, each by its paper's "
        f"({'; '.join(differences)}); options make them the same"
        for card in cards[1:]
        if (differences := cards[0].differences(card))
    ]
