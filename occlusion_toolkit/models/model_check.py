"""The conformance checks on a model, with people of the open test set."""

from pathlib import Path

import numpy as np
import torch

from occlusion_toolkit.data.crops import normalise
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.person_crop import read_crop
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.conformance import Finding, check_regressor
from occlusion_toolkit.models.probe import Probe
from occlusion_toolkit.models.registry import load_regressor

PEOPLE = 12
"""People that a model is tried on."""


def check_model(
    name_or_path: str | Path, device: torch.device | str = "cpu", trusted: TrustedFiles | None = None
) -> list[Finding]:
    """Load a model and run every conformance check on it.

    Args:
        name_or_path: a model's name, or the path of a .yaml card.
        device: where it shall run.
        trusted: files that may be opened although they ask for foreign code.

    Raises:
        ModelCardError: there is no such model, or it contradicts its weights.
        CheckpointError: its weights are missing, damaged or of another network.
        UnsafeFileError: its weights file asks for more than tensors.
    """
    return check_regressor(load_regressor(name_or_path, device, trusted), open_probe())


def open_probe() -> Probe:
    """People of the open test set, evenly spaced over all of them.

    Joint rotations mean the same for every body of SMPL's format, so they are known answers for regressors of
    SMPL bodies too.
    """
    people = list(EvenlySpaced(ThreeDPW(shipped("open-test"), "test"), PEOPLE))
    crops = np.stack([read_crop(person) for person in people])
    return Probe(normalise(crops), torch.from_numpy(np.stack([person.rotmats for person in people])))
