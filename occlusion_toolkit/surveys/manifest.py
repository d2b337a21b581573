"""What `survey.json` says of a survey: its card, how it is cut into shards, and their checksums."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.sweep.protocol import ProtocolCard

MANIFEST_NAME = "survey.json"
_CHECKSUM = "sha256"

MAX_SHARD_IMAGES = 4096
"""More images than this are never in one shard."""


class Manifest(BaseModel):
    """What `survey.json` holds.

    Attributes:
        kind: always "survey".
        version: of the layout of the folder.
        card: what the numbers mean.
        joint_names: of the joints that were measured, in order.
        images: samples of the whole survey.
        shard_size: images per shard; the last shard may have fewer.
        batch_size: passes that go through the network together; fixes the rounding of every number.
        engine: which engine answers the windows; fixes it too.
        deviation_mm: mean and largest deviation of the low precision that was asked for, on the first image;
            None where none was. The card says which precision was then used.
        checksums: SHA-256 of every shard, in order; None until all are there.
        sha256: of everything else in the file, so that damage is found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["survey"] = "survey"
    version: Literal[3] = 3
    card: ProtocolCard
    joint_names: tuple[str, ...]
    images: int = Field(ge=1)
    shard_size: int = Field(ge=1, le=MAX_SHARD_IMAGES)
    batch_size: int = Field(ge=1)
    engine: str = "dense"
    deviation_mm: tuple[float, float] | None = None
    checksums: tuple[str, ...] | None = None
    sha256: str | None = Field(default=None, exclude=True, repr=False)

    @property
    def num_shards(self) -> int:
        """Shards of the whole survey, done or not."""
        return -(-self.images // self.shard_size)


def manifest_sha256(content: dict[str, Any]) -> str:
    """The checksum of a manifest: of what it says besides."""
    said = {name: value for name, value in content.items() if name != _CHECKSUM}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def manifest_is_damaged(path: Path) -> bool:
    """Whether a manifest is missing or not what was written; that of another version or kind is no damage."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return True
    if not isinstance(content, dict):
        return True
    if _CHECKSUM in content:
        return bool(content[_CHECKSUM] != manifest_sha256(content))
    is_ours = (
        content.get("kind") == "survey" and content.get("version") == Manifest.model_fields["version"].default
    )
    return is_ours and not set(content) <= set(Manifest.model_fields)


def read_manifest(folder: Path | str) -> Manifest:
    """The manifest of a folder.

    Raises:
        ResultError: there is none, or it is malformed or damaged.
    """
    path = Path(folder) / MANIFEST_NAME
    if not path.is_file():
        raise ResultError(f"{str(folder)!r} holds no survey ({MANIFEST_NAME}); give the folder of one")
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        if manifest_is_damaged(path):
            raise ResultError(
                f"{str(path)!r} is damaged: its checksum is not that of what it holds; the command that "
                "made it writes it again with --resume, and keeps the shards"
            )
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("version",):
            raise ResultError(
                f"{str(path)!r} is of another version of the toolkit: its shards lack the joints under "
                "every window and what the crops show; make the survey again, into another folder"
            ) from error
        place = ".".join(str(part) for part in first["loc"])
        raise ResultError(f"{str(path)!r} is malformed ({place}: {first['msg']})") from error
    except OSError as error:
        raise ResultError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    if manifest.checksums is not None and len(manifest.checksums) != manifest.num_shards:
        raise ResultError(f"{str(path)!r} lists {len(manifest.checksums)} of {manifest.num_shards} shards")
    return manifest.model_copy(update={"sha256": None})


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest of a folder, whole or not at all.

    Raises:
        ResultError: the folder cannot be written.
    """
    content = manifest.model_dump(mode="json")
    marked = content | {_CHECKSUM: manifest_sha256(content)}
    write_text(folder / MANIFEST_NAME, json.dumps(marked, indent=1) + "\n")
