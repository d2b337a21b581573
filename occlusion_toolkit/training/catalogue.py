"""The data sets that networks are trained on: what belongs to each, and where users get it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.eft import read_eft
from occlusion_toolkit.data.published_list import read_npz
from occlusion_toolkit.data.threedoh import read_threedoh_training
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import DatasetError, TrainingError, UsageError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.training.bodies import TrainingBodies, table_of_people, with_body_joints
from occlusion_toolkit.training.voc import VOC

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
        lists: names of annotation files, of which the first that is there is read; none for 3DPW's layout.
        image_folders: folders in which images are looked for besides the one that a list names.
        contents: what has to be in the folder.
        how_to_get: addresses and licences.
        folder: its default place below the folder of data sets, where that is not its name.
    """

    name: str
    lists: tuple[str, ...]
    image_folders: tuple[str, ...]
    contents: str
    how_to_get: str
    folder: str = ""


_SETS = (
    TrainingSetFiles(
        name="coco-eft",
        lists=("COCO2014-All-ver01.json", "coco_2014_train_eft.npz", "COCO2014-Part-ver01.json"),
        image_folders=("train2014",),
        contents="train2014/*.jpg, and COCO2014-All-ver01.json or coco_2014_train_eft.npz (without either: "
        "COCO2014-Part-ver01.json, a third of the people)",
        how_to_get=f"Images: train2014.zip of https://cocodataset.org (terms of Flickr); {_EFT}; {_PARE}",
    ),
    TrainingSetFiles(
        name="mpii-eft",
        lists=("MPII_ver01.json", "mpii_train_eft.npz"),
        image_folders=("images",),
        contents="images/*.jpg, and MPII_ver01.json or mpii_train_eft.npz",
        how_to_get=f"Images: http://human-pose.mpi-inf.mpg.de (own licence, research); {_EFT}; {_PARE}",
    ),
    TrainingSetFiles(
        name="lspet-eft",
        # PARE's list was made of LSPet_ver01.json; the other is a later fit of EFT's.
        lists=("LSPet_ver01.json", "hr-lspet_train_eft.npz", "LSPet_train_ver10.json"),
        image_folders=("images", "."),
        contents="the images of hr-lspet.zip, and LSPet_ver01.json, which PARE's list was made of, or that "
        "list, hr-lspet_train_eft.npz (without either: LSPet_train_ver10.json)",
        how_to_get=f"Images: https://sam.johnson.io/research/lspet.html (research); {_EFT}; {_PARE}",
    ),
    TrainingSetFiles(
        name="mpi-inf-3dhp",
        lists=("mpi_inf_3dhp_train.npz",),
        image_folders=(),
        contents="S1 to S8 with their frames as images (S1/Seq1/imageFrames/video_0/frame_000001.jpg), and "
        "mpi_inf_3dhp_train.npz",
        how_to_get=f"From https://vcai.mpi-inf.mpg.de/3dhp-dataset (own licence, research); {_SPIN}",
    ),
    TrainingSetFiles(
        name="h36m",
        lists=("h36m_train_scaled_wo_S1.npz", "h36m_train.npz"),
        image_folders=("images",),
        contents="images/S1_Directions.54138969_000001.jpg and so on, and h36m_train.npz",
        how_to_get="From http://vision.imar.ro/human3.6m (own licence, registration); the list comes from "
        "SPIN's preparation script of https://github.com/nkolot/SPIN; bodies (MoSh) are not distributed, so "
        "there are joints only",
    ),
    TrainingSetFiles(
        name="3doh-train",
        folder="3doh",
        lists=("3doh_train.npz", "trainset/annots.json", "train/annots.json"),
        image_folders=("trainset/images", "train/images"),
        contents="trainset/images/*.jpg, and trainset/annots.json or 3doh_train.npz",
        how_to_get="From https://www.yangangwang.com/papers/ZHANG-OOH-2020-03.html (research); PARE's list "
        "is what its preparation makes of annots.json",
    ),
    TrainingSetFiles(
        name="3dpw-train",
        folder="3dpw",
        lists=(),
        image_folders=(),
        contents="sequenceFiles/train/*.pkl and imageFiles/",
        how_to_get="From https://virtualhumans.mpi-inf.mpg.de/3DPW (own licence, research)",
    ),
    TrainingSetFiles(
        name="synthetic",
        lists=(),
        image_folders=(),
        contents="sequenceFiles/train/*.pkl, imageFiles/ and partFiles/",
        how_to_get="Make it with `occlusion-toolkit synthesize --split train` (CC0-1.0)",
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
    return toolkit_home() / "data" / (training_set(name).folder or name)


def data_folders(data: Mapping[str, Path] | Path | str | None, names: Sequence[str]) -> dict[str, Path]:
    """Where data sets are, other than in their default places, by name.

    Args:
        data: folders by name, or the folder of the first of the names.
        names: data sets of the recipe; "voc" may be among the folders besides.

    Raises:
        UsageError: a name is not in the recipe, or there is no such folder.
    """
    if isinstance(data, (str, Path)):
        data = {names[0]: Path(data)}
    for name, folder in (data or {}).items():
        if name not in (*names, VOC):
            raise UsageError(f"the recipe has no data set {name!r}; it has {', '.join(names)}")
        if not folder.is_dir():
            raise UsageError(f"there is no folder {str(folder)!r}")
    return dict(data or {})


def require_files(name: str, root: Path) -> Path | None:
    """The list of a training set that is read; None for sets in 3DPW's layout, which have none.

    Raises:
        TrainingError: there is no such set.
        DatasetError: it is not there; the message says what belongs there and where to get it.
    """
    files = training_set(name)
    lists = [path for file in files.lists if (path := root / file).is_file()]
    if not lists and (files.lists or not any((root / "sequenceFiles" / "train").glob("*.pkl"))):
        raise DatasetError(
            f"{name} is not in {str(root)!r}, which needs {files.contents}. {files.how_to_get}. "
            f"Or give its folder (--data {name}=DIR)"
        )
    return lists[0] if lists else None


def read_list(name: str, path: Path, root: Path) -> AnnotationTable:
    """Reads the list of a published set.

    Raises:
        DatasetError: the list or images are missing, or malformed.
        UnsafeFileError: a file is damaged or asks for more than plain data.
    """
    folder = ImageFolder(root, training_set(name).image_folders)
    if path.name == "annots.json":
        return read_threedoh_training(path, folder)
    return read_eft(path, folder) if path.suffix == ".json" else read_npz(path, folder)


def read_training_set(name: str, root: Path, bodies: TrainingBodies) -> AnnotationTable:
    """Reads the annotations of a published training set; whoever has a body has 3D joints.

    Raises:
        TrainingError: there is no such set.
        DatasetError: the set is missing, malformed or of another body; the message says what to do.
        UnsafeFileError: a file asks for more than plain data.
        BodyModelError: files of the body are missing.
    """
    path = require_files(name, root)
    if path is not None:
        return with_body_joints(read_list(name, path, root), bodies)
    people = ThreeDPW(root, "train", dataset=name)
    if people.topology != bodies.topology:
        raise DatasetError(
            f"{str(root)!r} is of body {people.topology!r}, the network of {bodies.topology!r}"
        )
    return table_of_people(people, bodies)
