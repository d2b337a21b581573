"""Writes a folder of SMPL files in exactly the published format, with the synthetic body inside."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from occlusion_toolkit.body.arrays import GENDERS, Gender
from support.python2_pickler import chumpy_array, chumpy_node, old_csc_matrix, python2_pickle
from support.smpl_like_body import smpl_like_arrays

_ORIGINAL_NAMES = {
    "1.0.0": {
        "neutral": "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
        "male": "basicmodel_m_lbs_10_207_0_v1.0.0.pkl",
        "female": "basicModel_f_lbs_10_207_0_v1.0.0.pkl",
    },
    "1.1.0": {
        "neutral": "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
        "male": "basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
        "female": "basicmodel_f_lbs_10_207_0_v1.1.0.pkl",
    },
}
_NUM_BETAS = {"1.0.0": 10, "1.1.0": 300}


def write_smpl_folder(
    folder: Path,
    genders: Sequence[Gender] = GENDERS,
    version: Literal["1.0.0", "1.1.0"] = "1.0.0",
    *,
    renamed: bool = False,
    protocol: int = 2,
) -> Path:
    """Writes body files and regressors, about 40 MB per gender; returns the folder.

    Args:
        folder: made where it is missing.
        genders: bodies to write.
        version: "1.0.0" has 10 betas, "1.1.0" has 300.
        renamed: call the files SMPL_NEUTRAL.pkl and so on instead of by their original names.
        protocol: of the pickles; 0 is text and three times as large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for gender in genders:
        name = f"SMPL_{gender.upper()}.pkl" if renamed else _ORIGINAL_NAMES[version][gender]
        folder.joinpath(name).write_bytes(_body_file(gender, _NUM_BETAS[version], protocol))
    regressor = smpl_like_arrays().h36m_regressor
    np.save(folder / "J_regressor_h36m.npy", regressor)
    np.save(folder / "J_regressor_extra.npy", regressor[[4, 1, 8, 10, 0, 8, 7, 9, 10]])
    return folder


def shared_smpl_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of all genders, written once per test process: link to its files, never change them."""
    folder = factory.getbasetemp() / "shared-smpl"
    return folder if folder.is_dir() else write_smpl_folder(folder)


def smpl_content(gender: str = "neutral", num_betas: int = 10) -> dict[str, object]:
    """What the dictionary in a SMPL file holds: the neutral one as SMPLify saved it, with expressions."""
    arrays = smpl_like_arrays(gender, num_betas)
    parents = np.array(arrays.parents, dtype=np.int64)
    parents[0] = 2**32 - 1  # -1 as an unsigned number
    regressor = old_csc_matrix(arrays.joint_regressor)
    content: dict[str, object] = {
        "J": arrays.joint_regressor @ arrays.v_template,
        "J_regressor": regressor,
        "J_regressor_prior": regressor,
        "bs_style": "lbs",
        "bs_type": "lrotmin",
        "f": arrays.faces.astype(np.uint32),
        "kintree_table": np.stack([parents, np.arange(24)]).astype(np.uint32),
        "pose_training_info": {
            "gender": gender,
            "num_poses": 800,
            "source": "synthetic, f\xfcr Tests",
            "weights": [0.5, 2.0],
            "iterations": 10,
            "none": None,
        },
        "posedirs": arrays.posedirs,
        "shapedirs": chumpy_array(arrays.shapedirs),
        "v_template": arrays.v_template,
        "vert_sym_idxs": np.arange(len(arrays.v_template)),
        "weights": arrays.weights,
        "weights_prior": arrays.weights,
    }
    return content | _expressions(content) if gender == "neutral" else content


def _expressions(content: dict[str, object]) -> dict[str, object]:
    """The entries that SMPLify's neutral file keeps as chumpy expressions."""
    template = chumpy_array(np.asarray(content["v_template"]))
    betas = chumpy_array(np.zeros(10))
    offsets = chumpy_node("chumpy.ch_ops", "dot", a=content["shapedirs"], b=betas)
    shaped = chumpy_node("chumpy.ch_ops", "add", a=template, b=offsets)
    joints = chumpy_array(np.asarray(content["J"]).T)
    return {
        "v_template": template,
        "weights": chumpy_array(np.asarray(content["weights"])),
        "posedirs": chumpy_array(np.asarray(content["posedirs"])),
        "J": chumpy_node("chumpy.reordering", "transpose", a=joints, axes=None),
        "v_shaped": shaped,
        "v_posed": chumpy_node("chumpy.ch_ops", "add", a=shaped, b=chumpy_array(np.zeros((6890, 3)))),
        "betas": betas,
        "pose": chumpy_array(np.zeros(72)),
        "trans": chumpy_array(np.zeros(3)),
        "r": np.asarray(content["v_template"]),
    }


@functools.lru_cache(maxsize=3)
def _body_file(gender: str, num_betas: int, protocol: int) -> bytes:
    return python2_pickle(smpl_content(gender, num_betas), protocol)
