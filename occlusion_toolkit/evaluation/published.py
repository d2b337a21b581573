"""What others state of the same people: Tables 1 and 2 of PARE (ICCV 2021), and the models' own cards."""

from collections.abc import Mapping
from dataclasses import dataclass

from occlusion_toolkit.data.catalogue import TEST_SEQUENCES
from occlusion_toolkit.data.people import EvenlySpaced, People
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
        rows: methods in the order of the table.
    """

    dataset: str
    split: str
    source: str
    rows: tuple[PublishedErrors, ...]


# PVE of the lines from Pose2Mesh to HMR-EFT was not legible in the copy these were taken from: left out.
_3DPW = PublishedTable(
    "3dpw",
    "test",
    "PARE, Table 1",
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
        and (card.pve_alignment == "none" if figure.metric == "PVE" else figure.joints == card.joint_set)
    }


def _name_on_cards(people: People) -> str | None:
    """How cards call a data set; None for a part of one, and for people that a user rendered."""
    if isinstance(people, EvenlySpaced) and people.left_out["not chosen"] > 0:
        return None
    if (people.dataset, people.split) == ("3dpw", "test"):
        if TEST_SEQUENCES - {sample.sequence for sample in people}:
            return None
    elif people.dataset == "open" and people.root.resolve() != shipped("open-test").resolve():
        return None
    return _NAMES_ON_CARDS.get((people.dataset, people.split))
