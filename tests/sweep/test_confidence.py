"""How sure a network is: kept with the maps, joint by joint and window by window, whoever answers."""

import numpy as np
import pytest
import torch
from support.fakes import SMALL_GRID, StickBody, TinyNetwork, random_crops
from support.survey_fakes import fake_sweep, shard_bytes, some_people
from torch import Tensor, nn

from occlusion_toolkit.body.joints import BLAZEPOSE33, LSP14
from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.models.backbones.blocks import conv_steps
from occlusion_toolkit.models.base import MeanParameters, RegressorOutput, attention_confidences
from occlusion_toolkit.models.pare import PAREHead
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.sweep.maps import confidence_names
from occlusion_toolkit.sweep.measure import of_joints
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

PARTS = ["left_knee", "head", "neck"]
JOINTS = ["left_knee", "head_top", "neck"]


class Attending(nn.Module):
    """PARE's head on a convolution."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.trunk = nn.Conv2d(3, 8, 5, stride=4, padding=2)
            self.head = PAREHead(
                8, branch=conv_steps, filters=(8,), shape_features=4, mean=MeanParameters.standing()
            )
            nn.init.normal_(self.head.keypoint_final_layer.weight, std=3.0)

    def forward(self, crops: Tensor) -> RegressorOutput:
        return self.head(self.trunk(crops).relu())


class Sure(TinyNetwork):
    """As sure as its convolution says, in one way or in two."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def forward(self, crops: Tensor) -> RegressorOutput:
        found = super().forward(crops)
        sure = found.rotmats.flatten(2).mean(dim=2).sigmoid()
        several = {name: sure**power for power, name in enumerate(self.names, 1)}
        return RegressorOutput(*found.tensors.values(), confidence=several or sure)


def swept(network: nn.Module, engine: str, crops: Tensor):
    occluder = parse_occluder("grey", SMALL_GRID.size)
    return WindowSweep(network.eval(), StickBody(), SMALL_GRID, occluder, engine=engine).run(crops)


@pytest.mark.parametrize("engine", ["dense", "fused", "incremental"])
def test_maps_have_peak_and_entropy_of_the_attention_to_each_joints_part(engine):
    network, crops = Attending().eval(), random_crops(2, resolution=64)
    maps = swept(network, engine, crops)
    assert confidence_names(maps) == ("confidence_entropy", "confidence_peak")
    y0, y1, x0, x1 = SMALL_GRID.windows()[SMALL_GRID.cols * 2 + 3]
    hidden = crops.clone()
    hidden[..., y0:y1, x0:x1] = 0.0
    parts = [PART_NAMES.index(name) for name in PARTS]
    for prefix, shown, at in (("clean_", crops, {}), ("", hidden, {"row": 2, "col": 3})):
        with torch.no_grad():
            weights = network(shown).attention[:, parts].flatten(2).numpy().astype(np.float64)
        expected = {
            "peak": weights.max(axis=2),
            "entropy": 1 + (weights * np.log(weights)).sum(axis=2) / np.log(weights.shape[2]),
        }
        for name, values in expected.items():
            found = maps[f"{prefix}confidence_{name}"].sel(joint=JOINTS).isel(at)
            np.testing.assert_allclose(found, values, atol=1e-5)
            assert values.std() > 0.001


def test_attention_on_one_pixel_is_sure_and_even_attention_is_not():
    spike = torch.zeros(1, 25, 4, 4)
    spike[:, :, 1, 2] = 1000.0
    for logits, sure, peak in ((spike, 1.0, 1.0), (torch.zeros(1, 25, 4, 4), 0.0, 1 / 16)):
        found = attention_confidences(logits)
        torch.testing.assert_close(found["entropy"], torch.full((1, 24), sure), atol=1e-6, rtol=0)
        torch.testing.assert_close(found["peak"], torch.full((1, 24), peak))


@pytest.mark.parametrize("names", [(), ("a", "b")])
@pytest.mark.parametrize("engine", ["dense", "fused", "incremental"])
def test_what_a_network_says_itself_is_kept_too(engine, names):
    network, crops = Sure(*names).eval(), random_crops(1, resolution=64)
    maps = swept(network, engine, crops)
    kept = ["confidence_a", "confidence_b"] if names else ["confidence"]
    assert list(confidence_names(maps)) == kept
    clean = network(crops).confidences
    for name in kept:
        expected = of_joints(clean[name].detach(), LSP14)
        np.testing.assert_allclose(maps[f"clean_{name}"], expected, atol=1e-5)
        assert maps[name].dims == ("image", "joint", "row", "col")


def test_a_joint_without_a_part_has_no_confidence():
    found = of_joints(torch.rand(2, 24), BLAZEPOSE33)
    assert torch.isnan(found[:, BLAZEPOSE33.index("left_ear")]).all()
    assert torch.isfinite(found[:, BLAZEPOSE33.index("left_wrist")]).all()


def test_outputs_keep_their_confidences_through_every_change():
    logits = torch.randn(3, 25, 4, 4)
    own = RegressorOutput(torch.eye(3).repeat(3, 24, 1, 1), torch.zeros(3, 10), torch.ones(3, 3), logits)
    again = own.with_tensors(own.tensors)
    assert list(again.tensors) == ["rotmats", "betas", "camera", "confidence_peak", "confidence_entropy"]
    for output in (own, again):
        some = output[1:].to("cpu", torch.float64)
        expected = own.confidences["confidence_peak"][1:]
        torch.testing.assert_close(some.confidences["confidence_peak"].float(), expected)
    segmenting = RegressorOutput(own.rotmats, own.betas, own.camera, logits, attends=False)
    assert segmenting.confidences == {}


@pytest.mark.parametrize(
    ("confidence", "says"),
    [
        (torch.zeros(2, 14), r"confidence is \(2, 14\) for 2 people; give one for each of SMPL's joints"),
        ({"a": torch.zeros(3, 24)}, r"confidence a is \(3, 24\)"),
        ({"a b": torch.zeros(2, 24)}, "cannot be called 'a b'"),
    ],
)
def test_a_confidence_of_another_shape_or_name_is_refused(confidence, says):
    with pytest.raises(UsageError, match=says):
        RegressorOutput(
            torch.eye(3).repeat(2, 24, 1, 1), torch.zeros(2, 10), torch.ones(2, 3), confidence=confidence
        )


def test_surveys_keep_it_in_the_same_bytes_each_time(tmp_path):
    settings = {"shard_size": 1, "workers": 1}
    found = [
        survey(fake_sweep(Sure(), stride=112, size=112), some_people(2), out=tmp_path / name, **settings)
        for name in "ab"
    ]
    assert shard_bytes(found[0]) == shard_bytes(found[1])
    assert found[0].maps["clean_confidence"].std() > 0
