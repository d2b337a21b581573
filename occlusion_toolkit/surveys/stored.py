"""One regressor's sweeps over a whole data set: a folder with a manifest and shards of some images each.

    FOLDER/survey.json             what was swept and how; once the run is complete, checksums of all shards
    FOLDER/shards/shard-00000.h5   the maps of the first images, in the order of the data set

Shards appear whole or not at all, so the files that are there are the progress of a run. The layout is
documented in docs/survey.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.surveys.survey_shard import (
    MAX_SHARD_IMAGES,
    ImageKey,
    ReadOut,
    SurveyShard,
    read_shard,
    write_shard,
)
from occlusion_toolkit.sweep.protocol import GridCard, ProtocolCard

__all__ = ["ImageKey", "Manifest", "ReadOut", "Survey", "SurveyShard", "read_shard", "write_shard"]

MANIFEST_NAME = "survey.json"


class Manifest(BaseModel):
    """What `survey.json` holds.

    Attributes:
        kind: always "survey".
        version: of the layout of the folder.
        card: what the numbers mean.
        joint_set: name of the joint set that was measured.
        images: samples of the whole survey.
        shard_size: images per shard; the last shard may have fewer.
        batch_size: passes that go through the network together; fixes the rounding of every number.
        checksums: SHA-256 of every shard, in order; None until all are there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["survey"] = "survey"
    version: Literal[1] = 1
    card: ProtocolCard
    joint_set: str
    images: int = Field(ge=1)
    shard_size: int = Field(ge=1, le=MAX_SHARD_IMAGES)
    batch_size: int = Field(ge=1)
    checksums: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Survey:
    """A survey in its folder, complete or under way.

    Attributes:
        folder: where it is.
        manifest: what its `survey.json` says.
    """

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path | str) -> "Survey":
        """The survey of a folder.

        Raises:
            ResultError: there is no manifest, or it is malformed.
        """
        path = Path(folder) / MANIFEST_NAME
        if not path.is_file():
            raise ResultError(f"{str(folder)!r} holds no survey ({MANIFEST_NAME}); give the folder of one")
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ResultError(f"{str(path)!r} is malformed ({place}: {first['msg']})") from error
        except OSError as error:
            raise ResultError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
        survey = cls(Path(folder), manifest)
        if manifest.checksums is not None and len(manifest.checksums) != survey.num_shards:
            raise ResultError(f"{str(path)!r} lists {len(manifest.checksums)} of {survey.num_shards} shards")
        return survey

    @property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""
        return self.manifest.card

    @property
    def grid(self) -> GridCard:
        """The windows of every sweep."""
        return self.card.windows

    @property
    def joint_set(self) -> str:
        """Name of the joint set that was measured."""
        return self.manifest.joint_set

    @property
    def num_images(self) -> int:
        """Samples of the whole survey, done or not."""
        return self.manifest.images

    @property
    def num_shards(self) -> int:
        """Shards of the whole survey, done or not."""
        return -(-self.manifest.images // self.manifest.shard_size)

    @property
    def complete(self) -> bool:
        """Whether all shards were written and sealed with their checksums."""
        return self.manifest.checksums is not None

    def images_of(self, shard: int) -> range:
        """Positions in the data set of a shard's images."""
        first = shard * self.manifest.shard_size
        return range(first, min(first + self.manifest.shard_size, self.num_images))

    def shard_path(self, shard: int) -> Path:
        """The file of a shard, whether it is there or not."""
        return self.folder / "shards" / f"shard-{shard:05d}.h5"

    def missing(self) -> list[int]:
        """Shards that are not there yet, in order."""
        return [shard for shard in range(self.num_shards) if not self.shard_path(shard).is_file()]

    def shard(self, shard: int) -> SurveyShard:
        """Reads one shard, after comparing its checksum where there is one.

        Raises:
            ResultError: it is missing, damaged, was changed, or is not that shard of this survey.
        """
        path = self.shard_path(shard)
        if self.manifest.checksums is not None and sha256_file(path) != self.manifest.checksums[shard]:
            raise ResultError(f"{str(path)!r} was changed after the run; repeat the run")
        content = read_shard(path)
        positions = self.images_of(shard)
        if content.card != self.card or content.joint_set != self.joint_set:
            raise ResultError(f"{str(path)!r} belongs to another survey; remove it and use --resume")
        if (content.first, len(content.images)) != (positions.start, len(positions)):
            raise ResultError(f"{str(path)!r} holds other images than its name says; remove it")
        return content

    def shards(self, allow_partial: bool = False) -> Iterator[SurveyShard]:
        """All shards in the order of the data set, one in memory at a time.

        Args:
            allow_partial: pass over shards that are not there yet instead of refusing.

        Raises:
            ResultError: the survey is not complete, or a shard is damaged or was changed.
        """
        if not (self.complete or allow_partial):
            raise ResultError(
                f"the survey in {str(self.folder)!r} is not complete: {len(self.missing())} of "
                f"{self.num_shards} shards are missing; finish it with the same command and --resume"
            )
        missing = set() if self.complete else set(self.missing())
        return (self.shard(shard) for shard in range(self.num_shards) if shard not in missing)

    def save(self) -> None:
        """Writes the manifest, whole or not at all.

        Raises:
            ResultError: the folder cannot be written.
        """
        write_text(self.folder / MANIFEST_NAME, self.manifest.model_dump_json(indent=1) + "\n")

    def sealed(self) -> "Survey":
        """The complete survey, after reading every shard once and writing the checksums into the manifest.

        Raises:
            ResultError: a shard is missing, damaged or of another survey.
        """
        for shard in range(self.num_shards):
            self.shard(shard)
        checksums = tuple(sha256_file(self.shard_path(shard)) for shard in range(self.num_shards))
        sealed = Survey(self.folder, self.manifest.model_copy(update={"checksums": checksums}))
        sealed.save()
        return sealed
