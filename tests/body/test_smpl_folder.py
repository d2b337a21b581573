"""Finding SMPL's files under the names they were published with."""

import logging

import pytest

from occlusion_toolkit.body.smpl_files import find_smpl_files
from occlusion_toolkit.errors import BodyModelError


def names(found):
    return {gender: [path.name for path in paths] for gender, paths in found.bodies.items()}


def test_original_names_are_known_in_upper_and_lower_case(tmp_path):
    published = {
        "neutral": "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
        "male": "basicmodel_m_lbs_10_207_0_v1.0.0.pkl",
        "female": "BASICMODEL_F_lbs_10_207_0_v1.1.0.PKL",
    }
    for name in (*published.values(), "j_regressor_H36M.npy", "J_regressor_extra.npy", "notes.txt"):
        (tmp_path / name).touch()
    found = find_smpl_files(tmp_path)
    assert names(found) == {gender: [name] for gender, name in published.items()}
    assert found.h36m_regressor == tmp_path / "j_regressor_H36M.npy"
    assert found.extra_regressor == tmp_path / "J_regressor_extra.npy"


@pytest.mark.parametrize(
    "name", ["SMPLX_MALE.pkl", "SMPLH_MALE.pkl", "SMPL_MALE.npz", "SMPL_MALE.pkl.bak", "._SMPL_MALE.pkl"]
)
def test_other_files_are_not_taken_for_bodies(tmp_path, name):
    (tmp_path / name).touch()
    assert not any(find_smpl_files(tmp_path).bodies.values())


def test_of_several_files_the_short_name_and_then_the_older_version_is_read(tmp_path, caplog):
    wanted = ["SMPL_MALE.pkl", *(f"basicmodel_m_lbs_10_207_0_v1.{minor}.0.pkl" for minor in (0, 1))]
    for name in reversed(wanted):
        (tmp_path / name).touch()
    found = find_smpl_files(tmp_path)
    assert names(found)["male"] == wanted
    with caplog.at_level(logging.WARNING):
        assert found.body("male").name == wanted[0]
    assert wanted[1] in caplog.text
    assert wanted[2] in caplog.text


@pytest.mark.parametrize("gender", ["neutral", "male", "female"])
def test_a_missing_body_says_where_to_get_it_and_where_to_put_it(tmp_path, gender):
    with pytest.raises(BodyModelError) as error:
        find_smpl_files(tmp_path).body(gender)
    for words in (
        gender,
        str(tmp_path),
        f"SMPL_{gender.upper()}.pkl",
        "smpl.is.tue.mpg.de",
        "non-commercial",
    ):
        assert words in str(error.value)


def test_a_missing_folder_and_a_file_in_its_place_are_errors(tmp_path):
    with pytest.raises(BodyModelError, match="no such file"):
        find_smpl_files(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(BodyModelError, match="not a directory"):
        find_smpl_files(tmp_path / "file")
