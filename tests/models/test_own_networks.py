"""A network of the user's own is a regressor as it is: a module or any callable, without a card."""

import pickle

import pytest
import torch
from torch import Tensor, nn

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.errors import ModelCardError, UsageError
from occlusion_toolkit.models import RegressorOutput
from occlusion_toolkit.models.registry import load_card, load_regressor

CROPS = torch.zeros(2, 3, 224, 224)


class MyNetwork(nn.Module):
    """A network with weights that stands, and in training mode answers with noise."""

    def __init__(self, scale: float = 0.9) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.dropout = nn.Dropout(0.5)

    def forward(self, crops: Tensor) -> RegressorOutput:
        rotmats = torch.eye(3).repeat(len(crops), 24, 1, 1)
        camera = self.scale * torch.tensor([1.0, 0.0, 0.0]).repeat(len(crops), 1)
        return RegressorOutput(rotmats, self.dropout(torch.ones(len(crops), 10)), camera)


def standing_person(crops: Tensor) -> RegressorOutput:
    return MyNetwork().eval()(crops)


def test_a_module_gets_a_card_of_its_class_and_the_checksum_of_its_weights():
    loaded = load_regressor(MyNetwork())
    assert (loaded.card.name, loaded.card.body) == ("my-network", OPEN_BODY_TOPOLOGY)
    assert loaded.weights_sha256 == load_regressor(MyNetwork()).weights_sha256
    assert loaded.weights_sha256 != load_regressor(MyNetwork(0.8)).weights_sha256


def test_a_module_is_put_into_evaluation_mode():
    loaded = load_regressor(MyNetwork().train())
    assert torch.equal(loaded(CROPS).betas, torch.ones(2, 10))


def test_a_function_is_a_regressor_without_known_weights():
    loaded = load_regressor(standing_person)
    assert (loaded.card.name, loaded.weights_sha256) == ("standing-person", None)
    assert loaded(CROPS).camera[0, 0] == pytest.approx(0.9)


def test_name_and_body_can_be_given():
    card = load_regressor(lambda crops: standing_person(crops), name="mine-2", body="smpl").card
    assert (card.name, card.body) == ("mine-2", "smpl")
    assert load_regressor(lambda crops: standing_person(crops)).card.name == "lambda"


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ModelCardError, match="no name of a model"):
        load_regressor(standing_person, name="My Net")


def test_a_card_says_its_name_and_body_itself():
    with pytest.raises(UsageError, match="networks of your own"):
        load_regressor("hmr-open", body="smpl")


def test_a_card_loads_the_same_network_as_its_name():
    by_name, by_card = load_regressor("hmr-open"), load_regressor(load_card("hmr-open"))
    assert by_name == by_card
    assert (by_name.specification, by_card.specification) == ("hmr-open", load_card("hmr-open"))
    assert torch.equal(by_name(CROPS).rotmats, by_card(CROPS).rotmats)


@pytest.mark.parametrize(
    "source", ["hmr-open", standing_person, MyNetwork()], ids=["name", "function", "module"]
)
def test_the_specification_is_the_same_regressor_in_another_process(source):
    loaded = load_regressor(source)
    sent = pickle.dumps(loaded.specification)
    again = load_regressor(pickle.loads(sent))
    assert again == loaded
    assert torch.equal(again(CROPS).camera, loaded(CROPS).camera)
    assert source != "hmr-open" or len(sent) < 100  # a name, not the weights


def test_regressors_with_other_weights_are_not_equal():
    assert load_regressor(MyNetwork()) != load_regressor(MyNetwork(0.8))
    assert load_regressor(standing_person) != load_regressor(
        lambda crops: standing_person(crops), name="standing-person"
    )


def test_what_is_no_output_is_told_about_the_check():
    with pytest.raises(ModelCardError, match="answers with a Tensor instead of a RegressorOutput"):
        load_regressor(nn.Identity())(CROPS)
