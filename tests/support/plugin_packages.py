"""Installed packages with regressors, occluders or metrics: the files that an installer would leave."""

from pathlib import Path


def install(
    site: Path,
    package: str,
    entry_points: dict[str, str],
    code: str,
    group: str = "occlusion_toolkit.regressors",
) -> None:
    """Writes a module and the metadata of its distribution into a folder that is on the path."""
    (site / f"{package}.py").write_text(code, encoding="utf-8")
    folder = site / f"{package}-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    lines = "".join(f"{name} = {target}\n" for name, target in entry_points.items())
    (folder / "entry_points.txt").write_text(f"[{group}]\n{lines}")


SOUND = """
import torch
from torch import nn
from occlusion_toolkit.models import RegressorOutput
from occlusion_toolkit.models.plugins import RegressorPlugin

class Standing(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.9))

    def forward(self, crops):
        rotmats = torch.eye(3).repeat(len(crops), 24, 1, 1)
        camera = self.scale * torch.tensor([1.0, 0.0, 0.0]).repeat(len(crops), 1)
        return RegressorOutput(rotmats, torch.zeros(len(crops), 10), camera)

plugin = RegressorPlugin("Standing", "Always stands.", "CC0-1.0", "open-adult-6000-v1", Standing)
"""
