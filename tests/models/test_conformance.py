"""Every conformance check passes a sound regressor and fails one that breaks just what it is about."""

import re
from collections.abc import Callable

import pytest
import torch
from support.fakes import bent_elbow
from torch import Tensor, nn

from occlusion_toolkit.data.crops import IMAGENET_MEAN, IMAGENET_STD
from occlusion_toolkit.models import RegressorOutput
from occlusion_toolkit.models.conformance import CHECKS, Finding, check_model, check_regressor
from occlusion_toolkit.models.probe import Probe, open_probe
from occlusion_toolkit.models.registry import load_regressor

MEAN, STD = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))


class Sound(nn.Module):
    """Bends the left elbow by the mean red of a crop."""

    def __init__(self) -> None:
        super().__init__()
        self.eval()

    def forward(self, crops: Tensor) -> RegressorOutput:
        return bent_elbow(crops[:, 0].mean(dim=(1, 2)))


class Altered(Sound):
    """A sound regressor whose output is changed afterwards, past all type checks."""

    def __init__(self, **changes: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.changes = changes

    def forward(self, crops: Tensor) -> RegressorOutput:
        output = super().forward(crops)
        for name, change in self.changes.items():
            object.__setattr__(output, name, change(getattr(output, name)))
        return output


class Tuple(Sound):
    def forward(self, crops: Tensor) -> RegressorOutput:
        output = super().forward(crops)
        return output.rotmats, output.betas, output.camera  # type: ignore[return-value]


class NeedsABatch(Sound):
    def forward(self, crops: Tensor) -> RegressorOutput:
        return bent_elbow(crops[:, 0].mean(dim=(1, 2)).squeeze())


class Forgetful(Sound):
    """Has a state: the last angles move the next ones."""

    last: Tensor | None = None

    def forward(self, crops: Tensor) -> RegressorOutput:
        angles = crops[:, 0].mean(dim=(1, 2))
        before, self.last = self.last, angles.mean()
        return bent_elbow(angles if before is None else angles + 0.1 * before + torch.rand(1))


class BatchCentred(Sound):
    def forward(self, crops: Tensor) -> RegressorOutput:
        angles = crops[:, 0].mean(dim=(1, 2))
        return bent_elbow(angles - angles.mean())


class WritesInPlace(Sound):
    def forward(self, crops: Tensor) -> RegressorOutput:
        return bent_elbow(crops.mul_(0.5)[:, 0].mean(dim=(1, 2)))


class Blind(Sound):
    def forward(self, crops: Tensor) -> RegressorOutput:
        return bent_elbow(torch.zeros(len(crops)))


class Fails(Sound):
    def forward(self, crops: Tensor) -> RegressorOutput:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nmore")


def mirrored(rotmats: Tensor) -> Tensor:
    return rotmats * torch.tensor([-1.0, 1.0, 1.0])


def with_nan(betas: Tensor) -> Tensor:
    return betas.index_fill(1, torch.tensor([3]), torch.nan)


BROKEN: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "stops": (Fails, "answers", "RuntimeError: mat1 and mat2"),
    "a tuple": (Tuple, "answers", "return RegressorOutput"),
    "300 betas": (
        lambda: Altered(betas=lambda t: t.repeat(1, 30)),
        "shapes",
        r"betas \(12, 300\)",
    ),
    "cannot take one crop": (NeedsABatch, "shapes", "it stopped with"),
    "double precision": (lambda: Altered(camera=Tensor.double), "placement", "camera is torch.float64"),
    "elsewhere": (lambda: Altered(betas=lambda t: t.to("meta")), "placement", "betas .* on meta"),
    "NaN": (lambda: Altered(betas=with_nan), "finiteness", "betas hold NaN"),
    "scaled rotations": (lambda: Altered(rotmats=lambda t: 1.1 * t), "rotations", "orthonormalise"),
    "mirrors": (lambda: Altered(rotmats=mirrored), "rotations", "determinant -1"),
    "in training mode": (lambda: Sound().train(), "evaluation mode", r"Sound; call \.eval"),
    "noise and state": (Forgetful, "determinism", "from call to call"),
    "centred on the batch": (BatchCentred, "batch invariance", "statistics of the batch"),
    "writes into its input": (WritesInPlace, "untouched input", "in place"),
    "blind": (Blind, "response", "does not see its input"),
    "negative scale": (lambda: Altered(camera=torch.neg), "units", "must be positive"),
    "camera in pixels": (lambda: Altered(camera=lambda t: 224 * t), "units", "not pixels"),
    "huge betas": (lambda: Altered(betas=lambda t: t + 40), "units", "betas reach 40"),
}


@pytest.fixture(scope="module")
def probe() -> Probe:
    return open_probe()


def failed(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.message for finding in findings if not finding.passed}


def test_a_sound_regressor_passes_everything(probe: Probe):
    findings = check_regressor(Sound(), probe)
    assert failed(findings) == {}
    assert len(findings) == len(CHECKS) + 1


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_regressor_fails_the_check_that_is_about_it(name: str, probe: Probe):
    torch.manual_seed(0)
    build, check, message = BROKEN[name]
    found = failed(check_regressor(build(), probe))
    assert check in found
    assert re.search(message, found[check]), found[check]


def test_every_check_has_a_regressor_that_fails_it():
    tested = {check for _, check, _ in BROKEN.values()} | {"answers", "normalisation"}
    tested |= {"sight", "told camera"}  # tests/cli/test_own_crops.py
    assert {check.__name__.replace("_", " ") for check in CHECKS} <= tested


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        # The open networks hardly notice a second normalisation; one that looks at bright values alone does.
        (lambda crops: (crops.clamp(0, 1) ** 4 - MEAN) / STD, "for values from 0 to 1, not normalised"),
        (lambda crops: (crops / 255 - MEAN) / STD, "for values from 0 to 255"),
    ],
    ids=["takes values from 0 to 1", "takes bytes"],
)
def test_a_network_that_wants_other_crops_fails_normalisation(
    wanted: Callable[[Tensor], Tensor], message: str, probe: Probe
):
    trained = load_regressor("pare-open")

    class WantsOtherCrops(nn.Module):
        def forward(self, crops: Tensor) -> RegressorOutput:
            return trained(wanted(crops))

    found = failed(check_regressor(WantsOtherCrops().eval(), probe))
    assert list(found) == ["normalisation"]
    assert message in found["normalisation"]


@pytest.mark.parametrize(
    "name", ["pare-open", "hmr-open", pytest.param("hmr-synthocc-open", marks=pytest.mark.slow)]
)
def test_shipped_models_pass_everything(name: str):
    assert failed(check_model(name)) == {}


def test_what_follows_from_no_answer_is_not_reported(probe: Probe):
    assert [finding.check for finding in check_regressor(Fails(), probe)] == ["answers"]
