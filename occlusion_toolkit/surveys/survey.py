"""One regressor's sweeps over a whole data set: a folder with a manifest and shards of some images each.

    FOLDER/survey.json             what was swept and how; once the run is complete, checksums of all shards
    FOLDER/shards/shard-00000.h5   the maps of the first images, in the order of the data set

A shard holds maps (`occlusion_toolkit.sweep.maps`) like the result of a heatmap, without the bodies under
every window, but with what the crops truly show (`occlusion_toolkit.data.scene`). Shards appear whole or not
at all, so the files that are there are the progress of a run.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.data.protocol import gender_rule_of
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.surveys.manifest import Manifest, read_manifest, write_manifest
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import card_of, metric_names, open_maps, stacked
from occlusion_toolkit.sweep.measure import Metric, metrics_with
from occlusion_toolkit.sweep.occluders import describe, occluder_of
from occlusion_toolkit.sweep.protocol import ProtocolCard

if TYPE_CHECKING:
    import torch

    from occlusion_toolkit.body.body_model import BodyModel
    from occlusion_toolkit.body.rasterize import RasterizerChoice
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
    from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
    from occlusion_toolkit.models.registry import AnyRegressor


class Survey:
    """A survey in its folder, complete or under way. The checksum of a shard is compared once.

    Args:
        folder: where it is.
        manifest: what its `survey.json` says.
        bodies: where the body that was measured comes from; needed for meshes and for sweeping again.

    Attributes:
        folder: as given.
        manifest: as given.
    """

    def __init__(self, folder: Path, manifest: Manifest, bodies: Bodies | None = None) -> None:
        self.folder = folder
        self.manifest = manifest
        self._bodies = bodies or Bodies()
        self._intact: dict[int, str] = {}

    @classmethod
    def open(cls, folder: Path | str, bodies: Bodies | None = None) -> Survey:
        """The survey of a folder.

        Raises:
            ResultError: there is no manifest, or it is malformed.
        """
        return cls(Path(folder), read_manifest(folder), bodies)

    @property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""
        return self.manifest.card

    @property
    def grid(self) -> Grid:
        """The windows of every sweep."""
        return self.card.windows

    @property
    def body(self) -> BodyModel:
        """The body that was measured, or that joints alone are shown on.

        Raises:
            BodyModelError: it is not at hand.
        """
        return self._bodies.load(self.card.shown_on)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joints that were measured, in order."""
        return self.manifest.joint_names

    @property
    def metrics(self) -> tuple[str, ...]:
        """What can be read, such as `displacement`, `pa_error` and `increase`."""
        return metric_names(self.card)

    @property
    def num_images(self) -> int:
        """Samples of the whole survey, done or not."""
        return self.manifest.images

    @property
    def num_shards(self) -> int:
        """Shards of the whole survey, done or not."""
        return self.manifest.num_shards

    @property
    def complete(self) -> bool:
        """Whether all shards were written and sealed with their checksums."""
        return self.manifest.checksums is not None

    @property
    def maps(self) -> xr.Dataset:
        """All maps as one data set, (image, joint, row, col), read from disk when they are first used.

        Raises:
            ResultError: as `shards`.
        """
        self._require_complete()
        maps = stacked([self._open(shard, lazy=True).chunk() for shard in range(self.num_shards)])
        return maps.assign_coords({name: maps[name].compute() for name in maps.coords})

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

    def damaged(self, shards: Iterable[int]) -> dict[int, str]:
        """Which shards are there but not intact, and why.

        Raises:
            ResultError: one is intact, but of another survey.
        """
        found = {}
        for shard in shards:
            if self.shard_path(shard).is_file():
                try:
                    maps = self._open(shard)
                except ResultError as error:
                    found[shard] = str(error)
                else:
                    self._require_own(shard, maps)
        return found

    def shard(self, shard: int) -> xr.Dataset:
        """Reads one shard: maps of some images, with `sequence`, `frame`, `person` and `file` of each.

        Raises:
            ResultError: it is missing, damaged, was changed, or is not that shard of this survey.
        """
        maps = self._open(shard)
        self._require_own(shard, maps)
        return maps

    def shards(self) -> Iterator[xr.Dataset]:
        """All shards in the order of the data set, one in memory at a time.

        Raises:
            ResultError: the survey is not complete, or a shard is damaged or was changed.
        """
        self._require_complete()
        return (self.shard(shard) for shard in range(self.num_shards))

    def sweep(
        self,
        model: AnyRegressor | None = None,
        *,
        metrics: Mapping[str, Metric] | None = None,
        **settings: Any,
    ) -> OcclusionSweep:
        """The sweep that the survey was made with, to sweep one of its images again.

        Args:
            model: where the card's name is not enough: the path of a card, or a network.
            metrics: by name; None takes those of the card from the toolkit and from installed packages.
            settings: other arguments of `OcclusionSweep`, such as `device`.

        Raises:
            OccluderError: the occluder is not at hand, such as a picture that was moved.
            UsageError: a metric of the card is not at hand; give it.
        """
        from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep

        card, grid = self.card, self.grid
        if metrics is None:
            known = metrics_with(*card.metrics)
            metrics = {name: known[name] for name in card.metrics}
        return OcclusionSweep(
            model or card.model_card,
            **{
                "size": grid.size,
                "stride": grid.stride,
                "grid": grid.kind,
                "occluder": occluder_of(card.occluder or {}, grid.size),
                "metrics": metrics,
                "joints": card.joint_set,
                "true_gender": gender_rule_of(card.gender_rule),
                "batch_size": self.manifest.batch_size,
                "engine": self.manifest.engine,
                "precision": card.precision,
                "tolerance_mm": None,
                "compile": card.compiled,
                "bodies": self._bodies,
            }
            | settings,
        )

    def mesh(
        self,
        metric: str | Sequence[str] | None = None,
        *,
        rasterizer: RasterizerChoice = "auto",
        device: torch.device | str = "auto",
        watch: Callable[[xr.Dataset], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> SensitivityMesh:
        """Carries all maps to the vertices of the body and pools them (PARE, Section 3, Figures 3 and 5).

        Args:
            metric: what to pool, and what is shown first: a name of `metrics`, or several. With `error`
                come `displacement` and `increase`, with `pa_error` the same after Procrustes alignment.
                None takes the error, or the displacement where there is no truth.
            rasterizer: what decides which vertices an image shows: "builtin", "pytorch3d", or "auto" for
                PyTorch3D on a GPU where it is installed.
            device: where bodies are posed and drawn; "auto" takes a GPU where there is one.
            watch: shown every shard that is read, so that others need not read it again.
            progress: called with images done and images in all.

        Raises:
            ResultError: the survey is not complete or not intact, or its images are not grouped by sequence.
            BodyModelError: its body is not at hand.
            UsageError: the metric was not measured.
            RenderingError: PyTorch3D was asked for and is not there.
        """
        from occlusion_toolkit.meshes.pool import pool

        return pool(
            self, self._bodies, metric, rasterizer=rasterizer, device=device, watch=watch, progress=progress
        )

    def save(self) -> None:
        """Writes the manifest, whole or not at all.

        Raises:
            ResultError: the folder cannot be written.
        """
        write_manifest(self.folder, self.manifest)

    def sealed(self) -> Survey:
        """The complete survey, after reading every shard and writing the checksums into the manifest.

        Raises:
            ResultError: a shard is missing, damaged or of another survey.
        """
        for shard in set(range(self.num_shards)) - set(self._intact):
            self.shard(shard)
        checksums = tuple(self._intact[shard] for shard in range(self.num_shards))
        sealed = Survey(self.folder, self.manifest.model_copy(update={"checksums": checksums}), self._bodies)
        sealed._intact = dict(self._intact)
        sealed.save()
        return sealed

    def reopened(self) -> Survey:
        """The same survey without its seal, as it was while it was under way; what was read stays known."""
        opened = Survey(self.folder, self.manifest.model_copy(update={"checksums": None}), self._bodies)
        opened._intact = dict(self._intact)
        return opened

    def __repr__(self) -> str:
        state = "complete" if self.complete else f"{len(self.missing())} of {self.num_shards} shards missing"
        return f"Survey({str(self.folder)!r}: {self.card.model_card}, {self.num_images} images, {state})"

    def _repr_html_(self) -> str:
        card, grid = self.card, self.grid
        facts = {
            "model": card.model_card,
            "data set": f"{card.dataset_and_split}, {self.num_images} images",
            "windows": f"{len(grid)} of {grid.size} px, {grid.stride} px apart",
            "occluder": describe(card.occluder),
            "metrics": ", ".join(self.metrics),
            "shards": f"{self.num_shards - len(self.missing())} of {self.num_shards}",
            "folder": str(self.folder),
            "protocol": card.hash,
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(fact)}</td></tr>" for name, fact in facts.items()
        )
        return f"<table><caption>Survey</caption>{rows}</table>"

    def _open(self, shard: int, *, lazy: bool = False) -> xr.Dataset:
        """The maps of a shard, once its bytes are known to be those that were written.

        Raises:
            ResultError: it is missing, damaged or was changed.
        """
        path = self.shard_path(shard)
        checksum = self._intact.get(shard) or sha256_file(path)
        if self.manifest.checksums is not None and checksum != self.manifest.checksums[shard]:
            raise ResultError(
                f"{str(path)!r} was changed after the run; repeat the run with --resume, which makes it again"
            )
        maps = open_maps(path, lazy=lazy)
        if not lazy or self.complete:
            self._intact[shard] = checksum
        return maps

    def _require_own(self, shard: int, maps: xr.Dataset) -> None:
        path, positions = str(self.shard_path(shard)), self.images_of(shard)
        if card_of(maps) != self.card or tuple(maps["joint"].values) != self.joint_names:
            raise ResultError(f"{path!r} belongs to another survey; remove it and use --resume")
        if maps["image"].values.tolist() != list(positions):
            raise ResultError(f"{path!r} holds other images than its name says; remove it and use --resume")

    def _require_complete(self) -> None:
        if not self.complete:
            raise ResultError(
                f"the survey in {str(self.folder)!r} is not complete: {len(self.missing())} of "
                f"{self.num_shards} shards are missing; finish it with the same command and --resume"
            )
