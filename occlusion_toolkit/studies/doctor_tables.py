"""The tables of `occlusion-toolkit doctor`."""

from collections.abc import Iterator

from rich.table import Table

from occlusion_toolkit.studies.doctor import Diagnosis
from occlusion_toolkit.surveys.plan import duration

_STYLES = {"ready": "", "missing": "dim", "broken": "bold red"}


def items_table(found: Diagnosis) -> Table:
    """Everything that users fetch, with its state, its checksum and what it unlocks."""
    table = _table(f"In {found.home}")
    for title in ("", "state", "found", "sha256", "unlocks"):
        table.add_column(title, overflow="fold")
    kind = None
    for item in found.items:
        if kind not in (None, item.kind):
            table.add_section()
        kind = item.kind
        checksum = (item.sha256 or "")[:12]
        table.add_row(
            item.name, item.state, item.found, checksum, ", ".join(item.unlocks), style=_STYLES[item.state]
        )
    return table


def prospects_table(found: Diagnosis) -> Table:
    """The recipes of the paper, what they lack and what they take."""
    table = _table("Figures and tables: occlusion-toolkit run RECIPE --world official")
    for title in ("recipe", "paper", "state", "passes", "first run"):
        table.add_column(
            title, overflow="fold", justify="right" if title in ("passes", "first run") else "left"
        )
    for prospect in found.prospects:
        passes, seconds = prospect.estimate.passes, prospect.estimate.seconds
        table.add_row(
            prospect.recipe,
            prospect.paper,
            "ready" if not prospect.missing else f"lacks {', '.join(prospect.missing)}",
            "unknown" if passes is None else f"{passes:,}",
            "unknown" if seconds is None else duration(seconds),
        )
    return table


def remedies(found: Diagnosis) -> Iterator[str]:
    """What is wrong, and where to get what is missing; each way once."""
    for item in found.broken:
        yield f"\n{item.name} cannot be used: {item.problem}"
    places: dict[str, list[str]] = {}
    for item in found.items:
        if item.state == "missing":
            places.setdefault(item.how_to_get, []).append(f"{item.name} -> {item.place}")
    for how, missing in places.items():
        yield f"\nmissing: {'; '.join(missing)}\n  {how}"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
