"""Figure 7 in numbers: how much of the attention is on a part in sight, hidden by a square, or out of sight.

python analyses/where_pare_looks.py --model pare-open
"""

from collections import defaultdict
from collections.abc import Iterator

import click
import numpy as np
import torch

from occlusion_toolkit.attention_maps.table import AttentionFigures, attention_figures, cells_touched
from occlusion_toolkit.body.parts import NUM_PARTS, PART_NAMES
from occlusion_toolkit.comparison.significance import mean_interval
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.scene import read_scene
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.models.registry import LoadedRegressor, load_regressor
from occlusion_toolkit.sweep.occluders import parse_occluder

SIZE, FEWEST_PIXELS = 40, 25
KINDS = ("in sight", "in sight, another part hidden", "hidden", "out of sight")


@click.command()
@click.option("--model", default="pare-open", show_default=True)
@click.option("--limit", type=int, help="People, evenly spaced; all by default.")
def main(model: str, limit: int | None) -> None:
    """Print two Markdown tables of the open test set, by its segmentation masks: by kind, and by part."""
    people, regressor = open_dataset("open"), load_regressor(model, torch.device("cpu"))
    found: dict[str, list[tuple[str, AttentionFigures]]] = defaultdict(list)
    by_part: dict[int, list[float]] = defaultdict(list)
    for frame in people if limit is None else EvenlySpaced(people, limit):
        for kind, part, figures in looks(frame, regressor):
            found[kind].append((frame.sequence, figures))
            if kind == KINDS[0] and figures.on_part is not None:
                by_part[part].append(figures.on_part)
    click.echo("| the part is | maps | attention on it, % | spread, % |\n|---|---|---|---|")
    for kind in KINDS:
        sequences, figures = zip(*found[kind], strict=True)
        columns = [[each.on_part for each in figures], [each.spread for each in figures]]
        cells = ["-" if None in column else interval(column, sequences) for column in columns]
        click.echo(f"| {kind} | {len(figures)} | {' | '.join(cells)} |")
    click.echo("\n| part in sight | maps | attention on it, % |\n|---|---|---|")
    for part, shares in sorted(by_part.items(), key=lambda entry: -float(np.mean(entry[1]))):
        click.echo(f"| {PART_NAMES[part].replace('_', ' ')} | {len(shares)} | {100 * np.mean(shares):.0f} |")


def looks(frame: Sample, regressor: LoadedRegressor) -> Iterator[tuple[str, int, AttentionFigures]]:
    """One person's maps with kind and part: each part clean, and with a square over each in sight in turn."""
    labels = read_scene(frame, ("neck",)).parts
    regions = [labels == part + 1 for part in range(NUM_PARTS)]
    hiding = [part for part in range(NUM_PARTS) if regions[part].sum() >= FEWEST_PIXELS]
    centres = [np.argwhere(regions[part]).mean(axis=0).round().astype(int) for part in hiding]
    windows = torch.tensor([(y - SIZE // 2, y + SIZE // 2, x - SIZE // 2, x + SIZE // 2) for y, x in centres])
    clean = normalise(sample_crop(frame))[None]
    hidden = parse_occluder("grey", SIZE).apply(clean.repeat(len(windows), 1, 1, 1), windows)
    attention = regressor(torch.cat([clean, hidden])).attention
    if attention is None:
        raise UsageError(f"{regressor.card.name} has no part attention")
    for part, region in enumerate(regions):
        cells = cells_touched(region, attention.shape[2:])
        first, *others = (attention_figures(each, cells) for each in attention[:, part].numpy())
        yield "in sight" if part in hiding else "out of sight" if not region.any() else "sliver", part, first
        for (y0, y1, x0, x1), target, figures in zip(windows.clamp(min=0), hiding, others, strict=True):
            share = region[y0:y1, x0:x1].sum() / max(1, region.sum())
            if part in hiding and (share == 0 or (target == part and share >= 0.5)):
                yield "hidden" if target == part else KINDS[1], part, figures


def interval(shares: list[float], sequences: tuple[str, ...]) -> str:
    """Mean of shares in per cent, with the interval from resampling sequences."""
    found = mean_interval(100 * np.array(shares)[:, None], sequences)
    return f"{found.mean[0]:.1f} ({found.low[0]:.1f} to {found.high[0]:.1f})"


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
