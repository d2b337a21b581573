"""Published checkpoints: which of their tensors are the network's, and under which names it knows them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from occlusion_toolkit.errors import CheckpointError

_LISTED = 5
"""Tensor names an error message spells out before it only counts."""

_WRAPPERS = ("state_dict", "model")
"""Keys under which Lightning (PARE), mmhuman3d and the trainers of SPIN and EFT store the network."""

_PARALLEL, _LIGHTNING = "module.", "model."
"""Attribute names, in front of tensor names, of data-parallel wrappers and of PARE's Lightning module."""

_HMR2_HEAD = "smpl_head."
_BESIDE_HMR2 = (
    *("discriminator.", "smpl.", "smpl_layer.", "smpl_gt.", "smpl_gt_male.", "smpl_gt_female.", "cam_model."),
)
"""What the trainers of HMR2.0 and CameraHMR save beside the network: its opponent, bodies, a network for the
field of view. And `initialized`, a boolean."""

_BESIDE = ("smpl.", "smpl_native.", "body_model_train.", "body_model_test.", "disc.", "registrant.")
"""Modules that PARE's trainer and mmhuman3d save beside the network: body models, HMR's discriminator, SPIN's
fitting."""

_BESIDE_BUFFERS = frozenset({"J_regressor", "K", "R", "body_part_texture", "part_label_bins", "smpl_faces"})
"""Buffers of PARE's trainer: a joint regressor and its renderer of part labels."""

_BACKBONE = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
_HEAD = ("fc1.", "fc2.", "decpose.", "decshape.", "deccam.", "init_pose", "init_shape", "init_cam")
"""First parts of SPIN's flat names; PARE puts `backbone.` and `head.` before them."""


@dataclass(frozen=True)
class NetworkTensors:
    """What a checkpoint holds of a network.

    Attributes:
        tensors: by the names that the file gives them, without wrappers and prefixes. Tensors that are
            neither a network's nor known to stand beside one are among them: none is lost silently.
        layout: how the file holds them, in words.
        dropped: full names of the tensors known to stand beside a network.
    """

    tensors: dict[str, Tensor]
    layout: str
    dropped: tuple[str, ...]


def network_tensors(contents: Mapping[str, object], source: Path) -> NetworkTensors:
    """Find the tensors of a network in a checkpoint of any published layout.

    SPIN and EFT keep them under "model", PARE's Lightning files under "state_dict" with the prefix `model.`
    and 41 tensors of body models and renderers, mmhuman3d under "state_dict" with body models, HMR2.0 and
    CameraHMR under "state_dict" with bodies and a discriminator; data-parallel trainers put `module.` in
    front. Safetensors files hold nothing but tensors.

    Args:
        contents: the outermost mapping of the file, as it was read.
        source: the file, for messages.

    Raises:
        CheckpointError: there are no tensors by name, or two have the same name without their prefixes.
    """
    steps = []
    for wrapper in _WRAPPERS:
        inner = contents.get(wrapper)
        if isinstance(inner, Mapping):
            contents = inner
            steps.append(f"under {wrapper!r}")
    tensors = {name: value for name, value in contents.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{source} holds no tensors by name; it is not the checkpoint of a network.")
    prefix = _network_prefix(tensors)
    if prefix:
        steps.append(f"prefix {prefix!r}")
    short = {name: name.removeprefix(prefix) for name in tensors}
    modern = any(name.startswith(_HMR2_HEAD) for name in short.values())
    beside = {full for full, name in short.items() if _stands_beside(name, modern)}
    dropped = tuple(full for full in short if full in beside)
    found = {name: tensors[full] for full, name in short.items() if full not in beside}
    if len(found) + len(dropped) < len(tensors):
        raise CheckpointError(f"{source} holds the same tensors with and without the prefix {prefix!r}.")
    nested = any(name.startswith(("backbone.", "head.")) for name in found)
    steps.append(
        "HMR2.0's names"
        if modern
        else "PARE's names"
        if nested
        else "SPIN's names"
        if _is_flat(found)
        else "names of its own"
    )
    return NetworkTensors(found, ", ".join(steps), dropped)


def renamed_for(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names of a network that may use SPIN's flat names or PARE's.

    Args:
        network: the network that they are meant for.
        tensors: by the names of `network_tensors`; one that the network does not know keeps its name.
    """
    names = {_nested(name): name for name in network.state_dict()}
    renamed = {name: names.get(_nested(name), name) for name in tensors}
    # Where a file has a tensor under both names, both stay as they are and one is found to be unexpected.
    if len(set(renamed.values())) < len(renamed):
        return dict(tensors)
    return {renamed[name]: tensor for name, tensor in tensors.items()}


@dataclass(frozen=True)
class Misfits:
    """Where tensors and a network differ; empty where the network can be loaded from them.

    Attributes:
        missing: names that the network has and the tensors lack.
        unexpected: names that the network does not have.
        misshapen: names with both shapes.
        not_finite: names of tensors with infinities or NaN.
        expected: how many tensors the network has.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    not_finite: tuple[str, ...]
    expected: int

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def count(self) -> int:
        """How many tensors do not fit."""
        return sum(map(len, (self.missing, self.unexpected, self.misshapen, self.not_finite)))

    def __str__(self) -> str:
        kinds = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of another shape": self.misshapen,
            "not finite": self.not_finite,
        }
        found = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in kinds.items() if names)
        return f"{self.expected - len(self.missing)} of {self.expected} names match; {found}"


def find_misfits(
    network: nn.Module, tensors: Mapping[str, Tensor], *, optional: Collection[str] = ()
) -> Misfits:
    """Compare tensors, under the network's names, with what the network needs; nothing is loaded.

    Args:
        network: the network; it may be on the meta device.
        tensors: by name.
        optional: names that may be absent because the network never reads them.
    """
    expected: dict[str, Tensor] = network.state_dict()
    shared = [name for name in expected if name in tensors]
    return Misfits(
        missing=tuple(name for name in expected if name not in tensors and name not in optional),
        unexpected=tuple(name for name in tensors if name not in expected),
        misshapen=tuple(
            f"{name} {tuple(tensors[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in shared
            if tensors[name].shape != expected[name].shape
        ),
        not_finite=tuple(name for name in shared if not torch.isfinite(tensors[name]).all()),
        expected=len(expected),
    )


def load_strictly(
    network: nn.Module, tensors: Mapping[str, Tensor], *, optional: Collection[str] = ()
) -> None:
    """Copy tensors into a network, or change nothing and say which do not fit.

    Args:
        network: the network; floating-point tensors are converted to its type.
        tensors: by the network's names.
        optional: names that may be absent because the network never reads them.

    Raises:
        CheckpointError: tensors are missing, unknown, of another shape or not finite.
    """
    misfits = find_misfits(network, tensors, optional=optional)
    if misfits:
        raise CheckpointError(
            f"The weights are not those of this {type(network).__name__} ({misfits}). Check that the card "
            "names the architecture they were trained with."
        )
    network.load_state_dict({**network.state_dict(), **tensors})


def _network_prefix(names: Collection[str]) -> str:
    """What stands before the name of every tensor of the network."""
    prefix = _PARALLEL if all(name.startswith(_PARALLEL) for name in names) else ""
    # Beside Lightning's module stand tensors of its trainer, so not every name has this one.
    lightning = any(name.startswith(prefix + _LIGHTNING) for name in names)
    return prefix + _LIGHTNING if lightning else prefix


def _stands_beside(name: str, modern: bool) -> bool:
    """Whether a tensor is known to stand beside a network; `modern` ones are HMR2.0 and CameraHMR."""
    if modern:
        return name.startswith(_BESIDE_HMR2) or name == "initialized"
    return name.startswith(_BESIDE) or name in _BESIDE_BUFFERS


def _is_flat(names: Iterable[str]) -> bool:
    return all(name.startswith(_BACKBONE + _HEAD) for name in names)


def _nested(name: str) -> str:
    """A flat name of SPIN's as PARE spells it; any other name as it is."""
    if name.startswith(_BACKBONE):
        return "backbone." + name
    return "head." + name if name.startswith(_HEAD) else name


def _some(names: Collection[str]) -> str:
    """The first few names and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more
