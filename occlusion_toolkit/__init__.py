"""Occlusion-sensitivity analysis for 3D human pose and shape regressors, after PARE (ICCV 2021).

    >>> import occlusion_toolkit as ot
    >>> crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
    >>> maps = ot.OcclusionSweep("pare-open", size=40, stride=56)(crop)
    >>> maps.sel(joint="left_wrist", metric="displacement").dims
    ('row', 'col')

Everything below is loaded when it is first used, so importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps
    from occlusion_toolkit.attention_maps.run import attention
    from occlusion_toolkit.body.bodies import load_body
    from occlusion_toolkit.body.joint_output import JointOutput
    from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize
    from occlusion_toolkit.breaking_sizes.run import breaking_size
    from occlusion_toolkit.comparison.comparison import Comparison
    from occlusion_toolkit.comparison.run import compare
    from occlusion_toolkit.confidences.confidence import Confidence
    from occlusion_toolkit.confidences.run import confidence
    from occlusion_toolkit.data.catalogue import open_dataset
    from occlusion_toolkit.errors import OcclusionToolkitError
    from occlusion_toolkit.evaluation.evaluation import Evaluation
    from occlusion_toolkit.evaluation.run import evaluate
    from occlusion_toolkit.find.crop import Crop, read_crop
    from occlusion_toolkit.find.people import find_people
    from occlusion_toolkit.flips.reversals import Reversals
    from occlusion_toolkit.flips.run import reversals
    from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps, open_maps
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
    from occlusion_toolkit.influences.influence import Influence
    from occlusion_toolkit.influences.run import influence
    from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
    from occlusion_toolkit.models.base import RegressorOutput
    from occlusion_toolkit.models.networks import build_network
    from occlusion_toolkit.models.preprocessing import Preprocessing
    from occlusion_toolkit.models.registry import load_regressor
    from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion
    from occlusion_toolkit.natural_occlusion.run import natural
    from occlusion_toolkit.surveys.run import survey
    from occlusion_toolkit.surveys.survey import Survey
    from occlusion_toolkit.sweep.metrics import mpjpe, pa_mpjpe
    from occlusion_toolkit.sweep.occluders import Occluder
    from occlusion_toolkit.training.train import train
    from occlusion_toolkit.worst_pairs.run import worst_pair
    from occlusion_toolkit.worst_pairs.worst_pair import WorstPair

__all__ = [
    "AttentionMaps",
    "BreakingSize",
    "Comparison",
    "Confidence",
    "Crop",
    "Evaluation",
    "Influence",
    "JointOutput",
    "NaturalOcclusion",
    "Occluder",
    "OcclusionMaps",
    "OcclusionSweep",
    "OcclusionToolkitError",
    "Preprocessing",
    "RegressorOutput",
    "Reversals",
    "SensitivityMesh",
    "Survey",
    "WorstPair",
    "attention",
    "breaking_size",
    "build_network",
    "compare",
    "confidence",
    "evaluate",
    "find_people",
    "influence",
    "load_body",
    "load_regressor",
    "mpjpe",
    "natural",
    "open_dataset",
    "open_maps",
    "pa_mpjpe",
    "read_crop",
    "reversals",
    "survey",
    "train",
    "worst_pair",
]

_MODULES = {
    "attention_maps.attention_maps": ["AttentionMaps"],
    "attention_maps.run": ["attention"],
    "body.bodies": ["load_body"],
    "body.joint_output": ["JointOutput"],
    "breaking_sizes.breaking_size": ["BreakingSize"],
    "breaking_sizes.run": ["breaking_size"],
    "comparison.comparison": ["Comparison"],
    "comparison.run": ["compare"],
    "confidences.confidence": ["Confidence"],
    "confidences.run": ["confidence"],
    "data.catalogue": ["open_dataset"],
    "errors": ["OcclusionToolkitError"],
    "evaluation.evaluation": ["Evaluation"],
    "evaluation.run": ["evaluate"],
    "find.crop": ["Crop", "read_crop"],
    "find.people": ["find_people"],
    "flips.reversals": ["Reversals"],
    "flips.run": ["reversals"],
    "heatmaps.occlusion_maps": ["OcclusionMaps", "open_maps"],
    "heatmaps.occlusion_sweep": ["OcclusionSweep"],
    "influences.influence": ["Influence"],
    "influences.run": ["influence"],
    "meshes.sensitivity_mesh": ["SensitivityMesh"],
    "models.base": ["RegressorOutput"],
    "models.networks": ["build_network"],
    "models.preprocessing": ["Preprocessing"],
    "models.registry": ["load_regressor"],
    "natural_occlusion.natural": ["NaturalOcclusion"],
    "natural_occlusion.run": ["natural"],
    "surveys.run": ["survey"],
    "surveys.survey": ["Survey"],
    "sweep.metrics": ["mpjpe", "pa_mpjpe"],
    "sweep.occluders": ["Occluder"],
    "training.train": ["train"],
    "worst_pairs.run": ["worst_pair"],
    "worst_pairs.worst_pair": ["WorstPair"],
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Loads a name when it is first used (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
