"""Occlusion sensitivity meshes: how far each joint is thrown off when a vertex of the body is occluded.

An `xarray.Dataset`, stored as it is:

    mean, variance, ci_low, ci_high  (over, metric, where, joint, vertex)  mm, mm^2; NaN where not defined
    count                            (over, where, vertex)                 frames (sequences) with a value
    sequence_means                   (sequence, metric, joint, vertex)     mm; of the rule "cell"
    sequence_counts                  (sequence, vertex)                    frames of the sequence with a value
    vertices_m, faces, vertex_part   (vertex, xyz), (face, corner), (vertex)   the body they are shown on

`metric` are names such as `pa_error`; `joint` are the joints and, last, "mean", the mean over the joints.
`where` are the rules by which a visible vertex takes a value from the maps of an image (docs/pooling.md):
"cell" the value at the cell that contains its projection, "hidden" the mean over the windows that cover it,
"elsewhere" the mean over those that do not. `over` is "frames", each counting once (its interval treats
frames as independent, which those of one video are not), or "sequences", the means of sequences each
counting once: the interval to report.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr
from jaxtyping import Int64

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.netcdf import load_dataset, save_dataset
from occlusion_toolkit.plotting.style import save_picture
from occlusion_toolkit.sweep.maps import card_of, metric_names, with_card
from occlusion_toolkit.sweep.protocol import ProtocolCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from occlusion_toolkit.meshes.table import MeshTable

KIND = "mesh"
LAYOUT = 2

Rule = Literal["cell", "hidden", "elsewhere"]
RULES: tuple[Rule, ...] = ("cell", "hidden", "elsewhere")
"""What a visible vertex takes from the maps of one image."""

LEVELS = ("frames", "sequences")
"""What is counted."""

MEAN_OF_JOINTS = "mean"
"""Name of the last joint: the mean over the joints."""

_PER_JOINT = ("over", "metric", "where", "joint", "vertex")
VARIABLES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "mean": (_PER_JOINT, "f", "mm"),
    "variance": (_PER_JOINT, "f", "mm^2"),
    "ci_low": (_PER_JOINT, "f", "mm"),
    "ci_high": (_PER_JOINT, "f", "mm"),
    "count": (("over", "where", "vertex"), "i", "1"),
    "sequence_means": (("sequence", "metric", "joint", "vertex"), "f", "mm"),
    "sequence_counts": (("sequence", "vertex"), "i", "1"),
    "vertices_m": (("vertex", "xyz"), "f", "m"),
    "faces": (("face", "corner"), "i", "1"),
    "vertex_part": (("vertex",), "i", "1"),
}
"""Dimensions, kind of number and unit of everything that is stored."""


class SensitivityMesh:
    """The occlusion sensitivity meshes of one regressor on one data set.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.

    Example:
        >>> import tempfile
        >>> import occlusion_toolkit as ot
        >>> people = ot.open_dataset("open", limit=2)
        >>> sweep = ot.OcclusionSweep("pare-open", size=112, stride=112)
        >>> mesh = ot.survey(sweep, people, out=tempfile.mkdtemp()).mesh()
        >>> mesh.sel(metric="increase", joint="left_wrist").dims
        ('vertex',)
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self.dataset = dataset

    @classmethod
    def of(
        cls,
        arrays: Mapping[str, np.ndarray],
        names: Mapping[str, Sequence[str]],
        surface: BodySurface,
        card: ProtocolCard,
        *,
        metric: str,
        num_images: int,
    ) -> SensitivityMesh:
        """Meshes of arrays.

        Args:
            arrays: all of `VARIABLES` but the surface.
            names: of "metric", "joint" (with "mean" at the end) and "sequence".
            surface: the body to show them on.
            card: what the numbers mean.
            metric: what is shown first.
            num_images: frames that were pooled.
        """
        arrays = {
            **arrays,
            "vertices_m": surface.vertices_m,
            "faces": surface.faces,
            "vertex_part": surface.vertex_parts,
        }
        variables = {
            name: xr.Variable(dimensions, arrays[name], {"units": unit})
            for name, (dimensions, _, unit) in VARIABLES.items()
        }
        labels = {"over": LEVELS, "where": RULES, "part": surface.part_names, **names}
        dataset = xr.Dataset(
            variables,
            {name: list(values) for name, values in labels.items()},
            {"metric": metric, "num_images": num_images},
        )
        return cls(with_card(dataset, card))

    @classmethod
    def open(cls, path: Path | str) -> SensitivityMesh:
        """Reads stored meshes.

        Raises:
            ResultError: the file is missing, damaged, incomplete, or holds something else.
        """
        dataset = load_dataset(path, KIND, LAYOUT)
        try:
            _check(dataset)
        except ResultError as error:
            raise ResultError(f"{str(path)!r} cannot be used: {error}") from error
        return cls(dataset)

    @cached_property
    def card(self) -> ProtocolCard:
        """What the numbers mean; `card.body` is the topology that the vertices belong to."""
        return card_of(self.dataset)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What was pooled, such as `displacement`, `error` and `increase`."""
        return tuple(str(name) for name in self.dataset["metric"].values)

    @property
    def metric(self) -> str:
        """What is read and drawn unless another metric is asked for."""
        return str(self.dataset.attrs["metric"])

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints in order, and "mean"."""
        return tuple(str(name) for name in self.dataset["joint"].values)

    @property
    def sequences(self) -> tuple[str, ...]:
        """The sequences that the frames are from, in the order of the data set."""
        return tuple(str(name) for name in self.dataset["sequence"].values)

    @property
    def num_images(self) -> int:
        """Frames that were pooled, whether anything was visible in them or not."""
        return int(self.dataset.attrs["num_images"])

    @property
    def num_vertices(self) -> int:
        """Vertices of the body."""
        return self.dataset.sizes["vertex"]

    @property
    def count(self) -> Int64[np.ndarray, " vertices"]:
        """Frames that have a value for each vertex under the rule "cell", (V,)."""
        return np.asarray(self.dataset["count"].sel(over="frames", where="cell").values)

    @cached_property
    def surface(self) -> BodySurface:
        """The body that the values are shown on."""
        return BodySurface(
            self.card.body,
            vertices_m=self.dataset["vertices_m"].values,
            faces=self.dataset["faces"].values,
            vertex_parts=self.dataset["vertex_part"].values,
            part_names=tuple(str(name) for name in self.dataset["part"].values),
        )

    def sel(
        self,
        *,
        metric: str | None = None,
        joint: str | None = None,
        where: Rule = "cell",
        statistic: Literal["mean", "variance", "ci_low", "ci_high"] = "mean",
        over: Literal["frames", "sequences"] = "frames",
    ) -> xr.DataArray:
        """A statistic by the names of things, mm (variance: mm^2); NaN where no image shows the vertex.

        Args:
            metric: one of `metrics`.
            joint: a joint or "mean", which leaves (vertex,); None leaves (joint, vertex).
            where: by which rule vertices take values.
            statistic: the mean, its variance over frames or sequences, or an end of its 95 % interval.
            over: what counts once.

        Raises:
            UsageError: the meshes do not hold it.
        """
        self._require("metric", metric or self.metric, self.metrics)
        values = self.dataset[statistic].sel(over=over, metric=metric or self.metric, where=where, drop=True)
        if joint is None:
            return values
        self._require("joint", joint, self.joints)
        return values.sel(joint=joint, drop=True)

    def table(self, metric: str | None = None) -> MeshTable:
        """Which part of the body each joint depends on.

        Raises:
            ResultError: no image shows any vertex.
            UsageError: the metric was not pooled.
        """
        from occlusion_toolkit.meshes.table import summarise

        return summarise(self, metric)

    def plot(
        self, path: Path | str | None = None, *, metric: str | None = None, joint: str | None = None
    ) -> Figure:
        """The body from all sides, in the colours of a metric (PARE, Figures 3 and 5).

        Args:
            path: where to write it, by suffix (.png, .pdf, .svg, .jpg); None to get the figure only.
            metric: one of `metrics`.
            joint: a joint or "mean" alone, large and with a scale of its own; None for all on one scale.

        Raises:
            UsageError: the meshes do not hold it.
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.meshes.pictures import joint_figure, joints_figure

        figure = joints_figure(self, metric) if joint is None else joint_figure(self, joint, metric)
        return save_picture(figure, path)

    def report(self, path: Path | str) -> None:
        """Writes an interactive page (.html) of the body to turn; it needs no network.

        Raises:
            ResultError: the file cannot be written, or no image shows any vertex.
        """
        from occlusion_toolkit.report.results import write_mesh_page

        write_mesh_page(Path(path), self)

    def save(self, path: Path | str, *, metric: str | None = None, joint: str = MEAN_OF_JOINTS) -> None:
        """Writes the meshes in the format of the suffix.

        Args:
            path: .h5 for everything, which any NetCDF reader opens; .csv for the means of every vertex; .glb
                for the coloured body with the means of all joints; .ply for the body with those of one.
            metric: of the colours.
            joint: of the colours, and of a .ply file.

        Raises:
            UsageError: the suffix is none of these, or the meshes do not hold the metric or the joint.
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.meshes.pictures import save_csv, save_glb, save_ply

        path = Path(path)
        if path.suffix in (".csv", ".glb", ".ply"):
            make_folder(path.parent)
        if path.suffix == ".h5":
            save_dataset(path, self.dataset, KIND, LAYOUT)
        elif path.suffix == ".csv":
            save_csv(self, path)
        elif path.suffix == ".glb":
            save_glb(self, path, joint, metric)
        elif path.suffix == ".ply":
            save_ply(self, path, joint, metric)
        else:
            raise UsageError(f"meshes are written as .h5, .glb, .ply or .csv, not as {path.name!r}")

    def __repr__(self) -> str:
        return (
            f"SensitivityMesh({self.card.model_card}, {self.num_images} images of {len(self.sequences)} "
            f"sequences, {len(self.joints) - 1} joints, {self.num_vertices} vertices, {self.metric})"
        )

    def _repr_html_(self) -> str:
        picture = io.BytesIO()
        self.plot(joint=MEAN_OF_JOINTS).savefig(picture, format="png", dpi=110)
        encoded = base64.b64encode(picture.getvalue()).decode()
        return f'<img alt="{self!r}" src="data:image/png;base64,{encoded}">{self.table().to_html()}'

    @staticmethod
    def _require(kind: str, name: str, held: tuple[str, ...]) -> None:
        if name not in held:
            raise UsageError(f"the meshes hold no {kind} {name!r}; they hold: {', '.join(held)}")


def _check(dataset: xr.Dataset) -> None:
    """Makes sure that everything is there, of one size, and points nowhere else.

    Raises:
        ResultError: it is not.
    """
    names = {"over": LEVELS, "metric": metric_names(card_of(dataset)), "where": RULES}
    for name, expected in names.items():
        if name not in dataset.coords or tuple(dataset[name].values) != expected:
            raise ResultError(f"its {name} is not {', '.join(expected)}, as its card says")
    for name in ("joint", "sequence", "part"):
        if name not in dataset.coords or dataset[name].dtype.kind != "U" or dataset[name].dims != (name,):
            raise ResultError(f"{name} does not hold names")
    for name, (dimensions, kind, _) in VARIABLES.items():
        if name not in dataset:
            raise ResultError(f"{name} is missing")
        if dataset[name].dims != dimensions or dataset[name].dtype.kind != kind:
            raise ResultError(f"{name} has dimensions {dataset[name].dims} of {dataset[name].dtype}")
    for name, limit in (("faces", "vertex"), ("vertex_part", "part")):
        values = dataset[name].values
        if values.size and not 0 <= values.min() <= values.max() < dataset.sizes[limit]:
            raise ResultError(f"{name} has numbers outside 0..{dataset.sizes[limit] - 1}")
    triangles = (dataset.sizes["xyz"], dataset.sizes["corner"]) == (3, 3)
    if not triangles or not np.isfinite(dataset["vertices_m"].values).all():
        raise ResultError("its surface is not one of finite points and triangles")
    if dataset.attrs.get("metric") not in metric_names(card_of(dataset)):
        raise ResultError("it names a metric to show that it does not hold")
    if not isinstance(dataset.attrs.get("num_images"), (int, np.integer)):
        raise ResultError("it does not say of how many images it is")
