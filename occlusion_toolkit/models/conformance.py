"""What every regressor must keep to before a sweep over it means anything.

A sweep compares thousands of outputs of one network. A network left in training mode, one that answers
differently in another batch, or one that normalises its crops a second time gives maps that look plausible
and mean nothing; these checks find that with a few forward passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.body.joint_output import JointOutput
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.errors import ModelCardError
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.base import Regressor, RegressorOutput
from occlusion_toolkit.models.preprocessing import Preprocessing
from occlusion_toolkit.models.probe import CheckFailed, Probe, open_probe
from occlusion_toolkit.models.registry import load_regressor


@dataclass(frozen=True)
class Trial:
    """A regressor with its answer to the probe; the answer is made once."""

    regressor: Regressor
    probe: Probe

    @cached_property
    def output(self) -> RegressorOutput | JointOutput:
        """What it says about the probe's crops."""
        answer: RegressorOutput | JointOutput = self.ask(self.probe.crops.clone())
        return answer

    def ask(
        self, crops: Float[Tensor, "batch 3 height width"], people: slice | Tensor = slice(None)
    ) -> Any:  # a stranger's network may answer with anything
        """What it says about crops of some of the probe's people.

        Args:
            crops: of these people.
            people: which they are, in order; all by default.
        """
        placement = self.probe.placement
        return (
            self.regressor(crops) if placement is None else self.regressor(crops, placement[people].clone())
        )


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

SPANS_M = (0.5, 3.0)
"""Bounds of the size of a person, metres: from the highest joint to the lowest, or across."""

_ENDS = (("head_top", "neck"), ("left_ankle", "right_ankle"))

CAMERA_SCALES = (0.05, 20.0)
BETAS = 10.0
SHIFT_M = 10.0
"""Bounds of plausible cameras (s, then tx and ty in metres) and of betas, in standard deviations."""


def answers(trial: Trial) -> str:
    """It answers with a `RegressorOutput` or a `JointOutput`."""
    output: object = trial.ask(trial.probe.crops[:2].clone(), slice(2))
    if not isinstance(output, RegressorOutput | JointOutput):
        raise CheckFailed(
            f"a {type(output).__name__}; return RegressorOutput(rotmats, betas, camera), or "
            "JointOutput(joints, joint_set) where there is no body"
        )
    return f"it answers with a {type(output).__name__}"


def shapes(trial: Trial) -> str:
    """Outputs have a row for every crop, also for a single one."""
    for count in (len(trial.probe.crops), 1):
        output = trial.ask(trial.probe.crops[:count].clone(), slice(count))
        wanted: dict[str, tuple[int, ...]]
        if isinstance(output, JointOutput):
            wanted = {name: (count, *tensor.shape[1:]) for name, tensor in output.tensors.items()}
        else:
            wanted = {"rotmats": (count, 24, 3, 3), "betas": (count, 10), "camera": (count, 3)}
        if isinstance(output, RegressorOutput) and output.part_logits is not None:
            wanted["part_logits"] = (count, 25, *output.part_logits.shape[2:])
        found = {name: tuple(getattr(output, name).shape) for name in wanted}
        wrong = [
            f"{name} {found[name]} instead of {wanted[name]}"
            for name in wanted
            if found[name] != wanted[name]
        ]
        if wrong:
            raise CheckFailed(f"for {count} crops: {'; '.join(wrong)}")
    if isinstance(trial.output, JointOutput):
        return f"a row for every crop, {len(trial.output.joint_set)} joints, also for one crop"
    return "rotmats (B, 24, 3, 3), betas (B, 10), camera (B, 3), also for one crop"


def placement(trial: Trial) -> str:
    """Outputs are float32 and on the regressor's device."""
    device = torch.device(getattr(trial.regressor, "device", trial.probe.crops.device))
    wrong = [
        f"{name} is {tensor.dtype} on {tensor.device}"
        for name, tensor in trial.output.tensors.items()
        if tensor.dtype != torch.float32 or tensor.device.type != device.type
    ]
    if wrong:
        raise CheckFailed(f"{'; '.join(wrong)}; give float32 on {device}, where the crops are")
    return f"float32 on {device}"


def finiteness(trial: Trial) -> str:
    """No output is infinite or NaN."""
    wrong = [name for name, tensor in trial.output.tensors.items() if not tensor.isfinite().all()]
    if wrong:
        raise CheckFailed(
            f"{', '.join(wrong)} hold NaN or infinity; the weights are damaged or not those of the network"
        )
    return "all numbers are finite"


def rotations(trial: Trial) -> str:
    """Rotation matrices are orthonormal with determinant +1."""
    if isinstance(trial.output, JointOutput):
        return "joints alone have none"
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
    trial.ask(trial.probe.crops.flip(0), torch.arange(len(trial.probe.crops)).flip(0))
    change = _difference(trial.output, trial.ask(trial.probe.crops.clone()))
    if not change <= REPEATABILITY:
        raise CheckFailed(
            f"outputs change by up to {change:.2g} from call to call; look for dropout, noise, or a state "
            "that calls leave behind"
        )
    return f"repeated outputs differ by {change:.1g}"


def batch_invariance(trial: Trial) -> str:
    """A person does not depend on who else is in the batch."""
    change = max(
        _difference(trial.output[i : i + 1], trial.ask(trial.probe.crops[i : i + 1].clone(), slice(i, i + 1)))
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
    trial.ask(crops)
    if not torch.equal(crops, trial.probe.crops):
        raise CheckFailed("the crops were changed in place; a sweep uses them again, so work on a copy")
    return "crops stay as they were"


def response(trial: Trial) -> str:
    """Different people give different answers."""
    name, numbers = next(iter(trial.output.tensors.items()))
    change = float((numbers - numbers[:1]).abs().max())
    if not change > RESPONSE:
        raise CheckFailed(
            f"{name} of different people differ by {change:.1g} only; the network does not see its input"
        )
    return f"{name} of different people differ by up to {change:.2g}"


def units(trial: Trial) -> str:
    """Cameras and betas are of the size that SPIN's units give them."""
    output = trial.output
    if isinstance(output, JointOutput):
        return _joint_units(output)
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


def _joint_units(output: JointOutput) -> str:
    """Joints are metres, y points down, confidence is a share."""
    joints = output.in_set(LSP14).joints
    span = float((joints.amax(dim=1) - joints.amin(dim=1)).amax(dim=1).median())
    if not SPANS_M[0] <= span <= SPANS_M[1]:
        raise CheckFailed(f"half of the people span less or more than {span:.2g}; joints are metres")
    heads, ankles = (joints[:, [LSP14.index(name) for name in names]].mean(dim=1) for names in _ENDS)
    if not float((ankles - heads)[:, 1].median()) > 0:
        raise CheckFailed("most heads are below the ankles; y points down, x right, z away from the camera")
    sure = output.confidence
    if sure is not None and not (sure.min() >= 0 and sure.max() <= 1):
        raise CheckFailed("confidence leaves 0 to 1; a sigmoid makes a share of a logit")
    return f"people span {span:.2f} m, heads above ankles"


def normalisation(trial: Trial) -> str:
    """No other normalisation of the crops suits the network clearly better than the documented one.

    Finds networks that take values up to 255, or up to 1 and notice others. Networks hardly notice values
    from -1 to 1 or BGR, and those trained under strong changes of colour no second normalisation: neither
    does this.
    """
    error, unit = trial.probe.error(trial.output)
    feedings = trial.probe.feedings().items()
    others = {name: trial.probe.error(trial.ask(crops))[0] for name, crops in feedings}
    best = min(others, key=others.__getitem__)
    if others[best] < CLEARLY_BETTER * error:
        raise CheckFailed(
            f"joints are {error:.0f} {unit} wrong, but {others[best]:.0f} for {best}: crops come as "
            f"{_habit(trial.probe.preprocessing)}; undo or adapt that inside the regressor, or in its card"
        )
    return f"joints are {error:.0f} {unit} wrong; {others[best]:.0f} for {best}"


def sight(trial: Trial) -> str:
    """Pixels that the card says are not seen have no influence."""
    rows, columns = trial.probe.preprocessing.seen
    if rows is None and columns is None:
        return "it may see the whole crop"
    crops, hidden = trial.probe.crops.clone(), trial.probe.crops.clone()
    inside = torch.zeros(crops.shape[-2:], dtype=torch.bool)
    inside[slice(*(rows or (None,))), slice(*(columns or (None,)))] = True
    hidden[..., ~inside] = hidden[..., ~inside].flip(0) + 1.0
    change = _difference(trial.output, trial.ask(hidden))
    if change > 0:
        raise CheckFailed(
            f"outputs change by up to {change:.2g} with pixels outside the rows {rows} and columns {columns} "
            "of its card, so windows there do act: correct the card"
        )
    return f"nothing outside rows {rows}, columns {columns} changes the outputs"


def told_camera(trial: Trial) -> str:
    """A regressor that is told the camera answers to it."""
    placement = trial.probe.placement
    if placement is None:
        return "it is not told the camera"
    change = _difference(
        trial.output, trial.regressor(trial.probe.crops.clone(), placement * torch.tensor([1.0, 1.0, 0.5]))
    )
    if not change > 0:
        raise CheckFailed("another focal length changes no output; its card need not say `camera: full`")
    return f"half the size over the focal length changes outputs by up to {change:.2g}"


def _habit(preprocessing: Preprocessing) -> str:
    order = preprocessing.colours.upper()
    return {
        "imagenet": f"{order} minus (0.485, 0.456, 0.406) over (0.229, 0.224, 0.225)",
        "unit": f"{order} from 0 to 1",
        "signed": f"{order} from -1 to 1",
        "bytes": f"{order} from 0 to 255",
    }[preprocessing.normalisation]


def _difference(one: RegressorOutput | JointOutput, other: RegressorOutput | JointOutput) -> float:
    """Largest difference of any number of two outputs, relative to numbers above one."""
    pairs = zip(one.tensors.values(), other.tensors.values(), strict=True)
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
    sight,
    told_camera,
)
"""The checks, in the order in which they run."""


def check_regressor(regressor: Regressor, probe: Probe) -> list[Finding]:
    """Run every check on a regressor.

    Args:
        regressor: anything that maps normalised crops to a `RegressorOutput` or a `JointOutput`.
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
    regressor = load_regressor(name_or_path, device, trusted)
    return check_regressor(regressor, open_probe(regressor.card.preprocessing))
