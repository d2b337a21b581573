"""What every regressor must keep to before a sweep over it means anything.

A sweep compares thousands of outputs of one network. A network left in training mode, one that answers
differently in another batch, or one that normalises its crops a second time gives maps that look plausible
and mean nothing; these checks find that with a few forward passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from occlusion_toolkit.models import conformance_checks as checks
from occlusion_toolkit.models.base import Regressor
from occlusion_toolkit.models.probe import Probe, Trial


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


CHECKS: tuple[Callable[[Trial], tuple[bool, str]], ...] = (
    checks.shapes,
    checks.placement,
    checks.finiteness,
    checks.rotations,
    checks.evaluation_mode,
    checks.determinism,
    checks.batch_invariance,
    checks.untouched_input,
    checks.response,
    checks.units,
    checks.normalisation,
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
    findings = [_run(checks.answers, trial)]
    if findings[0].passed:
        findings += [_run(check, trial) for check in CHECKS]
    return findings


@torch.no_grad()
def _run(check: Callable[[Trial], tuple[bool, str]], trial: Trial) -> Finding:
    name = check.__name__.replace("_", " ")
    try:
        passed, message = check(trial)
    except Exception as error:  # the regressor may be anything
        reason = str(error).strip().splitlines()
        return Finding(name, False, f"it stopped with {type(error).__name__}: {reason[0] if reason else ''}")
    return Finding(name, passed, message)
