"""The networks are the public ones: the same tensors, and the same numbers for the same weights."""

import numpy as np
import pytest
import torch
from support.golden_networks import GOLDEN, made_up_weights, read_manifest

from occlusion_toolkit.models import build_network
from occlusion_toolkit.models.networks import PUBLISHED_NETWORKS
from occlusion_toolkit.models.recognise import load_strictly

LEARNABLE = {
    "spin_hmr": 26_977_501,
    "pare_hmr_r50": 26_977_501,
    "pare_hrnet_w32_conv": 32_861_502,
    "pare_r50": 44_562_342,
    "pare_r50_upsample": 35_387_302,
    "hmr2": 670_459_037,
    "camerahmr": 670_712_053,
}

CONVOLUTIONAL = [
    name
    for name in PUBLISHED_NETWORKS
    if name not in ("hmr2", "camerahmr") and not name.startswith("blazepose")
]
"""The others have numbers of their own (test_hmr2)."""


def deviations(name: str) -> dict[str, float]:
    """Largest difference from the golden numbers in double precision, by output."""
    network = build_network(name).eval()
    load_strictly(network, made_up_weights(name))
    network.double()
    rng = np.random.default_rng([read_manifest(name)["seed"], 11])
    crops = torch.from_numpy(rng.standard_normal((2, 3, 224, 224), dtype=np.float32)).double()
    seen: list[torch.Tensor] = []
    network.backbone.register_forward_hook(lambda _module, _inputs, features: seen.append(features))
    with torch.no_grad():
        output = network(crops)
    features = seen[0]
    found = {
        "rotmats": output.rotmats,
        "betas": output.betas,
        "camera": output.camera,
        "features_sub": features[:, ::16, ::7, ::7] if features.shape[-1] == 56 else features[:, ::64],
    }
    if output.part_logits is not None:
        found["part_logits_sub"] = output.part_logits[:, :, ::7, ::7]
    with np.load(GOLDEN / f"{name}.outputs.npz") as golden:
        assert {f"{key}_f64" for key in found} == {key for key in golden if key.endswith("_f64")}
        return {
            key: float(np.abs(value.numpy() - golden[f"{key}_f64"]).max()) for key, value in found.items()
        }


GOLDEN_NETWORKS = [name for name in PUBLISHED_NETWORKS if not name.startswith("blazepose")]
"""BlazePose is held against LiteRT by its converter, and by `test_blazepose.py`."""


def test_every_golden_network_can_be_built():
    golden = {path.name.split(".")[0] for path in GOLDEN.glob("*.manifest.json")}
    assert golden - {"hmr2_narrow", "camerahmr_narrow"} == set(GOLDEN_NETWORKS)


@pytest.mark.parametrize("name", GOLDEN_NETWORKS)
def test_state_dict_has_the_published_names_and_shapes(name: str):
    with torch.device("meta"):
        state = build_network(name).state_dict()
    published = {
        key: (tuple(entry["shape"]), entry["dtype"]) for key, entry in read_manifest(name)["state"].items()
    }
    assert {
        key: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for key, t in state.items()
    } == published


@pytest.mark.parametrize(("name", "count"), LEARNABLE.items())
def test_number_of_learnable_scalars_is_the_published_one(name: str, count: int):
    with torch.device("meta"):
        network = build_network(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_outputs_are_those_of_the_public_network(name: str):
    """In single precision the imported networks give the golden numbers too (test_importing)."""
    assert {key: deviation for key, deviation in deviations(name).items() if not deviation <= 1e-9} == {}


def test_spin_and_pare_naming_are_one_network():
    spin = made_up_weights("spin_hmr")
    renamed = {
        ("backbone." if key.startswith(("conv1", "bn1", "layer")) else "head.") + key: value
        for key, value in spin.items()
    }
    flat, nested = build_network("spin_hmr").eval(), build_network("pare_hmr_r50").eval()
    load_strictly(flat, spin)
    load_strictly(nested, renamed)
    crops = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 64, 64), dtype=np.float32))
    with torch.no_grad():
        one, other = flat(crops), nested(crops)
    assert torch.equal(one.rotmats, other.rotmats)
    assert torch.equal(one.camera, other.camera)
