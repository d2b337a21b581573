"""How a process comes by its engine: networks stay where they run, workers get told which one to load."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.sweep.engine import Engine
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import Precision
from occlusion_toolkit.sweep.occluders import parse_occluder


@runtime_checkable
class EngineSource(Protocol):
    """Makes an engine on a device. For worker processes it must be small, picklable and have an equality."""

    def __call__(self, device: torch.device, /) -> Engine:
        """The engine, with its network on the device."""
        ...


@dataclass(frozen=True)
class CardSource:
    """Loads the network of a card.

    Attributes:
        model: name or path of the card.
        smpl_dir: folder of SMPL's files; None for the one in the toolkit's home.
        grid: the windows.
        occluder: what is pasted, in the words of `parse_occluder`.
        batch_size: passes per batch, None for automatic.
        precision: arithmetic of the network.
        compiled: run it through `torch.compile`.
        trusted: files that may be opened although they ask for foreign code.
    """

    model: str
    smpl_dir: Path | None
    grid: Grid
    occluder: str = "grey"
    batch_size: int | None = None
    precision: Precision = "fp32"
    compiled: bool = False
    trusted: TrustedFiles = field(default_factory=TrustedFiles)

    def __call__(self, device: torch.device, /) -> Engine:
        """The engine, with its network on the device.

        Raises:
            ModelCardError: there is no such card.
            CheckpointError: its weights are missing or damaged.
            BodyModelError: the files of its body are missing.
        """
        regressor = load_regressor(self.model, device, self.trusted)
        return Engine(
            regressor,
            Bodies(self.smpl_dir, self.trusted).load(regressor.card.body),
            self.grid,
            parse_occluder(self.occluder, self.grid.size),
            self.batch_size,
            self.precision,
            self.compiled,
        )
