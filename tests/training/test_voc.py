from pathlib import Path

import numpy as np
import pytest
from support.training_files import write_voc

from occlusion_toolkit.errors import DatasetError, TrainingError
from occlusion_toolkit.training.recipe import SampleSettings, SyntheticOcclusion
from occlusion_toolkit.training.synthetic_occlusion import occluding_objects, with_objects_chosen
from occlusion_toolkit.training.voc import default_voc_folder, read_voc_cutouts

ANNOTATION = "VOCdevkit/VOC2012/Annotations/2007_000032.xml"


def test_only_whole_large_things_are_taken_at_half_size(tmp_path: Path) -> None:
    (dog,) = read_voc_cutouts(write_voc(tmp_path))
    assert dog.shape == (30, 20, 4)  # the person, the truncated and the small chair are left out
    assert np.abs(dog[15, 10, :3].astype(int) - (200, 40, 40)).max() < 12


def test_objects_fade_at_their_edge(tmp_path: Path) -> None:
    (dog,) = read_voc_cutouts(write_voc(tmp_path))
    alpha = dog[..., 3]
    assert alpha[15, 10] == 255
    assert (alpha[0] == 192).all()
    assert (alpha[:, 0] == 192).all()
    assert set(np.unique(alpha)) <= set(range(192, 256))


@pytest.mark.parametrize("place", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_the_folder_is_found_from_above(tmp_path: Path, place: str) -> None:
    assert len(read_voc_cutouts(write_voc(tmp_path) / place)) == 1


def test_missing_and_malformed_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="unpack VOCdevkit"):
        read_voc_cutouts(tmp_path)
    annotation = write_voc(tmp_path) / ANNOTATION
    text = annotation.read_text()
    annotation.write_text(text[:200])
    with pytest.raises(DatasetError, match="missing or malformed"):
        read_voc_cutouts(tmp_path)
    annotation.write_text(f'<!DOCTYPE a [<!ENTITY x "y">]>{text}')
    with pytest.raises(DatasetError, match="defines entities"):
        read_voc_cutouts(tmp_path)
    annotation.write_text(text.replace("dog", "person"))
    with pytest.raises(DatasetError, match="no usable object"):
        read_voc_cutouts(tmp_path)


def test_settings_choose_the_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    textures = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    assert occluding_objects(None, textures, None, 0) == []
    drawn = occluding_objects(SyntheticOcclusion(), textures, None, 0)
    assert len(drawn) > 100
    voc = occluding_objects(SyntheticOcclusion(objects="voc"), textures, write_voc(tmp_path), 0)
    assert len(voc) == 1
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    with pytest.raises(DatasetError, match="home/data/voc"):
        occluding_objects(SyntheticOcclusion(objects="voc"), textures, None, 0)


@pytest.mark.parametrize(("there", "chosen"), [(True, "voc"), (False, "drawn")])
def test_objects_of_voc_are_taken_where_they_are_and_drawn_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, chosen: str
) -> None:
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    if there:
        write_voc(default_voc_folder())
    settings = SampleSettings(occlusion=SyntheticOcclusion(objects="voc or drawn"))
    decided = with_objects_chosen(settings, None).occlusion
    assert decided is not None
    assert decided.objects == chosen
    with pytest.raises(DatasetError, match="Pascal VOC"):
        with_objects_chosen(settings, tmp_path / "elsewhere")
    with pytest.raises(TrainingError, match="undecided"):
        occluding_objects(settings.occlusion, np.zeros((1, 8, 8, 3), np.uint8), None, 0)
