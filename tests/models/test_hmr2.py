"""HMR2.0 and CameraHMR are the public ones at narrow widths, and what holds for any widths."""

import json

import numpy as np
import pytest
import torch
from support.golden_networks import GOLDEN, made_up_weights, read_manifest
from torch import Tensor

from occlusion_toolkit.errors import CropError
from occlusion_toolkit.models.architecture import HMR2Architecture
from occlusion_toolkit.models.backbones.vit import ViT
from occlusion_toolkit.models.hmr2 import HMR2, CameraHMR
from occlusion_toolkit.models.networks import build_network
from occlusion_toolkit.models.recognise import load_strictly
from occlusion_toolkit.models.registry import load_card

NARROW = {"hmr2": "hmr2_narrow", "camerahmr": "camerahmr_narrow"}


def narrow(kind: str) -> HMR2:
    """The network with the widths that the manifest states."""
    arguments = read_manifest(NARROW[kind])["arguments"]
    backbone, decoder = arguments["backbone"], arguments["decoder"]
    return HMR2Architecture.model_validate(
        {
            "kind": kind,
            "backbone": {
                "width": backbone["embed_dim"],
                "depth": backbone["depth"],
                "heads": backbone["num_heads"],
                "hidden": backbone["mlp_ratio"] * backbone["embed_dim"],
            },
            "width": decoder["dim"],
            "depth": decoder["depth"],
            "heads": decoder["heads"],
            "head_width": decoder["dim_head"],
            "hidden": decoder["mlp_dim"],
        }
    ).build()


def golden_input(name: str) -> list[Tensor]:
    """The crops and, for CameraHMR, where they lie before the camera."""
    manifest = read_manifest(name)
    rng = np.random.default_rng([manifest["seed"], 11])
    given = [torch.from_numpy(rng.standard_normal(manifest["input"], dtype=np.float32))]
    if "camera_inputs" in manifest:
        camera = {key: torch.tensor(value) for key, value in manifest["camera_inputs"].items()}
        middle = camera["img_size_hw"].flip(1) / 2
        focal = camera["focal"][:, None]
        given.append(
            torch.cat(((camera["box_center"] - middle) / focal, camera["box_size"][:, None] / focal), dim=1)
        )
    return given


def deviations(network: HMR2, name: str, suffix: str) -> dict[str, float]:
    """Largest difference from the golden numbers, by output."""
    dtype = torch.float64 if suffix else torch.float32
    network.to(dtype)
    given = [value.to(dtype) for value in golden_input(name)]
    seen: dict[str, Tensor] = {}
    network.backbone.register_forward_hook(lambda *args: seen.update(features_sub=args[2][:, ::64]))
    network.smpl_head.transformer.register_forward_hook(lambda *args: seen.update(token=args[2]))
    with torch.no_grad():
        output = network(*given)
    found = {"rotmats": output.rotmats, "betas": output.betas, "camera": output.camera, **seen}
    if len(given) > 1:
        found["bbox_info"] = given[1]
    with np.load(GOLDEN / f"{name}.outputs.npz") as golden:
        assert {key + suffix for key in found} <= set(golden)
        assert len(found) == sum(key.endswith("_f64") == bool(suffix) for key in golden)
        return {
            key: float(np.abs(value.numpy() - golden[key + suffix]).max()) for key, value in found.items()
        }


@pytest.mark.parametrize("kind", NARROW)
@pytest.mark.parametrize(("suffix", "tolerance"), [("_f64", 1e-9), ("", 5e-4)])
def test_narrow_networks_give_the_golden_numbers(kind: str, suffix: str, tolerance: float):
    network = narrow(kind).eval()
    load_strictly(network, made_up_weights(NARROW[kind]))
    found = deviations(network, NARROW[kind], suffix)
    assert {key: value for key, value in found.items() if not value <= tolerance} == {}


@pytest.mark.full
@pytest.mark.parametrize("kind", NARROW)
def test_full_networks_give_the_golden_numbers(kind: str):
    network = build_network(kind).eval()
    with np.load(GOLDEN / f"{kind}.stored.npz") as stored:
        manifest = read_manifest(kind)
        load_one_by_one(network, manifest, dict(stored))
    found = deviations(network, kind, "")
    assert {key: value for key, value in found.items() if not value <= 5e-4} == {}


def load_one_by_one(network: HMR2, manifest: dict, stored: dict) -> None:  # type: ignore[type-arg]
    """Fills the network tensor by tensor, so that the weights are in memory once."""
    from support.golden_networks import fill

    state = network.state_dict()
    assert set(state) == set(manifest["state"])
    for key, entry in manifest["state"].items():
        state[key].copy_(fill(key, entry, manifest["seed"], stored))


@pytest.mark.parametrize("kind", NARROW)
def test_narrow_networks_have_the_tensors_of_the_manifest(kind: str):
    published = read_manifest(NARROW[kind])
    network = narrow(kind)
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == {
        key: entry["shape"] for key, entry in published["state"].items()
    }
    assert sum(parameter.numel() for parameter in network.parameters()) == published["learnable"]


def tiny(kind: type[HMR2] = HMR2) -> HMR2:
    torch.manual_seed(0)
    backbone = ViT(16, 1, 2, height_px=32, width_px=16, patch_px=8, padding_px=1)
    return kind(backbone, width=12, depth=2, heads=2, head_width=4, hidden=8).eval()


@pytest.mark.parametrize("kind", NARROW)
def test_the_card_names_exactly_the_pixels_that_the_network_sees(kind: str):
    """Two rows and columns at the end fall between the padding and the last patch: they too are not seen."""
    crops = torch.randn((1, 3, 256, 256), generator=torch.Generator().manual_seed(1)).requires_grad_()
    placement = [torch.tensor([[0.1, 0.0, 0.4]])] if kind == "camerahmr" else []
    output = narrow(kind)(crops, *placement)
    (output.rotmats.square() * torch.randn(24, 3, 3)).sum().backward()
    assert crops.grad is not None
    seen = crops.grad.abs().sum((0, 1)) > 0
    card = load_card(kind)
    assert card.preprocessing.rows == (0, 254)
    assert card.preprocessing.columns == (32, 222)
    expected = torch.zeros(256, 256, dtype=torch.bool)
    expected[slice(*card.preprocessing.rows), slice(*card.preprocessing.columns)] = True
    assert torch.equal(seen, expected)


def test_crops_of_another_size_are_refused():
    with pytest.raises(CropError, match="square crops of 32 px, not 224 x 224"):
        tiny()(torch.zeros(1, 3, 224, 224))
    with pytest.raises(CropError, match="32 x 16 px"):
        tiny().backbone(torch.zeros(1, 3, 32, 32))


def test_camerahmr_answers_differently_for_another_camera():
    network = tiny(CameraHMR)
    crops = torch.randn((1, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        near, far = (network(crops, torch.tensor([place])) for place in ([0.0, 0.0, 0.5], [0.3, 0.0, 0.1]))
    assert not torch.equal(near.rotmats, far.rotmats)


@pytest.mark.parametrize("kind", [HMR2, CameraHMR])
def test_cross_attention_is_a_distribution_over_patches_that_makes_the_answer(kind: type[HMR2]):
    network = tiny(kind)
    given = [torch.randn((2, 3, 32, 32), generator=torch.Generator().manual_seed(1))]
    if kind is CameraHMR:
        given.append(torch.tensor([[0.0, 0.0, 0.5], [0.1, 0.0, 0.4]]))
    weights = network.cross_attention(*given)
    assert weights.shape == (2, 2, 2, 4, 2)
    torch.testing.assert_close(weights.sum((-2, -1)), torch.ones(2, 2, 2))
    # What the attention sums is what the layer answers: values weighed by hand give its output.
    part = network.smpl_head.transformer.cross_attentions[0]
    token, context = torch.randn(2, 1, 12), torch.randn(2, 8, 16)
    values = part.to_kv(context).chunk(2, dim=-1)[1].unflatten(-1, (2, 4))
    by_hand = torch.einsum("bhp,bphc->bhc", part.weights(token, context), values).flatten(1)
    torch.testing.assert_close(part.to_out(by_hand)[:, None], part(token, context))


def test_every_parameter_that_is_read_gets_a_gradient():
    network = tiny()
    output = network(torch.randn(2, 3, 32, 32))
    (output.rotmats.square() * torch.randn(2, 24, 3, 3)).sum().backward(retain_graph=True)
    (output.betas.sum() + output.camera.sum()).backward()
    # With one token the softmax of self-attention is 1, and a zero query leaves its own map without effect.
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == ["smpl_head.transformer.to_token_embedding.weight"]


def test_widths_of_a_card_reach_the_network():
    manifest = json.loads((GOLDEN / "hmr2_narrow.manifest.json").read_text())
    network = narrow("hmr2")
    assert network.backbone.out_channels == manifest["arguments"]["backbone"]["embed_dim"]
    assert len(network.smpl_head.transformer.cross_attentions) == manifest["arguments"]["decoder"]["depth"]
