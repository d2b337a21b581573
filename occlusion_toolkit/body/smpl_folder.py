"""Which of SMPL's files a folder has, under the names they were published with."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from occlusion_toolkit.body.gender import GENDERS, Gender
from occlusion_toolkit.errors import BodyModelError

logger = logging.getLogger(__name__)

H36M_REGRESSOR = "J_regressor_h36m.npy"
"""Regressor of the 17 Human3.6M joints, (17, 6890)."""

EXTRA_REGRESSOR = "J_regressor_extra.npy"
"""SPIN's regressor of nine more training joints, (9, 6890)."""

HOW_TO_GET_BODIES = (
    "SMPL is free for non-commercial research, after registration: https://smpl.is.tue.mpg.de has the male "
    "and female bodies and, in version 1.1.0, the neutral one; https://smplify.is.tue.mpg.de has the "
    "neutral one of version 1.0.0"
)
HOW_TO_GET_REGRESSORS = (
    "it is in the data archives that fetch_data.sh of https://github.com/nkolot/SPIN and prepare_data.sh of "
    "https://github.com/mkocabas/PARE fetch, for non-commercial research"
)


@dataclass(frozen=True)
class SmplFolder:
    """The files of a folder that are SMPL's; none of them has been opened.

    Attributes:
        folder: where they are.
        bodies: for each gender the files that hold it, the one that is read first.
        h36m_regressor: `J_regressor_h36m.npy`, or None.
        extra_regressor: `J_regressor_extra.npy`, or None.
    """

    folder: Path
    bodies: Mapping[Gender, tuple[Path, ...]]
    h36m_regressor: Path | None
    extra_regressor: Path | None

    def body(self, gender: Gender) -> Path:
        """The file of a gender.

        Raises:
            BodyModelError: there is none; the message says where to get it and where to put it.
        """
        found = self.bodies[gender]
        if not found:
            raise BodyModelError(
                f"there is no {gender} SMPL body in {str(self.folder)!r}: no SMPL_{gender.upper()}.pkl and "
                f"none under its original name. {HOW_TO_GET_BODIES}. Put its .pkl file there, or "
                "give the folder that has it (--smpl-dir)"
            )
        if len(found) > 1:
            others = ", ".join(path.name for path in found[1:])
            logger.warning("the %s body is read from %s; not read: %s", gender, found[0].name, others)
        return found[0]


def find_smpl_files(folder: Path) -> SmplFolder:
    """Looks for SMPL's files in a folder; upper and lower case are the same.

    Bodies are `SMPL_{NEUTRAL,MALE,FEMALE}.pkl` or have the names of the archives they come in
    (`basicModel_neutral_lbs_10_207_0_v1.0.0.pkl`, `basicmodel_m_lbs_10_207_0_v1.1.0.pkl`, ...). Where a
    gender has several, the short name comes first, then the older version, which the published
    regressors were made with.

    Raises:
        BodyModelError: the folder is missing or cannot be listed.
    """
    try:
        paths = [path for path in folder.iterdir() if path.is_file()]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BodyModelError(
            f"SMPL's files are looked for in {str(folder)!r}: {reason}. {HOW_TO_GET_BODIES}. Put the .pkl "
            "files there, or give the folder that has them (--smpl-dir)"
        ) from error
    paths.sort(key=lambda path: path.name.lower())
    bodies = {
        gender: tuple(path for name in _names(gender) for path in paths if name.fullmatch(path.name))
        for gender in GENDERS
    }
    by_name = {path.name.lower(): path for path in paths}
    return SmplFolder(
        folder, bodies, by_name.get(H36M_REGRESSOR.lower()), by_name.get(EXTRA_REGRESSOR.lower())
    )


def _names(gender: Gender) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Names of a gender's files: the short one that smplx asks for, and those of the archives."""
    word = gender if gender == "neutral" else gender[0]
    original = rf"basicmodel_{word}_lbs_10_207_0_v\d+\.\d+\.\d+\.pkl"
    return re.compile(rf"smpl_{gender}\.pkl", re.IGNORECASE), re.compile(original, re.IGNORECASE)
