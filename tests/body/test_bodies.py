"""Bodies by topology and gender."""

import pytest
import torch
from support.body_fixtures import tpose
from support.smpl_files_writer import shared_smpl_folder

from occlusion_toolkit.body.arrays import GENDERS, SMPL_TOPOLOGY
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.errors import BodyModelError, UnsafeFileError


@pytest.fixture
def folder(tmp_path_factory, tmp_path):
    """A folder of SMPL's files, of which some can be taken away."""
    for path in shared_smpl_folder(tmp_path_factory).iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_the_open_body_stands_for_every_gender_and_needs_no_files(tmp_path):
    bodies = Bodies(tmp_path / "nowhere")
    loaded = [bodies.load(OPEN_BODY_TOPOLOGY, gender) for gender in GENDERS]
    assert loaded[0] is loaded[1] is loaded[2]
    assert loaded[0].topology == OPEN_BODY_TOPOLOGY


def test_a_body_is_read_once(folder):
    bodies = Bodies(folder)
    assert bodies.load(SMPL_TOPOLOGY) is bodies.load(SMPL_TOPOLOGY, "neutral")
    assert bodies.load(SMPL_TOPOLOGY, "female") is not bodies.load(SMPL_TOPOLOGY)


def test_a_missing_gender_does_not_stand_in_the_way_of_the_others(folder):
    (folder / "basicmodel_m_lbs_10_207_0_v1.0.0.pkl").unlink()
    bodies = Bodies(folder)
    assert bodies.load(SMPL_TOPOLOGY, "female").num_vertices == 6890
    with pytest.raises(BodyModelError, match="no male SMPL body"):
        bodies.load(SMPL_TOPOLOGY, "male")


def test_the_folder_is_smpl_in_the_toolkits_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    assert Bodies().smpl_dir == tmp_path / "smpl"
    with pytest.raises(BodyModelError, match=str(tmp_path / "smpl")):
        Bodies().load(SMPL_TOPOLOGY)


def test_an_unknown_body_is_an_error_that_names_the_known_ones():
    with pytest.raises(BodyModelError, match=rf"'smplx'.*'{OPEN_BODY_TOPOLOGY}' and 'smpl'"):
        Bodies().load("smplx")


def test_without_the_h36m_regressor_the_message_says_which_file_is_missing(folder):
    (folder / "J_regressor_h36m.npy").unlink()
    body = Bodies(folder).load(SMPL_TOPOLOGY)
    assert body.joints(tpose(), SMPL24).shape == torch.Size([1, 24, 3])
    with pytest.raises(BodyModelError, match=r"J_regressor_h36m.npy .*SPIN and PARE"):
        body.joints(tpose(), LSP14)


def test_a_broken_regressor_is_an_error_where_the_body_is_loaded(folder):
    (folder / "J_regressor_h36m.npy").unlink()
    (folder / "J_regressor_h36m.npy").write_bytes(b"html")
    with pytest.raises(UnsafeFileError, match=r"J_regressor_h36m.npy"):
        Bodies(folder).load(SMPL_TOPOLOGY)
