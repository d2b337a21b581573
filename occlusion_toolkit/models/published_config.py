"""Settings beside published weights that decide what their network computes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from occlusion_toolkit.errors import CheckpointError

_CONFIG: Final = "model_config.yaml"
_MAX_BYTES: Final = 1_000_000

_VIT: Final[dict[str, object]] = {
    "MODEL.IMAGE_SIZE": 256,
    "MODEL.IMAGE_MEAN": [0.485, 0.456, 0.406],
    "MODEL.IMAGE_STD": [0.229, 0.224, 0.225],
    "MODEL.BACKBONE.TYPE": "vit",
    "MODEL.SMPL_HEAD.TYPE": "transformer_decoder",
    "MODEL.SMPL_HEAD.IEF_ITERS": 1,
    "MODEL.SMPL_HEAD.JOINT_REP": "6d",
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.depth": 6,
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.heads": 8,
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.mlp_dim": 1024,
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.dim_head": 64,
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.dropout": 0.0,
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.emb_dropout": 0.0,
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.norm": "layer",
    "MODEL.SMPL_HEAD.TRANSFORMER_DECODER.context_dim": 1280,
    "SMPL.NUM_BODY_JOINTS": 23,
}

DECIDING: Final[Mapping[str, Mapping[str, object]]] = {
    "hmr2": _VIT
    | {
        "MODEL.BBOX_SHAPE": [192, 256],
        "MODEL.SMPL_HEAD.TRANSFORMER_INPUT": "zero",
        "EXTRA.FOCAL_LENGTH": 5000,
    },
    "camerahmr": _VIT,
}
"""What our networks compute, in the words of the published configurations; what these leave out is so too."""


def check_config(file: Path, contents: Mapping[str, object], kind: str) -> None:
    """Refuse weights whose configuration, where there is one to read, means another network.

    It is looked for as `model_config.yaml` beside the file and in the folder above, and as plain data under
    `hyper_parameters`; one that was pickled as an object of OmegaConf is skipped, as it is only read as an
    inert stand-in.

    Args:
        file: the checkpoint.
        contents: what was read of it.
        kind: the family that its weights are said to be of.

    Raises:
        CheckpointError: a setting differs, or the configuration is not readable.
    """
    for place, config in _configs(file, contents):
        for name, ours in DECIDING.get(kind, {}).items():
            found = _at(config, name)
            if found is not None and not _same(found, ours):
                raise CheckpointError(
                    f"{place} sets {name} to {found!r}; the network {kind} of this toolkit has {ours!r}. "
                    "These are weights of another variant, which cannot be imported."
                )


def _configs(file: Path, contents: Mapping[str, object]) -> Iterator[tuple[str, Mapping[object, object]]]:
    for path in (file.parent / _CONFIG, file.parent.parent / _CONFIG):
        if path.is_file():
            yield str(path), _read(path)
            break
    parameters = contents.get("hyper_parameters")
    config = parameters.get("cfg") if isinstance(parameters, Mapping) else None
    if isinstance(config, Mapping):
        yield f"{file} (hyper_parameters)", config


def _read(path: Path) -> Mapping[object, object]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CheckpointError(f"{path} is too large for a configuration; move it away to import without")
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path} is not a readable configuration ({reason})") from error
    if not isinstance(config, Mapping):
        raise CheckpointError(f"{path} holds no settings; move it away to import without")
    return config


def _at(config: object, name: str) -> object:
    """A setting by its dotted name; None where the configuration does not say."""
    for part in name.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _same(found: object, ours: object) -> bool:
    if isinstance(ours, list):
        return isinstance(found, list | tuple) and len(found) == len(ours) and all(map(_same, found, ours))
    if isinstance(ours, int | float) and isinstance(found, int | float):
        return abs(found - ours) < 1e-6
    return found == ours
