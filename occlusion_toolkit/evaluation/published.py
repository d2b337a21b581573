"""What others state of the same people: Tables 1 and 2 of PARE (ICCV 2021), and the models' own cards."""

from collections.abc import Mapping
from dataclasses import dataclass

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.data.catalogue import TEST_SEQUENCES
from occlusion_toolkit.data.people import BAD, EvenlySpaced, People
from occlusion_toolkit.data.protocol import DATASET_BOX, described_crop, gender_rule_of
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.models.cards import ErrorFigure, RegressorCard
from occlusion_toolkit.sweep.protocol import ProtocolCard

_NAMES_ON_CARDS = {
    ("3dpw", "test"): "3DPW test",
    ("3dpw-occ", "all"): "3DPW-OCC",
    ("3doh", "test"): "3DOH test",
    ("open", "test"): "examples/open-test-2",
}


@dataclass(frozen=True)
class PublishedErrors:
    """One line of a table; millimetres, None where the table has no number."""

    method: str
    mpjpe_mm: float | None
    pa_mpjpe_mm: float | None
    pve_mm: float | None = None

    def by_title(self) -> dict[str, float | None]:
        """The numbers by the titles of a table's columns."""
        return {"MPJPE": self.mpjpe_mm, "PA-MPJPE": self.pa_mpjpe_mm, "PVE": self.pve_mm}


@dataclass(frozen=True)
class PublishedTable:
    """What a table says about one data set; joints are LSP14, vertices are not aligned.

    Attributes:
        dataset: id of the data set.
        split: its split.
        source: the publication and the number of the table.
        protocol: by which rules it was measured, as far as that is known.
        rows: methods in the order of the table.
    """

    dataset: str
    split: str
    source: str
    protocol: str
    rows: tuple[PublishedErrors, ...]


# PVE of the lines from Pose2Mesh to HMR-EFT was not legible in the copy these were taken from: left out.
_3DPW = PublishedTable(
    "3dpw",
    "test",
    "PARE, Table 1",
    "each method by its own evaluation; PARE's rows by PARE's, whose public default is neutral ground truth; "
    "the paper states neither",
    (
        PublishedErrors("HMMR (temporal)", 116.5, 72.6),
        PublishedErrors("Doersch et al. (temporal)", None, 74.7),
        PublishedErrors("Sun et al. (temporal)", None, 69.5),
        PublishedErrors("VIBE (temporal)", 93.5, 56.5, 113.4),
        PublishedErrors("MEVA (temporal)", 86.9, 54.7),
        PublishedErrors("Pose2Mesh (multi-stage)", 89.2, 58.9),
        PublishedErrors("Zanfir et al. (multi-stage)", 90.0, 57.1),
        PublishedErrors("I2L-MeshNet (multi-stage)", 93.2, 58.6),
        PublishedErrors("LearnedGD (multi-stage)", None, 56.4),
        PublishedErrors("HMR", 130.0, 76.7),
        PublishedErrors("CMR", None, 70.2),
        PublishedErrors("SPIN", 96.9, 59.2),
        PublishedErrors("HMR-EFT", None, 54.2),
        PublishedErrors("PARE (ResNet-50)", 82.9, 52.3, 99.7),
        PublishedErrors("PARE (HRNet-W32)", 82.0, 50.9, 97.9),
        PublishedErrors("PARE (HRNet-W32) with 3DPW", 74.5, 46.5, 88.6),
    ),
)

# All but SPIN were trained on COCO, Human3.6M and 3DOH for this table; these networks were not released.
_3DPW_OCC = PublishedTable(
    "3dpw-occ",
    "all",
    "PARE, Table 2",
    "by PARE's evaluation, whose public default is neutral ground truth; the paper does not state it",
    (
        PublishedErrors("Zhang et al.", None, 72.2),
        PublishedErrors("SPIN", 95.6, 60.8, 121.6),
        PublishedErrors("HMR-EFT, retrained", 94.4, 60.9, 111.3),
        PublishedErrors("PARE (ResNet-50), retrained", 90.5, 56.6, 107.9),
    ),
)

_3DOH = PublishedTable(
    "3doh",
    "test",
    "PARE, Table 2",
    "by PARE's evaluation; the ground truth of 3DOH is neutral",
    (
        PublishedErrors("Zhang et al.", None, 58.5),
        PublishedErrors("SPIN", 104.3, 68.3),
        PublishedErrors("HMR-EFT, retrained", 75.2, 53.1),
        PublishedErrors("PARE (ResNet-50), retrained", 63.3, 44.3),
    ),
)

PUBLISHED_TABLES = (_3DPW, _3DPW_OCC, _3DOH)


def published_table(people: People) -> PublishedTable | None:
    """The table of a data set and split, or None where the paper has none."""
    for table in PUBLISHED_TABLES:
        if (table.dataset, table.split) == (people.dataset, people.split):
            return table
    return None


def known_errors(model: RegressorCard, people: People, card: ProtocolCard) -> Mapping[str, ErrorFigure]:
    """The figures of a model card that an evaluation can be compared with, by metric.

    They must be of clean images, of the whole data set, and every line of their protocol must be that of the
    evaluation: joints, alignment of vertices, body of the ground truth, frames, crops.

    Args:
        model: the model's card.
        people: who was measured.
        card: the rules that they were measured by.
    """
    return {
        figure.metric: figure
        for figure in _of_these_people(model, people)
        if not _differences(figure, people, card)
    }


def other_errors(model: RegressorCard, people: People, card: ProtocolCard) -> Mapping[str, str]:
    """The figures of a model card of the same people by another protocol: how they were measured, in a line.

    Args:
        model: the model's card.
        people: who was measured.
        card: the rules that they were measured by.

    Returns:
        Lines by metric.
    """
    return {
        figure.metric: f"{figure.value_mm:.1f} mm, {figure.origin} ({figure.reference}; {figure.protocol}), "
        f"is not compared: other {' and '.join(differences)}"
        for figure in _of_these_people(model, people)
        if (differences := _differences(figure, people, card))
    }


def _of_these_people(model: RegressorCard, people: People) -> list[ErrorFigure]:
    """The figures of a data set that are of clean images; none unless all of the data set is measured."""
    name = _name_on_cards(people)
    if name is None:
        return []
    return [
        figure for figure in model.errors if figure.dataset.startswith(name) and figure.condition == "clean"
    ]


def _differences(figure: ErrorFigure, people: People, card: ProtocolCard) -> list[str]:
    """In which lines of the protocol a figure differs, or does not say."""
    found = []
    if figure.metric == "PVE":
        found += ["alignment of vertices"] if card.pve_alignment != "none" else []
    elif figure.joints != card.joint_set:
        found.append("joints")
    if people.topology != SMPL_TOPOLOGY:
        return found  # the other lines are of published data sets
    if people.dataset != "3doh" and figure.gender_rule != gender_rule_of(card.gender_rule):
        found.append("body of the ground truth")  # 3DOH's is neutral by either rule
    if people.dataset == "3dpw" and figure.frames != card.frame_filter:
        found.append("frames")
    if figure.crop_rule is None or described_crop(DATASET_BOX, figure.crop_rule) != card.crop_rule:
        found.append("crops")
    return found


def _name_on_cards(people: People) -> str | None:
    """How cards call a data set; None for a part of one, and for people that a user rendered."""
    if isinstance(people, EvenlySpaced) and people.left_out["not chosen"] > 0:
        return None
    if people.left_out.get(BAD, 0) > 0:
        return None
    if (people.dataset, people.split) == ("3dpw", "test"):
        if TEST_SEQUENCES - {sample.sequence for sample in people}:
            return None
    elif people.dataset == "open" and people.root.resolve() != shipped("open-test").resolve():
        return None
    return _NAMES_ON_CARDS.get((people.dataset, people.split))
