"""Occlusion-sensitivity analysis for 3D human pose and shape regressors, after PARE.

>>> import occlusion_toolkit as ot
>>> crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
>>> maps = ot.OcclusionSweep("pare-open", size=40, stride=56)(crop)
>>> maps.sel(joint="left_wrist", metric="displacement").dims
('row', 'col')
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from occlusion_toolkit.find.crop import Crop as Crop
    from occlusion_toolkit.find.crop import read_crop as read_crop
    from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps as OcclusionMaps
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep as OcclusionSweep
    from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh as SensitivityMesh
    from occlusion_toolkit.surveys.run import survey as survey
    from occlusion_toolkit.surveys.survey import Survey as Survey

_WHERE = {
    "Crop": "find.crop",
    "read_crop": "find.crop",
    "OcclusionMaps": "heatmaps.occlusion_maps",
    "OcclusionSweep": "heatmaps.occlusion_sweep",
    "SensitivityMesh": "meshes.sensitivity_mesh",
    "Survey": "surveys.survey",
    "survey": "surveys.run",
}


def __getattr__(name: str) -> object:
    """Loads what is asked for when it is first asked for: importing the package costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
