"""`occlusion-toolkit attention`: where a PARE network looks for each body part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.cli.person_options import PersonOptions, person_options

if TYPE_CHECKING:
    from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps
    from occlusion_toolkit.attention_maps.table import AttentionFigures, AttentionTable, PartAttention

_SHOWN_PARTS = 12


@click.command(
    epilog=examples(
        "attention photo.jpg",
        "attention photo.jpg --occlude 92 24 48 48 --out out/hidden",
    )
)
@click.argument("image", type=click.Path(path_type=Path))
@person_options
@click.option(
    "--ground-truth",
    metavar="FILE|ROOT:SPLIT/SEQUENCE:FRAME",
    help="Ground truth, as for `heatmap`, to take the person's box from.",
)
@click.option(
    "--occlude",
    type=int,
    nargs=4,
    metavar="X Y W H",
    help="Also look at the crop with this rectangle of its 224x224 pixels under a grey occluder.",
)
@click.option(
    "--model", default="pare-open", show_default=True, help="Name of a card, or path of one (.yaml)."
)
@body_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@look_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the results. Default: out/attention/NAME."
)
@click.option("--overwrite", is_flag=True, help="Replace another result that is there.")
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def attention(
    image: Path,
    person: PersonOptions,
    ground_truth: str | None,
    occlude: tuple[int, int, int, int] | None,
    model: str,
    body: BodyOptions,
    device: str,
    out: Path | None,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Map where in IMAGE the network looks for each of the 24 body parts (PARE, Figure 7).

    HMR2.0 and CameraHMR look with one query: they get a map for each layer of their decoder.

    With --occlude the maps of the occluded crop stand beside those of the clean one, and the table says how
    much attention left the parts that are hidden. A part is where the network's own clean prediction shows
    it.

    The person is found in the picture unless an option says where they are.

    Writes attention.png, attention.pdf and attention.h5 into the output folder.
    """
    from occlusion_toolkit.attention_maps.run import attention as look
    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.models.registry import load_card
    from occlusion_toolkit.plotting.style import save_figure

    if ground_truth and person.says_where:
        raise click.UsageError("Give one of --bbox, --openpose, --person and --ground-truth.")
    crop = person.crop(image, ground_truth, model)
    window = None
    if occlude is not None:
        x, y, width, height = occlude
        window = (y, y + height, x, x + width)
    maps = look(model, crop, occlude=window, device=device, bodies=body.bodies(load_card(model)))
    out = out or Path("out", "attention", image.stem)
    if not overwrite:
        _require_free(out, maps)
    with staging_folder(out) as folder:
        maps.save(folder / "attention.h5")
        with console.progress("pictures") as drawn:
            figure = maps.plot()
            for number, suffix in enumerate(("png", "pdf"), start=1):
                save_figure(figure, folder / f"attention.{suffix}")
                drawn(number, 2)
    files = [out / f"attention.{suffix}" for suffix in ("png", "pdf", "h5")]
    table = maps.table()
    if as_json:
        console.print_json(table.as_json() | {"files": [str(path) for path in files]})
    else:
        _print(table, files, verbose)


def _require_free(out: Path, maps: AttentionMaps) -> None:
    """Makes sure that nothing but the same result is replaced.

    Raises:
        ResultError: there is another one.
    """
    from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps
    from occlusion_toolkit.errors import ResultError

    path = out / "attention.h5"
    if not path.is_file():
        return
    try:
        held = AttentionMaps.open(path)
    except ResultError:
        return  # damaged
    if not held.is_like(maps):
        raise ResultError(
            f"{str(out)!r} holds another result, of {held.file}; choose another --out, or --overwrite"
        )


def _print(table: AttentionTable, files: list[Path], verbose: bool) -> None:
    """Print the means over parts, and the parts that are looked for elsewhere the most, or all of them."""
    visible = table.visible
    for name, parts in (("visible", visible), ("hidden", table.hidden), ("untouched", table.untouched)):
        if parts:
            console.out.print(f"mean of {len(parts)} {name} parts: {_means(parts)}")
    occluded = any(part.occluded for part in table.parts)
    lines = console.plain_table(f"{table.model} on {table.image}: attention, % of each map")
    lines.add_column("part")
    columns = ["of the crop", "on the part", "spread"]
    if occluded:
        columns[1:1] = ["hidden"]
        columns += ["on, occluded", "spread"]
    for name in columns:
        lines.add_column(name, justify="right")
    shown = table.parts
    if not verbose:
        shown = tuple(sorted(visible, key=lambda part: part.clean.on_part or 0.0)[:_SHOWN_PARTS])
    for part in shown:
        hidden = [_percent(part.hidden)] if occluded else []
        lines.add_row(
            part.part.replace("_", " "),
            _percent(part.area),
            *hidden,
            *_figures(part.clean),
            *(_figures(part.occluded) if part.occluded else []),
        )
    console.out.print(lines)
    if verbose:
        console.out.print(f"protocol {table.protocol}")
    else:
        console.out.print(f"The {len(shown)} parts with the least of it on them; --verbose shows all 24.")
    console.print_files(files, verbose=verbose)


def _means(parts: tuple[PartAttention, ...]) -> str:
    clean = [part.clean for part in parts]
    under = [part.occluded for part in parts if part.occluded is not None]
    views = [both for both in (clean, under) if both]
    on_part = [_mean([figures.on_part for figures in both]) for both in views]
    spread = [_mean([figures.spread for figures in both]) for both in views]
    return f"on the part {' -> '.join(on_part)} %, spread {' -> '.join(spread)} %"


def _mean(shares: list[float] | list[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return _percent(sum(known) / len(known) if known else None)


def _figures(figures: AttentionFigures) -> list[str]:
    return [_percent(figures.on_part), _percent(figures.spread)]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
