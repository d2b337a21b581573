"""What every regressor must keep to before a sweep over it means anything.

A sweep compares thousands of outputs of one network. A network left in training mode, one that answers
differently in another batch, or one that normalises its crops a second time gives maps that look plausible
and mean nothing; these checks find that with a few forward passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.data.crops import IMAGENET_MEAN, IMAGENET_STD, normalise, read_crop
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import ModelCardError
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.base import Regressor, RegressorOutput
from occlusion_toolkit.models.registry import load_regressor


@dataclass(frozen=True)
class Probe:
    """People to try a regressor on.

    Attributes:
        crops: normalised crops, (B, 3, 224, 224), of at least two different people.
        rotmats: their true joint rotations, (B, 24, 3, 3), in the frames of `BodyParameters`.
    """

    crops: Float[Tensor, "batch 3 height width"]
    rotmats: Float[Tensor, "batch 24 3 3"]

    def feedings(self) -> dict[str, Float[Tensor, "batch 3 height width"]]:
        """The same people as networks of other habits want them, by name."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        plain = self.crops * std + mean
        return {
            "values from 0 to 1, not normalised": plain,
            "values from 0 to 255": plain * 255,
            "values from -1 to 1": plain * 2 - 1,
            "channels in the order BGR": (plain.flip(1) - mean) / std,
        }

    def error_deg(self, output: RegressorOutput) -> float:
        """Mean angle between predicted and true joint rotations, degrees."""
        relative = output.rotmats.transpose(-1, -2) @ self.rotmats.to(output.rotmats)
        cosine = (relative.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
        return float(cosine.clamp(-1, 1).acos().mean().rad2deg())


@dataclass(frozen=True)
class Trial:
    """A regressor with its answer to the probe; the answer is made once."""

    regressor: Regressor
    probe: Probe

    @cached_property
    def output(self) -> RegressorOutput:
        """What it says about the probe's crops."""
        return self.regressor(self.probe.crops.clone())


ORTHONORMALITY = 1e-3
"""Largest entry of R^T R - I that a rotation may have."""

REPEATABILITY = 1e-5
"""Largest change of an output between two calls with the same crops."""

BATCH_INVARIANCE = 1e-3
"""Largest change of an output when a crop is alone in its batch (another algorithm may add up otherwise)."""

RESPONSE = 1e-4
"""Smallest change of an output between different people."""

CLEARLY_BETTER = 0.85
"""Share of the error under which another normalisation is taken to be the one that the network wants."""

CAMERA_SCALES = (0.05, 20.0)
BETAS = 10.0
SHIFT_M = 10.0
"""Bounds of plausible cameras (s, then tx and ty in metres) and of betas, in standard deviations."""


class CheckFailed(Exception):
    """What a regressor does not keep to, what that means, and what to do."""


def answers(trial: Trial) -> str:
    """It answers with a `RegressorOutput`."""
    output: object = trial.regressor(trial.probe.crops[:2].clone())
    if not isinstance(output, RegressorOutput):
        raise CheckFailed(f"a {type(output).__name__}; return RegressorOutput(rotmats, betas, camera)")
    return "it answers with a RegressorOutput"


def shapes(trial: Trial) -> str:
    """Outputs have a row for every crop, also for a single one."""
    for count in (len(trial.probe.crops), 1):
        output = trial.regressor(trial.probe.crops[:count].clone())
        wanted = {"rotmats": (count, 24, 3, 3), "betas": (count, 10), "camera": (count, 3)}
        if output.part_logits is not None:
            wanted["part_logits"] = (count, 25, *output.part_logits.shape[2:])
        found = {name: tuple(getattr(output, name).shape) for name in wanted}
        wrong = [
            f"{name} {found[name]} instead of {wanted[name]}"
            for name in wanted
            if found[name] != wanted[name]
        ]
        if wrong:
            raise CheckFailed(f"for {count} crops: {'; '.join(wrong)}")
    return "rotmats (B, 24, 3, 3), betas (B, 10), camera (B, 3), also for one crop"


def placement(trial: Trial) -> str:
    """Outputs are float32 and on the regressor's device."""
    device = torch.device(getattr(trial.regressor, "device", trial.probe.crops.device))
    wrong = [
        f"{name} is {tensor.dtype} on {tensor.device}"
        for name, tensor in _tensors(trial.output).items()
        if tensor.dtype != torch.float32 or tensor.device.type != device.type
    ]
    if wrong:
        raise CheckFailed(f"{'; '.join(wrong)}; give float32 on {device}, where the crops are")
    return f"float32 on {device}"


def finiteness(trial: Trial) -> str:
    """No output is infinite or NaN."""
    wrong = [name for name, tensor in _tensors(trial.output).items() if not tensor.isfinite().all()]
    if wrong:
        raise CheckFailed(
            f"{', '.join(wrong)} hold NaN or infinity; the weights are damaged or not those of the network"
        )
    return "all numbers are finite"


def rotations(trial: Trial) -> str:
    """Rotation matrices are orthonormal with determinant +1."""
    rotmats = trial.output.rotmats
    excess = float((rotmats.transpose(-1, -2) @ rotmats - torch.eye(3).to(rotmats)).abs().max())
    mirrored = int((torch.linalg.det(rotmats) < 0).sum())
    if not excess <= ORTHONORMALITY:
        raise CheckFailed(
            f"R^T R differs from the identity by up to {excess:.2g}; orthonormalise the network's numbers "
            "(rot6d_to_rotmat does it for six numbers a joint)"
        )
    if mirrored:
        raise CheckFailed(f"{mirrored} matrices have determinant -1: they mirror; swap or negate a column")
    return f"orthonormal to {excess:.1g}, determinant +1"


def evaluation_mode(trial: Trial) -> str:
    """No part of the network is in training mode."""
    network = getattr(trial.regressor, "network", trial.regressor)
    if not isinstance(network, nn.Module):
        return "not an nn.Module; determinism and batch invariance stand in for this check"
    training = [name or type(network).__name__ for name, module in network.named_modules() if module.training]
    if training:
        raise CheckFailed(
            f"in training mode: {', '.join(training[:3])}; call .eval(), or dropout and batch norms act"
        )
    return "every module is in evaluation mode"


def determinism(trial: Trial) -> str:
    """The same crops give the same answer, also after other crops."""
    trial.regressor(trial.probe.crops.flip(0))
    change = _difference(trial.output, trial.regressor(trial.probe.crops.clone()))
    if not change <= REPEATABILITY:
        raise CheckFailed(
            f"outputs change by up to {change:.2g} from call to call; look for dropout, noise, or a state "
            "that calls leave behind"
        )
    return f"repeated outputs differ by {change:.1g}"


def batch_invariance(trial: Trial) -> str:
    """A person does not depend on who else is in the batch."""
    change = max(
        _difference(trial.output[i : i + 1], trial.regressor(trial.probe.crops[i : i + 1].clone()))
        for i in range(len(trial.probe.crops))
    )
    if not change <= BATCH_INVARIANCE:
        raise CheckFailed(
            f"outputs change by up to {change:.2g} when a crop is alone; look for batch norms that use the "
            "statistics of the batch, or for a softmax or sort over the wrong dimension"
        )
    return f"alone or in a batch, outputs differ by {change:.1g}"


def untouched_input(trial: Trial) -> str:
    """The crops are not written to."""
    crops = trial.probe.crops.clone()
    trial.regressor(crops)
    if not torch.equal(crops, trial.probe.crops):
        raise CheckFailed("the crops were changed in place; a sweep uses them again, so work on a copy")
    return "crops stay as they were"


def response(trial: Trial) -> str:
    """Different people give different answers."""
    rotmats = trial.output.rotmats
    change = float((rotmats - rotmats[:1]).abs().max())
    if not change > RESPONSE:
        raise CheckFailed(
            f"rotations of different people differ by {change:.1g} only; the network does not see its input"
        )
    return f"rotations of different people differ by up to {change:.2g}"


def units(trial: Trial) -> str:
    """Cameras and betas are of the size that SPIN's units give them."""
    output = trial.output
    low, high = float(output.camera[:, 0].min()), float(output.camera[:, 0].max())
    shift, beta = float(output.camera[:, 1:].abs().max()), float(output.betas.abs().max())
    if not low > 0:
        raise CheckFailed(
            f"camera scales go down to {low:.2g}; s must be positive: x = s (X + tx) over the crop's [-1, 1]"
        )
    if not (CAMERA_SCALES[0] <= low and high <= CAMERA_SCALES[1] and shift <= SHIFT_M):
        raise CheckFailed(
            f"camera scales from {low:.2g} to {high:.2g}, shifts up to {shift:.2g}; s is about 1 for a "
            "person who fills the crop, and tx, ty are metres, not pixels"
        )
    if not beta <= BETAS:
        raise CheckFailed(f"betas reach {beta:.2g}; they are standard deviations, rarely beyond 3")
    return f"camera scale {low:.2f} to {high:.2f}, shift up to {shift:.2f} m, betas up to {beta:.1f}"


def normalisation(trial: Trial) -> str:
    """No other normalisation of the crops suits the network clearly better than the documented one.

    Finds networks that take values up to 255, or up to 1 and notice others. Networks hardly notice values
    from -1 to 1 or BGR, and those trained under strong changes of colour no second normalisation: neither
    does this.
    """
    error = trial.probe.error_deg(trial.output)
    feedings = trial.probe.feedings().items()
    others = {name: trial.probe.error_deg(trial.regressor(crops)) for name, crops in feedings}
    best = min(others, key=others.__getitem__)
    if others[best] < CLEARLY_BETTER * error:
        raise CheckFailed(
            f"joints are {error:.0f} degrees wrong, but {others[best]:.0f} for {best}: crops come as RGB "
            "minus (0.485, 0.456, 0.406) over (0.229, 0.224, 0.225); undo or adapt that inside the regressor"
        )
    return f"joints are {error:.0f} degrees wrong; {others[best]:.0f} for {best}"


def _tensors(output: RegressorOutput) -> dict[str, Tensor]:
    return {"rotmats": output.rotmats, "betas": output.betas, "camera": output.camera}


def _difference(one: RegressorOutput, other: RegressorOutput) -> float:
    """Largest difference of any number of two outputs, relative to numbers above one."""
    pairs = zip(_tensors(one).values(), _tensors(other).values(), strict=True)
    return max(float(((a - b).abs() / a.abs().clamp(min=1)).max()) for a, b in pairs)


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        check: name of the check.
        passed: whether the regressor keeps to it.
        message: what was measured; where it failed, also what that means and what to do.
    """

    check: str
    passed: bool
    message: str


CHECKS: tuple[Callable[[Trial], str], ...] = (
    shapes,
    placement,
    finiteness,
    rotations,
    evaluation_mode,
    determinism,
    batch_invariance,
    untouched_input,
    response,
    units,
    normalisation,
)
"""The checks, in the order in which they run."""


def check_regressor(regressor: Regressor, probe: Probe) -> list[Finding]:
    """Run every check on a regressor.

    Args:
        regressor: anything that maps normalised crops to a `RegressorOutput`.
        probe: the people to try it on.

    Returns:
        One finding for each check, in the order of `CHECKS`; one only where the regressor gives no output.
    """
    trial = Trial(regressor, probe)
    findings = [_run(answers, trial)]
    if findings[0].passed:
        findings += [_run(check, trial) for check in CHECKS]
    return findings


@torch.no_grad()
def _run(check: Callable[[Trial], str], trial: Trial) -> Finding:
    name = check.__name__.replace("_", " ")
    try:
        return Finding(name, True, check(trial))
    except CheckFailed as failure:
        return Finding(name, False, str(failure))
    except (Exception, SystemExit) as error:  # the regressor may be anything
        cause = error.__cause__ if isinstance(error, ModelCardError) and error.__cause__ else error
        reason = str(cause).strip().splitlines()
        return Finding(name, False, f"it stopped with {type(cause).__name__}: {reason[0] if reason else ''}")


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
