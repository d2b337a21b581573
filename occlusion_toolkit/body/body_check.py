"""What a folder of SMPL files holds, and whether the toolkit can work with it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlusion_toolkit.body.arrays import GENDERS, NUM_JOINTS, SMPL_TOPOLOGY, BodyArrays, Gender
from occlusion_toolkit.body.joints import H36M17
from occlusion_toolkit.body.smpl_files import (
    EXTRA_REGRESSOR,
    H36M_REGRESSOR,
    HOW_TO_GET_BODIES,
    HOW_TO_GET_REGRESSORS,
    NUM_SMPL_VERTICES,
    SmplFolder,
    check_order,
    find_smpl_files,
    read_regressor,
    read_smpl_file,
)
from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.trust import TrustedFiles

_NUM_EXTRA_JOINTS = 9
_VERSIONS = {10: "1.0.0", 300: "1.1.0"}


@dataclass(frozen=True)
class CheckedBody:
    """A body file, opened and checked.

    Attributes:
        file: its name.
        gender: as its name tells.
        read: False where another file of that gender comes first.
        problem: why it cannot be used; None where it can, and only then the rest is known.
        sha256: of its bytes.
        topology: id of its mesh.
        vertices: of its mesh.
        joints: of its skeleton.
        betas: in the file; the first 10 are used.
        version: of SMPL, as the number of betas tells it: 1.0.0 has 10 and 1.1.0 has 300.
    """

    file: str
    gender: Gender
    read: bool
    problem: str | None = None
    sha256: str | None = None
    topology: str | None = None
    vertices: int | None = None
    joints: int | None = None
    betas: int | None = None
    version: str | None = None


@dataclass(frozen=True)
class CheckedRegressor:
    """A file of a vertex regressor, opened and checked.

    Attributes:
        file: its name.
        joints: rows that it must have.
        problem: why it cannot be used, or None.
        sha256: of its bytes; None with a problem.
    """

    file: str
    joints: int
    problem: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class CheckedFolder:
    """A folder of SMPL files.

    Attributes:
        folder: where it is.
        bodies: the body files found.
        regressors: the regressors found.
        missing: what was not found, what it is needed for and where to get it.
        serves: whether models of SMPL can be analysed with it: the neutral body and the H36M regressor
            are there, and no file has a problem.
    """

    folder: Path
    bodies: tuple[CheckedBody, ...]
    regressors: tuple[CheckedRegressor, ...]
    missing: tuple[str, ...]
    serves: bool

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with files that are there."""
        files: tuple[CheckedBody | CheckedRegressor, ...] = (*self.bodies, *self.regressors)
        return tuple(file.problem for file in files if file.problem is not None)

    def as_json(self) -> dict[str, Any]:
        """The report in JSON types."""
        return dataclasses.asdict(self) | {"folder": str(self.folder)}


def check_smpl_folder(folder: Path, trusted: TrustedFiles | None = None) -> CheckedFolder:
    """Opens every SMPL file of a folder.

    Args:
        folder: where they are.
        trusted: files that may be opened although they ask for foreign code.

    Raises:
        BodyModelError: the folder is missing or cannot be listed.
    """
    found = find_smpl_files(folder)
    bodies, skeleton = [], None
    for gender in GENDERS:
        for index, path in enumerate(found.bodies[gender]):
            checked, arrays = _check_body(path, gender, index == 0, trusted)
            bodies.append(checked)
            skeleton = skeleton or arrays
    regressors = tuple(
        _check_regressor(path, rows, skeleton if path == found.h36m_regressor else None)
        for path, rows in (
            (found.h36m_regressor, len(H36M17)),
            (found.extra_regressor, _NUM_EXTRA_JOINTS),
        )
        if path is not None
    )
    report = CheckedFolder(folder, tuple(bodies), regressors, _missing(found), serves=False)
    complete = bool(found.bodies["neutral"]) and found.h36m_regressor is not None
    return dataclasses.replace(report, serves=complete and not report.problems)


def _check_body(
    path: Path, gender: Gender, read: bool, trusted: TrustedFiles | None
) -> tuple[CheckedBody, BodyArrays | None]:
    checked = CheckedBody(path.name, gender, read)
    try:
        arrays, betas = read_smpl_file(path, trusted)
        checksum = sha256_file(path)
    except OcclusionToolkitError as error:
        return dataclasses.replace(checked, problem=str(error)), None
    known = dataclasses.replace(
        checked,
        sha256=checksum,
        topology=SMPL_TOPOLOGY,
        vertices=arrays.num_vertices,
        joints=NUM_JOINTS,
        betas=betas,
        version=_VERSIONS.get(betas),
    )
    return known, arrays


def _check_regressor(path: Path, rows: int, skeleton: BodyArrays | None) -> CheckedRegressor:
    try:
        regressor = read_regressor(path, rows, NUM_SMPL_VERTICES)
        if skeleton is not None:
            check_order(regressor, skeleton, path)
        return CheckedRegressor(path.name, rows, sha256=sha256_file(path))
    except OcclusionToolkitError as error:
        return CheckedRegressor(path.name, rows, problem=str(error))


def _missing(found: SmplFolder) -> tuple[str, ...]:
    """Every file that is not there, with what it is for."""
    needs = {
        "neutral": "every prediction of a SMPL model needs it",
        "male": "the ground truth of 3DPW needs it",
        "female": "the ground truth of 3DPW needs it",
    }
    lines = [
        f"SMPL_{gender.upper()}.pkl, or the {gender} body under its original name: {needs[gender]}"
        for gender in GENDERS
        if not found.bodies[gender]
    ]
    if lines:
        lines[-1] += f". {HOW_TO_GET_BODIES}"
    if found.h36m_regressor is None:
        lines.append(f"{H36M_REGRESSOR}: the 14 and 17 evaluation joints need it; {HOW_TO_GET_REGRESSORS}")
    if found.extra_regressor is None:
        lines.append(f"{EXTRA_REGRESSOR}: no analysis needs it")
    return tuple(lines)
