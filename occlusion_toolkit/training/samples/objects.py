"""The objects that SynthOcc pastes."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from occlusion_toolkit.errors import DatasetError, TrainingError
from occlusion_toolkit.training.occluders import Cutout, draw_cutouts
from occlusion_toolkit.training.samples.settings import SampleSettings, SyntheticOcclusion
from occlusion_toolkit.training.voc import HOW_TO_GET, default_voc_folder, read_voc_cutouts, voc_folder

_DRAWN = 512


def with_objects_chosen(settings: SampleSettings, voc_root: Path | None) -> SampleSettings:
    """The settings with "voc or drawn" decided by what is on this machine.

    Args:
        settings: how samples are augmented.
        voc_root: folder of Pascal VOC 2012; None for its default place, where it may be or not.

    Raises:
        DatasetError: a folder is given and has no objects.
    """
    occlusion = settings.occlusion
    if occlusion is None or occlusion.objects != "voc or drawn":
        return settings
    there = voc_folder(voc_root or default_voc_folder()) is not None
    if voc_root is not None and not there:
        raise DatasetError(f"there are no segmented objects of Pascal VOC in {str(voc_root)!r}. {HOW_TO_GET}")
    chosen = occlusion.model_copy(update={"objects": "voc" if there else "drawn"})
    return settings.model_copy(update={"occlusion": chosen})


def occluding_objects(
    occlusion: SyntheticOcclusion | None,
    textures: UInt8[np.ndarray, "pictures height width 3"],
    voc_root: Path | None,
    seed: int,
) -> list[Cutout]:
    """The library of objects that settings ask for; empty without SynthOcc.

    Args:
        occlusion: the settings.
        textures: pictures of which drawn objects take scraps.
        voc_root: folder of Pascal VOC 2012; None for its default place.
        seed: of drawn objects.

    Raises:
        DatasetError: objects of Pascal VOC are asked for and not there.
        TrainingError: the settings leave the choice open.
    """
    if occlusion is None:
        return []
    if occlusion.objects == "drawn":
        return draw_cutouts(_DRAWN, textures, seed)
    if occlusion.objects == "voc":
        return read_voc_cutouts(voc_root or default_voc_folder())
    raise TrainingError('"voc or drawn" is undecided: decide it first (with_objects_chosen)')
