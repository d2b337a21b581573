"""Writes checkpoints as PyTorch Lightning 1.1 does, with its classes inside and without Lightning.

The classes only have the names of Lightning's, yacs' and Python's; what is written of an object is its class
and its content, so the bytes are the same.
"""

import argparse
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor


def _class(module: str, name: str, base: type = object) -> type:
    return type(name, (base,), {"__module__": module, "__qualname__": name})


ModelCheckpoint = _class("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
EarlyStopping = _class("pytorch_lightning.callbacks.early_stopping", "EarlyStopping")
AttributeDict = _class("pytorch_lightning.utilities.parsing", "AttributeDict", dict)
CfgNode = _class("yacs.config", "CfgNode", dict)


def _modules() -> dict[str, types.ModuleType]:
    """Modules from which the classes can be imported, which `pickle` checks before it writes their names."""
    modules: dict[str, types.ModuleType] = {}
    for stand_in in (ModelCheckpoint, EarlyStopping, AttributeDict, CfgNode):
        parts = stand_in.__module__.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            modules.setdefault(name, types.ModuleType(name))
        setattr(modules[stand_in.__module__], stand_in.__name__, stand_in)
    return modules


def _config() -> object:
    """A configuration as yacs keeps it: a dictionary with attributes of its own."""
    config = CfgNode(METHOD="pare", PARE=CfgNode(BACKBONE="hrnet_w32-conv", NUM_JOINTS=24))
    vars(config).update(
        {
            "__immutable__": False,
            "__deprecated_keys__": set(),
            "__renamed_keys__": {},
            "__new_allowed__": False,
        }
    )
    return config


def write_lightning_checkpoint(
    path: Path, state: Mapping[str, Tensor], *, zipped: bool = True, optimiser: bool = False
) -> None:
    """Writes a checkpoint of a training.

    Args:
        path: the file.
        state: of the Lightning module.
        zipped: in the format of PyTorch 1.6 and later, otherwise in the older one.
        optimiser: with the state of Adam, twice as large as the network.
    """
    moments = {
        number: {"step": 7, "exp_avg": torch.zeros_like(tensor), "exp_avg_sq": torch.zeros_like(tensor)}
        for number, tensor in enumerate(state.values() if optimiser else ())
    }
    content = {
        "epoch": 12,
        "global_step": 175_000,
        "pytorch-lightning_version": "1.1.8",
        "callbacks": {
            ModelCheckpoint: {
                "monitor": "val_loss",
                "best_model_score": torch.tensor(0.05),
                "dirpath": "logs",
            },
            EarlyStopping: {"wait_count": 0, "patience": 3},
        },
        "optimizer_states": [{"state": moments, "param_groups": [{"lr": 5e-5, "betas": (0.9, 0.999)}]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": AttributeDict(
            cfg=_config(), args=argparse.Namespace(gpu=0), log=Path("logs"), device=torch.device("cpu")
        ),
        "state_dict": dict(state),
    }
    with mock.patch.dict(sys.modules, _modules()):
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
