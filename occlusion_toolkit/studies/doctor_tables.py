"""What `occlusion-toolkit doctor` says: an answer that fits a screen, and everything that was found."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from occlusion_toolkit.studies.doctor import Diagnosis
from occlusion_toolkit.studies.examinations import Item
from occlusion_toolkit.surveys.plan import duration

_SHOWN_BROKEN = 2
_HARD_TO_GET = ("weights", "data set", "body", "training data", "occluding objects")


def headline(found: Diagnosis) -> str:
    """How much of the paper can be made."""
    ready = sum(not prospect.missing for prospect in found.prospects)
    return f"{ready} of {len(found.prospects)} can be made by: occlusion-toolkit run RECIPE --world official"


def prospects_table(found: Diagnosis, *, passes: bool = False) -> Table:
    """The recipes of the paper, what they take and what they lack, a line each.

    Args:
        found: by `examine`.
        passes: count the passes of networks too.
    """
    # What is hard to come by first: the line may be cut.
    by_kind = sorted(found.items, key=lambda item: _HARD_TO_GET.index(item.kind))
    labels = {item.name: _label(item) for item in by_kind}
    table = _table()
    table.add_column("recipe", no_wrap=True)
    if passes:
        table.add_column("passes", justify="right", no_wrap=True)
    table.add_column("first run", justify="right", no_wrap=True)
    table.add_column("state")
    for prospect in found.prospects:
        count, seconds = prospect.estimate.passes, prospect.estimate.seconds
        lacks = ", ".join(labels[name] for name in labels if name in prospect.missing)
        counted = ["unknown" if count is None else f"{count:,}"] if passes else []
        took = "unknown" if seconds is None else duration(seconds)
        table.add_row(prospect.recipe, *counted, took, _one_line(f"lacks {lacks}" if lacks else "ready"))
    return table


def kinds_table(found: Diagnosis) -> Table:
    """How many files of each kind are ready, and which are not, a line each."""
    table = _table()
    table.add_column("files", no_wrap=True)
    table.add_column("ready", justify="right", no_wrap=True)
    table.add_column("missing or broken")
    for kind in dict.fromkeys(item.kind for item in found.items):
        own = [item for item in found.items if item.kind == kind]
        others = [_label(item) for item in own if item.state != "ready"]
        table.add_row(kind, f"{len(own) - len(others)} of {len(own)}", _one_line(", ".join(others)))
    return table


def broken_lines(found: Diagnosis, *, most: int = _SHOWN_BROKEN) -> Iterator[str]:
    """What is there and cannot be used, a line each."""
    for item in found.broken[:most]:
        yield f"broken: {_label(item)}: {' '.join((item.problem or '').split())}"
    if len(found.broken) > most:
        yield f"broken: {len(found.broken) - most} more"


def item_lines(found: Diagnosis) -> Iterator[str]:
    """Everything that users fetch: state, place, checksum, and what it unlocks."""
    for item in found.items:
        yield f"\n{item.state:<8} {item.name}{f' ({item.found})' if item.found else ''}"
        yield f"  {item.place}"
        if item.sha256 is not None:
            yield f"  sha256 {item.sha256}"
        if item.problem is not None:
            yield f"  cannot be used: {item.problem}"
        if item.unlocks:
            yield f"  unlocks {', '.join(item.unlocks)}"


def remedies(found: Diagnosis) -> Iterator[str]:
    """Where to get what is missing; each way once."""
    places: dict[str, list[str]] = {}
    for item in found.items:
        if item.state == "missing":
            places.setdefault(item.how_to_get, []).append(item.name)
    for how, missing in places.items():
        yield f"\nto get {', '.join(missing)}:\n  {how}"


def _label(item: Item) -> str:
    return item.label or item.name


def _one_line(text: str) -> Text:
    """A cell that is cut where the screen ends; the columns beside it keep their width."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
