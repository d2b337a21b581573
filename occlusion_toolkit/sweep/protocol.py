"""Where numbers come from: the protocol card that every stored result carries, and file checksums."""

import hashlib
import json
from importlib import metadata
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from occlusion_toolkit import __version__
from occlusion_toolkit.body.joint_output import JOINTS_ALONE
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import same_occluder

_LIBRARIES = ("torch", "numpy", "scipy", "pillow", "smplx", "roma", "h5py")


def library_versions() -> dict[str, str]:
    """Versions of the installed libraries that numbers depend on, by name of the distribution."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


class ProtocolCard(BaseModel):
    """Everything that decides what a stored number means.

    Attributes:
        analysis: kind of analysis, such as "heatmap".
        metrics: distances that were measured, such as "mpjpe" and "pa_mpjpe": each from the clean prediction
            and, with ground truth, from the truth.
        model_card: id of the regressor's card.
        weights_sha256: checksum of its weights; None where they were made in memory.
        body: topology id of the body model that turned parameters into joints; "joints" where the regressor
            gives joints.
        joint_set: the joints that were measured.
        crop_rule: how the crop was cut from the image, in words.
        own_crop: what the network sees instead of the crop of `crop_rule`, in words; None where it sees that.
            Windows always lie in the square of `crop_rule`, the reference square.
        grid: the windows; None where nothing is occluded.
        occluder: what was pasted (`Occluder.spec`); None where nothing is.
        precision: arithmetic of the network, "fp32", "bf16" or "fp16".
        compiled: whether the network ran through `torch.compile`.
        engine: which engine answered the windows; all of them give the same answers.
        dataset: id of the data set, None for a single photograph.
        split: its split, None for a single photograph.
        ground_truth_body: topology id of the body of the ground truth; None without ground truth.
        gender_rule: which gendered body the ground truth uses; None without ground truth.
        frame_filter: which frames of the data set are used, such as "spin" or "vibe"; None without one.
        skipped: samples that could not be used and were left out (`--skip-bad`).
        pve_alignment: what vertices are centred on before PVE, "none" or "pelvis"; None without PVE.
        rasterizer: what decided which vertices are seen, such as "builtin"; None where nothing was drawn.
        people_sha256: checksum of the list of samples, in order; None for a single photograph.
        trusted_files: files that were opened although they may run code, as `NAME sha256:CHECKSUM`: all that
            the command had opened, whichever of its results they belong to.
        toolkit_version: version of this package.
        libraries: versions of the libraries under it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    MAY_DIFFER: ClassVar[frozenset[str]] = frozenset(
        {
            "metrics",
            "model_card",
            "weights_sha256",
            "own_crop",
            "engine",
            "trusted_files",
            "toolkit_version",
            "libraries",
        }
    )
    """Fields that two comparable results may disagree in: comparing models is the point of comparing, each
    with its own crops under the same windows of the photograph; what was additionally measured does not
    change the rest, and all engines give the same answers."""

    analysis: str
    metrics: tuple[str, ...]
    model_card: str
    weights_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    body: str
    joint_set: str
    crop_rule: str
    own_crop: str | None = None
    grid: Grid | None
    occluder: dict[str, JsonValue] | None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compiled: bool = False
    engine: str | None = None
    dataset: str | None = None
    split: str | None = None
    ground_truth_body: str | None = None
    gender_rule: str | None = None
    frame_filter: str | None = None
    skipped: int = 0
    pve_alignment: Literal["none", "pelvis"] | None = None
    rasterizer: str | None = None
    people_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    trusted_files: tuple[str, ...] = ()
    toolkit_version: str = __version__
    libraries: dict[str, str] = Field(default_factory=library_versions)

    @field_validator("occluder")
    @classmethod
    def _named(cls, spec: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        if spec is not None and not isinstance(spec.get("name"), str):
            raise ValueError("an occluder has a name")
        return spec

    @property
    def dataset_and_split(self) -> str:
        """Whose people, such as "open test"; empty for images of no data set."""
        return " ".join(filter(None, (self.dataset, self.split)))

    @property
    def has_truth(self) -> bool:
        """Whether errors were measured, and not displacements alone."""
        return self.ground_truth_body is not None

    @property
    def shown_on(self) -> str:
        """Topology id of the body that maps are carried to: the truth's where the regressor gives joints."""
        return (self.ground_truth_body or self.body) if self.body == JOINTS_ALONE else self.body

    @property
    def windows(self) -> Grid:
        """The grid of a result that has one.

        Raises:
            ResultError: nothing was occluded.
        """
        if self.grid is None:
            raise ResultError(f"a result of {self.analysis!r} has no windows; give the result of a sweep")
        return self.grid

    def canonical_json(self) -> str:
        """The card as JSON with sorted keys and no spaces: equal cards give equal text.

        `trusted_files`, `skipped` and `own_crop` are left out where there are none, so that these fields
        changed no hash when they came.
        """
        empty = {name for name in ("trusted_files", "skipped", "own_crop") if not getattr(self, name)}
        content = self.model_dump(mode="json", exclude=empty)
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the canonical JSON; marks every artefact."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:16]

    def differences(self, other: "ProtocolCard") -> list[str]:
        """Why two results must not be compared: one line for each field that differs and matters.

        Args:
            other: card of the other result.

        Returns:
            Lines "field: this value, other value"; empty where the results are comparable.
        """

        def same(name: str) -> bool:
            mine, others = getattr(self, name), getattr(other, name)
            if name == "body" and JOINTS_ALONE in (mine, others):
                return True  # joints have no body that could be another one
            return same_occluder(mine, others) if name == "occluder" else bool(mine == others)

        return [
            f"{name}: {getattr(self, name)!s} and {getattr(other, name)!s}"
            for name in type(self).model_fields
            if name not in self.MAY_DIFFER and not same(name)
        ]
