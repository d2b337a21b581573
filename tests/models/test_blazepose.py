"""BlazePose in torch answers as the published network does, and takes apart into maps."""

from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from occlusion_toolkit.errors import CheckpointError, CropError
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.models import blazepose_weights
from occlusion_toolkit.models.backbones.blazepose import BlazePose, blazepose_full, blazepose_heavy
from occlusion_toolkit.models.backbones.blazepose_detector import BlazePoseDetector
from occlusion_toolkit.models.blazepose_weights import load_blazepose

GOLDEN = Path(__file__).parent / "golden" / "blazepose_full.npz"


@pytest.fixture(scope="module")
def network() -> BlazePose:
    return load_blazepose("blazepose-full", blazepose_full)


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    """A crop of the example photograph, uint8, and what LiteRT answers to it (heatmaps and mask thinned)."""
    with np.load(GOLDEN) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def crop(golden) -> torch.Tensor:
    return golden["crop"].permute(2, 0, 1)[None].float() / 255


@torch.no_grad()
def test_it_answers_as_the_original_runtime_does(network, golden, crop):
    found = network(crop)
    assert (found.world[0] - golden["world"]).abs().max() < 0.5e-3  # metres
    assert (found.landmarks[0] - golden["landmarks"]).abs().max() < 0.05  # pixels of 256, and logits
    assert (found.presence - golden["presence"]).abs().max() < 1e-3
    heatmaps = found.heatmaps[0, :, ::4, ::4]
    assert (heatmaps - golden["heatmaps"]).abs().max() < 5e-3  # logits to 100; LiteRT rounds too
    assert (heatmaps.sigmoid() - golden["heatmaps"].sigmoid()).abs().max() < 1e-3
    assert (found.mask[0, ::8, ::8].sigmoid() - golden["mask"].sigmoid()).abs().max() < 0.02


@torch.no_grad()
def test_the_detector_answers_as_the_original_runtime_does():
    with np.load(GOLDEN.with_name("blazepose_detector.npz")) as file:
        golden = {name: torch.from_numpy(file[name]) for name in file.files}
    detector = load_blazepose("blazepose-detector", BlazePoseDetector)
    found = detector(golden["crop"].permute(2, 0, 1)[None].float() / 127.5 - 1)
    assert (found.logits[0].sigmoid() - golden["logits"].sigmoid()).abs().max() < 1e-3
    assert (found.points[0] - golden["points"]).abs().max() < 0.1  # pixels of 224, also where nobody is
    surest = golden["logits"].argmax()
    assert found.logits[0].argmax() == surest
    hips, top = golden["points"][surest, :2]
    assert hips[1] > top[1]  # the man stands


@torch.no_grad()
def test_its_points_lie_where_its_heatmaps_are_high(network, golden, crop):
    found = network(crop)
    best = found.heatmaps[0].flatten(1).argmax(1)
    places = torch.stack([best % 64, best // 64], dim=1) * 4.0 + 2
    shoulders_and_hips = [11, 12, 23, 24]
    apart = (places - found.landmarks[0, :, :2]).norm(dim=1)[shoulders_and_hips]
    assert apart.max() < 256 / 20


@torch.no_grad()
@pytest.mark.parametrize(("build", "wide"), [(blazepose_full, 864), (blazepose_heavy, 1632)])
def test_features_are_maps_at_every_scale(build, wide):
    shapes = [tuple(features.shape[1:]) for features in build().eval().features(torch.zeros(1, 3, 256, 256))]
    assert shapes == [(48, 64, 64), (48, 32, 32), (48, 16, 16), (wide, 8, 8), (288, 8, 8), (288, 2, 2)]


@torch.no_grad()
@pytest.mark.parametrize("build", [blazepose_full, blazepose_heavy])
def test_what_points_are_read_from_needs_no_decoder(build):
    network, pictures = build().eval(), torch.rand(1, 3, 128, 128)
    torch.testing.assert_close(network.pose2(pictures), network.features(pictures).pose2)


@torch.no_grad()
def test_crops_of_a_batch_do_not_hear_each_other(network, crop):
    other = crop.flip(-1)
    alone, together = network(other), network(torch.cat([crop, other]))
    for one, both in zip(alone, together, strict=True):
        torch.testing.assert_close(both[1:], one, rtol=1e-4, atol=5e-3)


@torch.no_grad()
def test_it_can_be_traced(network, crop, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # stand-ins for tensors have no shape
    traced = torch.fx.symbolic_trace(network)
    torch.testing.assert_close(traced(crop).world, network(crop).world)


def test_it_has_no_batch_normalisation():
    assert not [part for part in blazepose_heavy().modules() if "Norm" in type(part).__name__]


def test_crops_of_other_sizes_are_refused():
    with pytest.raises(CropError, match=r"224x224 px.*multiples of 128"):
        BlazePose.check_size(torch.zeros(1, 3, 224, 224))
    BlazePose.check_size(torch.zeros(1, 3, 128, 384))


@pytest.fixture
def own_cards(tmp_path, monkeypatch):
    """A folder of cards with no weights, and no others in reach."""
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(blazepose_weights, "shipped", lambda kind: tmp_path)
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "weights"


def test_missing_weights_are_named_with_the_way_to_get_them(own_cards):
    with pytest.raises(CheckpointError, match=r"blazepose-heavy\.safetensors.*tools/convert_blazepose"):
        load_blazepose("blazepose-heavy", blazepose_heavy)


def test_weights_of_another_version_are_refused(own_cards):
    state = load_file(shipped("models") / "weights" / "blazepose-full.safetensors")
    metadata = {"network": "blazepose-full", "source_sha256": "0" * 64}
    save_file(state, own_cards / "blazepose-full.safetensors", metadata)
    with pytest.raises(CheckpointError, match="another version"):
        load_blazepose("blazepose-full", blazepose_full)


def test_weights_of_another_network_are_refused(own_cards):
    state = load_file(shipped("models") / "weights" / "blazepose-full.safetensors")
    sha256 = blazepose_weights.SOURCES["blazepose-heavy"]
    metadata = {"network": "blazepose-heavy", "source_sha256": sha256}
    save_file(state, own_cards / "blazepose-heavy.safetensors", metadata)
    with pytest.raises(CheckpointError, match="not those of this BlazePose"):
        load_blazepose("blazepose-heavy", blazepose_heavy)
