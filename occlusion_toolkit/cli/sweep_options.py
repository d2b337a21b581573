"""The options of every command that sweeps: which network, which windows, what is pasted, where it runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import rich_click as click

if TYPE_CHECKING:
    from occlusion_toolkit.body.joints import JointSet
    from occlusion_toolkit.cli.body_options import BodyOptions
    from occlusion_toolkit.data.protocol import GenderRule
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep

_LARGEST_CROP = 4096  # as in sweep.grid, which is too slow to import here

_Command = TypeVar("_Command", bound=Callable[..., Any])


gt_gender_option = click.option(
    "--gt-gender",
    "true_gender",
    type=click.Choice(["gendered", "neutral", "auto"]),
    default="auto",
    show_default=True,
    callback=lambda _context, _option, rule: None if rule == "auto" else rule,
    help="Body of the ground truth on SMPL; auto: that of the model's paper (PARE neutral, others gendered).",
)
"""`--gt-gender`; it arrives as `true_gender`, None for auto."""


@dataclass(frozen=True)
class EngineOptions:
    """Values of the options that one sweep and several have in common, as given.

    Attributes:
        stride: step between windows, pixels of the crop.
        grid: rule that places the windows.
        occluder: what is pasted.
        device: "auto", "cpu", "cuda" or "cuda:N".
        batch_size: windows per forward pass; None for automatic.
        precision: arithmetic of the network.
        tolerance_mm: mean and largest deviation up to which low precision is used.
        compile: run the network through `torch.compile`.
        engine: which engine answers the windows.
        true_gender: body of the ground truth; None for that of the model's paper.
    """

    stride: int
    grid: Literal["centred", "inside", "script"]
    occluder: str
    device: str
    batch_size: int | None
    precision: Literal["fp32", "bf16", "fp16"]
    tolerance_mm: tuple[float, float]
    compile: bool
    engine: str
    true_gender: GenderRule | None

    def sweep(
        self,
        model: str,
        size: int,
        body: BodyOptions,
        joints: JointSet | str = "lsp14",
        metric: str | None = None,
    ) -> OcclusionSweep:
        """The sweep of a model with squares of a size.

        Args:
            model: name or path of a card.
            size: side of the occluder, pixels of the crop.
            body: which body is meant.
            joints: what to measure.
            metric: what will be shown; it is measured besides the built-in metrics.

        Raises:
            OcclusionToolkitError: a setting does not fit; the message says which.
        """
        from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
        from occlusion_toolkit.models.registry import load_card
        from occlusion_toolkit.sweep.maps import metric_parts
        from occlusion_toolkit.sweep.measure import metrics_with

        shared = {field.name: getattr(self, field.name) for field in fields(EngineOptions)}
        return OcclusionSweep(
            model,
            size=size,
            joints=joints,
            metrics=metrics_with(*([metric_parts(metric)[0]] if metric else [])),
            bodies=body.bodies(load_card(model)),
            **shared,
        )


@dataclass(frozen=True)
class SweepOptions(EngineOptions):
    """Values of the options of one sweep, as given.

    Attributes:
        model: name or path of a card.
        size: side of the occluder, pixels of the crop.
    """

    model: str
    size: int

    def settings(
        self, body: BodyOptions, joints: JointSet | str = "lsp14", metric: str | None = None
    ) -> OcclusionSweep:
        """The sweep that the options describe; see `EngineOptions.sweep`."""
        return self.sweep(self.model, self.size, body, joints, metric)


@dataclass(frozen=True)
class SeveralSweeps(EngineOptions):
    """Values of the options of a command that sweeps several models, as given.

    Attributes:
        models: names or paths of cards.
        sizes: sides of the occluders in pixels of the crop, increasing.
    """

    models: tuple[str, ...]
    sizes: tuple[int, ...]


def _engine_options(stride: int) -> tuple[Callable[[_Command], _Command], ...]:
    """What one sweep and several have in common."""
    return (
        click.option(
            "--stride", default=stride, show_default=True, help="Step between windows, pixels of the crop."
        ),
        click.option(
            "--grid",
            type=click.Choice(["centred", "inside", "script"]),
            default="centred",
            show_default=True,
            help="How windows are laid over the crop.",
        ),
        click.option(
            "--occluder",
            default="grey",
            show_default=True,
            help="grey, black, white, mean, noise, noise:SEED, blur, image:PATH, or that of a package.",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
        click.option(
            "--batch-size", type=click.IntRange(min=1), help="Windows per forward pass. Default: automatic."
        ),
        click.option(
            "--precision",
            type=click.Choice(["fp32", "bf16", "fp16"]),
            default="fp32",
            show_default=True,
            help="Arithmetic; 16 bits are measured against fp32 on the first crop.",
        ),
        click.option(
            "--tolerance-mm",
            nargs=2,
            type=click.FloatRange(min=0.0),
            default=(1.0, 10.0),
            show_default=True,
            metavar="MEAN LARGEST",
            help="Deviation of joints beyond which 16 bits give way to fp32.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["auto", "dense", "fused", "incremental"]),
            default="auto",
            show_default=True,
            help="Whole networks, plain or fused, or only what a window changes; the same numbers.",
        ),
        gt_gender_option,
        click.option(
            "--compile", is_flag=True, help="Use torch.compile; how much it changes is measured and stored."
        ),
    )


def sweep_options(*, stride: int) -> Callable[[_Command], _Command]:
    """Adds the options; they arrive together as the argument `sweep`.

    Args:
        stride: default of `--stride`.
    """
    options = (
        click.option(
            "--model", default="pare-open", show_default=True, help="Name of a card, or path of one (.yaml)."
        ),
        click.option(
            "--size", default=40, show_default=True, help="Side of the occluder, pixels of the 224x224 crop."
        ),
        *_engine_options(stride),
    )

    return _gathered_as("sweep", options, lambda values: SweepOptions(**values), SweepOptions)


def sweeps_options(*, stride: int, sizes: str = "40") -> Callable[[_Command], _Command]:
    """Adds the options of commands that sweep several models; they arrive as the argument `sweeps`.

    Args:
        stride: default of `--stride`.
        sizes: default of `--size`.
    """
    options = (
        click.option(
            "--model",
            "models",
            multiple=True,
            help="Name of a card, or path of one (.yaml); give it once for each model.",
        ),
        click.option(
            "--size",
            "sizes",
            type=_Sizes(),
            default=sizes,
            show_default=True,
            metavar="PX[,PX…]",
            help="Side of the occluder, pixels of the 224x224 crop; several for a curve: 20,40,60,80, or "
            "20:80:20.",
        ),
        *_engine_options(stride),
    )
    return _gathered_as("sweeps", options, lambda values: SeveralSweeps(**values), SeveralSweeps)


class _Sizes(click.ParamType[tuple[int, ...]]):
    """Whole numbers above zero, separated by commas; FIRST:LAST:STEP stands for several."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The sizes in increasing order, each once."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(sorted({size for word in str(value).split(",") for size in _numbers(word)}))
        except ValueError:
            self.fail(f"{value!r} is not a list of pixels such as 20,40,80 or 20:80:20", param, ctx)
        if sizes[0] < 1:
            self.fail(f"an occluder of {sizes[0]} px hides nothing", param, ctx)
        return sizes


def _numbers(word: str) -> range:
    """A number, or those that FIRST:LAST:STEP stands for.

    Raises:
        ValueError: it is neither.
    """
    first, *others = (int(number) for number in word.split(":"))
    last, step = others or (first, 1)
    if not first <= last <= _LARGEST_CROP:
        raise ValueError(f"{word} has no sizes")
    return range(first, last + 1, step)


def _gathered_as(
    argument: str,
    options: tuple[Callable[[Any], Any], ...],
    make: Callable[[dict[str, Any]], object],
    kind: type,
) -> Callable[[_Command], _Command]:
    """A decorator that adds options and hands their values to the command as one argument."""

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def gathering(**given: Any) -> Any:
            values = {field.name: given.pop(field.name) for field in fields(kind)}
            return command(**{argument: make(values)}, **given)

        decorated: Callable[..., Any] = gathering
        for option in reversed(options):
            decorated = option(decorated)
        return cast(_Command, decorated)

    return decorate
