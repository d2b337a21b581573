"""By which protocol the paper measures that a model comes from, and what is chosen otherwise."""

import dataclasses

from occlusion_toolkit.body.joints import LSP14, JointSet
from occlusion_toolkit.data.protocol import EFT, PARE, SPIN, GenderRule, Protocol, PVEAlignment
from occlusion_toolkit.models.cards import ModelCard, RegressorCard


def paper_protocol(card: RegressorCard) -> Protocol:
    """The protocol of the paper that a model comes from; SPIN's for models of no paper.

    PARE's own HMR baselines are evaluated as PARE. The released files do not settle whether PARE's published
    numbers are of neutral or of gendered ground truth: measure both where it matters.
    """
    if not isinstance(card, ModelCard):
        return SPIN
    return dataclasses.replace(_of_network(card), crop_rule=card.preprocessing.reference_rule)


def _of_network(card: ModelCard) -> Protocol:
    network = card.network
    name = network.name if network.kind == "published" else network.kind
    if name.startswith("pare"):
        return PARE
    return EFT if card.camera == "scale-then-shift" else SPIN


def chosen_protocol(
    card: RegressorCard,
    joint_set: JointSet = LSP14,
    gender_rule: GenderRule | None = None,
    pve_alignment: PVEAlignment = "none",
) -> Protocol:
    """The protocol of a model's paper, with what is chosen otherwise; None leaves a rule to the paper."""
    papers = paper_protocol(card)
    return dataclasses.replace(
        papers,
        joint_set=joint_set,
        gender_rule=gender_rule or papers.gender_rule,
        pve_alignment=pve_alignment,
    )
