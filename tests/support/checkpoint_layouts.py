"""The layouts in which weights are published, written around any state dict."""

from collections.abc import Callable

import torch
from torch import Tensor

State = dict[str, Tensor]

SMPL_LAYER = (
    "betas",
    "global_orient",
    "body_pose",
    "shapedirs",
    "faces_tensor",
    "v_template",
    "J_regressor",
    "posedirs",
    "parents",
    "lbs_weights",
    "J_regressor_extra",
    "vertex_joint_selector.extra_joints_idxs",
)
"""Tensors of smplx's SMPL layer with the extra joints of SPIN."""

LIGHTNING_EXTRAS = (
    *(f"model.smpl.smpl.{name}" for name in SMPL_LAYER),
    *(f"smpl.{name}" for name in SMPL_LAYER),
    *(f"smpl_native.{name}" for name in SMPL_LAYER if name != "J_regressor_extra"),
    *("body_part_texture", "K", "R", "smpl_faces", "part_label_bins", "J_regressor"),
)
"""Names beside the network in a Lightning checkpoint of PARE's trainer."""

MMHUMAN3D_EXTRAS = tuple(f"body_model_{part}.{name}" for part in ("train", "test") for name in SMPL_LAYER[:4])


MMHUMAN3D_HMR_EXTRAS = (
    *MMHUMAN3D_EXTRAS,
    *(f"disc.conv1.{name}" for name in ("weight", "bias")),
    *(f"disc.pose_discriminator.{layer}.weight" for layer in range(2)),
    "registrant.body_model.betas",
)
"""Beside its HMR and SPIN estimators: a discriminator, a fitting."""


def flat(state: State) -> State:
    """PARE's names as SPIN spells them."""
    return {name.removeprefix("backbone.").removeprefix("head."): tensor for name, tensor in state.items()}


def extras(names: tuple[str, ...]) -> State:
    return {name: torch.full((2, 3), 7.0) for name in names}


LAYOUTS: dict[str, Callable[[State], dict[str, object]]] = {
    "bare": dict,
    "trainer of SPIN and EFT": lambda state: {
        "model": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 5e-5}]},
        "epoch": 3,
        "batch_idx": 0,
        "batch_size": 64,
        "dataset_perm": None,
        "total_step_count": 1000,
    },
    "data-parallel trainer": lambda state: {"model": {f"module.{name}": t for name, t in state.items()}},
    "Lightning": lambda state: {
        "epoch": 1,
        "global_step": 10,
        "pytorch-lightning_version": "1.1.8",
        "state_dict": {f"model.{name}": t for name, t in state.items()} | extras(LIGHTNING_EXTRAS),
    },
    "mmhuman3d": lambda state: {
        "meta": {"epoch": 1},
        "state_dict": extras(MMHUMAN3D_EXTRAS) | state,
    },
    "mmhuman3d, HMR": lambda state: {
        "meta": {"epoch": 1},
        "state_dict": extras(MMHUMAN3D_HMR_EXTRAS) | state,
    },
}
"""What a file of each layout holds around the tensors of a network."""

DROPPED = {"Lightning": 41, "mmhuman3d": 8, "mmhuman3d, HMR": 13}
"""Tensors beside the network in each layout."""
