"""The shipped weights see people: cards tell the truth, and errors are well below the mean person."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.models.registry import LoadedRegressor, load_regressor
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat
from occlusion_toolkit.training.evaluation import errors_mm, ground_truth, load_crops

DATA = Path(__file__).parents[2] / "examples" / "open-test-2"
OPEN_NETWORKS = (  # one of them in every run: what reads and measures people is the same for all
    "pare-open",
    pytest.param("hmr-synthocc-open", marks=pytest.mark.slow),
    pytest.param("hmr-open", marks=pytest.mark.slow),
)


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


@pytest.fixture(scope="module")
def people() -> tuple[Tensor, BodyParameters]:
    frames = list(ThreeDPW(DATA, "test"))
    return load_crops(frames), ground_truth(frames)


def mean_person_of(regressor: LoadedRegressor, count: int) -> BodyParameters:
    """The mean of the training set, which the weights carry as the starting point of the regression."""
    state = regressor.network.state_dict()
    return BodyParameters(
        rot6d_to_rotmat(state["head.init_pose"].view(24, 6)).expand(count, -1, -1, -1),
        state["head.init_shape"].expand(count, -1),
        state["head.init_cam"].expand(count, -1),
    )


@pytest.mark.parametrize("name", OPEN_NETWORKS)
def test_open_network_is_as_its_card_says_and_far_better_than_the_mean_person(
    name: str, body: BodyModel, people: tuple[Tensor, BodyParameters]
) -> None:
    regressor = load_regressor(name)
    crops, truth = people
    found = torch.cat([errors_mm(regressor(some), true, body) for some, true in _chunks(crops, truth)], dim=1)
    mpjpe, pa_mpjpe = found.mean(dim=1).tolist()
    clean = {e.metric: e.value_mm for e in regressor.card.errors if e.condition == "clean"}
    assert mpjpe == pytest.approx(clean["MPJPE"], abs=0.5)
    assert pa_mpjpe == pytest.approx(clean["PA-MPJPE"], abs=0.5)
    blind = errors_mm(mean_person_of(regressor, len(crops)), truth, body).mean(dim=1)
    assert pa_mpjpe < 0.5 * float(blind[1])
    assert mpjpe < 0.36 * float(blind[0])


def _chunks(crops: Tensor, truth: BodyParameters) -> list[tuple[Tensor, BodyParameters]]:
    return [
        (crops[start : start + 16], truth[slice(start, start + 16)]) for start in range(0, len(crops), 16)
    ]
