"""The data sets that networks are trained on: what belongs to each, and where users get it."""

from dataclasses import dataclass
from pathlib import Path

import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.eft import read_eft
from occlusion_toolkit.data.published_list import read_npz
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import DatasetError, TrainingError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.training.bodies import TrainingBodies, table_of_people, with_body_joints
from occlusion_toolkit.training.part_labels import PartLabelStore, prepare_part_labels
from occlusion_toolkit.training.processes import Progress

_EFT = (
    "EFT's fits are fetched by scripts/download_eft.sh of https://github.com/facebookresearch/eft, "
    "CC BY-NC 4.0"
)
_PARE = "PARE's lists are in the archive that prepare_data.sh of https://github.com/mkocabas/PARE fetches"
_SPIN = "SPIN's lists are in the archive that fetch_data.sh of https://github.com/nkolot/SPIN fetches"


@dataclass(frozen=True)
class TrainingSetFiles:
    """What a training set consists of.

    Attributes:
        name: how recipes call it.
        folder: its default place below the folder of data sets.
        lists: names of annotation files, of which the first that is there is read; none for 3DPW's layout.
        image_folders: folders in which images are looked for besides the one that a list names.
        contents: what has to be in the folder.
        how_to_get: addresses and licences.
    """

    name: str
    folder: str
    lists: tuple[str, ...]
    image_folders: tuple[str, ...]
    contents: str
    how_to_get: str


_SETS = (
    TrainingSetFiles(
        name="coco-eft",
        folder="coco-eft",
        lists=("COCO2014-All-ver01.json", "coco_2014_train_eft.npz", "COCO2014-Part-ver01.json"),
        image_folders=("train2014",),
        contents="train2014/*.jpg, and COCO2014-All-ver01.json or coco_2014_train_eft.npz (without either: "
        "COCO2014-Part-ver01.json, a third of the people)",
        how_to_get=f"images: train2014.zip of https://cocodataset.org (terms of Flickr); {_EFT}; {_PARE}",
    ),
    TrainingSetFiles(
        name="mpii-eft",
        folder="mpii-eft",
        lists=("MPII_ver01.json", "mpii_train_eft.npz"),
        image_folders=("images",),
        contents="images/*.jpg, and MPII_ver01.json or mpii_train_eft.npz",
        how_to_get=f"images: http://human-pose.mpi-inf.mpg.de (own licence, research); {_EFT}; {_PARE}",
    ),
    TrainingSetFiles(
        name="lspet-eft",
        folder="lspet-eft",
        lists=("LSPet_train_ver10.json", "LSPet_ver01.json", "hr-lspet_train_eft.npz"),
        image_folders=("images", "."),
        contents="the images of hr-lspet.zip, and LSPet_train_ver10.json (or the older "
        "LSPet_ver01.json) or hr-lspet_train_eft.npz",
        how_to_get=f"images: https://sam.johnson.io/research/lspet.html (research); {_EFT}; {_PARE}",
    ),
    TrainingSetFiles(
        name="mpi-inf-3dhp",
        folder="mpi-inf-3dhp",
        lists=("mpi_inf_3dhp_train.npz",),
        image_folders=(),
        contents="S1 to S8 with their frames as images (S1/Seq1/imageFrames/video_0/frame_000001.jpg), and "
        "mpi_inf_3dhp_train.npz",
        how_to_get=f"https://vcai.mpi-inf.mpg.de/3dhp-dataset (own licence, research); {_SPIN}",
    ),
    TrainingSetFiles(
        name="h36m",
        folder="h36m",
        lists=("h36m_train_scaled_wo_S1.npz", "h36m_train.npz"),
        image_folders=("images",),
        contents="images/S1_Directions.54138969_000001.jpg and so on, and h36m_train.npz",
        how_to_get="http://vision.imar.ro/human3.6m (own licence, registration); the list comes from SPIN's "
        "preparation script of https://github.com/nkolot/SPIN; bodies (MoSh) are not distributed, so there "
        "are joints only",
    ),
    TrainingSetFiles(
        name="3dpw-train",
        folder="3dpw",
        lists=(),
        image_folders=(),
        contents="sequenceFiles/train/*.pkl and imageFiles/",
        how_to_get="https://virtualhumans.mpi-inf.mpg.de/3DPW (own licence, research)",
    ),
    TrainingSetFiles(
        name="synthetic",
        folder="synthetic",
        lists=(),
        image_folders=(),
        contents="sequenceFiles/train/*.pkl, imageFiles/ and partFiles/",
        how_to_get="made by `occlusion-toolkit synthesize --split train` (CC0-1.0)",
    ),
)

TRAINING_SETS: tuple[str, ...] = tuple(files.name for files in _SETS)
"""Names of the training sets."""


def training_set(name: str) -> TrainingSetFiles:
    """What belongs to a training set.

    Raises:
        TrainingError: there is none of that name.
    """
    for files in _SETS:
        if files.name == name:
            return files
    raise TrainingError(f"there is no training set {name!r}; there are: {', '.join(TRAINING_SETS)}")


def default_folder(name: str) -> Path:
    """Where a training set is looked for by default."""
    return toolkit_home() / "data" / training_set(name).folder


@dataclass(frozen=True)
class AnnotatedPeople:
    """A published training set, ready to make samples of.

    Attributes:
        name: how recipes call it.
        table: the annotations; who has a body has 3D joints.
        labels: part labels, where they were asked for.
    """

    name: str
    table: AnnotationTable
    labels: PartLabelStore | None


def open_training_set(
    name: str,
    root: Path,
    bodies: Bodies,
    topology: str,
    *,
    cache: Path,
    parts: bool = True,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> AnnotatedPeople:
    """Opens a published training set; part labels that are not there yet are rendered first.

    Args:
        name: one of `TRAINING_SETS` other than "synthetic", which is taken in by `training.ingest`.
        root: its folder.
        bodies: reads the bodies.
        topology: the body of the network that is trained.
        cache: folder for part labels.
        parts: whether part labels are needed.
        device: where part labels are rendered; None for the first GPU, or the CPU where there is none.
        progress: called with the people whose labels are rendered and their number.

    Raises:
        TrainingError: there is no such set.
        DatasetError: the set is missing, malformed or of another body; the message says what to do.
        UnsafeFileError: a file asks for more than plain data.
        BodyModelError: files of the body are missing.
    """
    table = read_annotations(name, root)
    own = TrainingBodies(bodies, topology)
    if table is None:
        people = ThreeDPW(root, "train", dataset=name)
        if people.topology != topology:
            raise DatasetError(f"{str(root)!r} is of body {people.topology!r}, the network of {topology!r}")
        table = table_of_people(people, own)
    else:
        table = with_body_joints(table, own)
    labels = None
    if parts and table.has_smpl.any():
        device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        labels = prepare_part_labels(table, own, cache / name, device, progress)
    return AnnotatedPeople(name, table, labels)


def read_annotations(name: str, root: Path) -> AnnotationTable | None:
    """Reads the list of a published set; None for 3DPW, which has another layout.

    Raises:
        TrainingError: there is no such set, or it is the synthetic one.
        DatasetError: the list or images are missing, or malformed.
        UnsafeFileError: a file is damaged or asks for more than plain data.
    """
    files = training_set(name)
    if name == "synthetic":
        raise TrainingError("the synthetic set has no list; it is taken into a crops cache")
    if not files.lists:
        return None
    path = annotation_file(files, root)
    if path is None:
        raise DatasetError(
            f"{name} is not in {str(root)!r}, which needs {files.contents}. {files.how_to_get}. "
            f"Or give its folder (--data {name}=DIR)"
        )
    folder = ImageFolder(root, files.image_folders)
    return read_eft(path, folder) if path.suffix == ".json" else read_npz(path, folder)


def annotation_file(files: TrainingSetFiles, root: Path) -> Path | None:
    """The list of a set that is read; None where there is none."""
    return next((path for name in files.lists if (path := root / name).is_file()), None)
