"""The table of `data check`."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from occlusion_toolkit.training.data_check import Need

_out = Console(highlight=False, emoji=False, markup=False)


def need_as_json(need: Need) -> dict[str, Any]:
    """One thing that a recipe needs."""
    return {
        "name": need.name,
        "kind": need.kind,
        "ready": need.problem is None,
        "folder": str(need.folder),
        "found": need.found,
        "people": need.people,
        "with_body": need.bodies,
        "with_joints_3d": need.joints,
        "problem": need.problem,
        "how_to_get": need.how_to_get,
    }


def print_needs(recipe: str, needs: Iterable[Need]) -> None:
    """Prints what is there, and below it what is missing and where to get it."""
    needs = list(needs)
    table = Table(title=f"What {recipe} trains on", title_justify="left")
    for heading in ("name", "kind", ""):
        table.add_column(heading, no_wrap=True)
    for heading in ("people", "bodies", "3D joints"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("found")
    for need in needs:
        state, style = ("ready", "") if need.problem is None else ("MISSING", "bold red")
        counts = ["" if n is None else f"{n:,}" for n in (need.people, need.bodies, need.joints)]
        table.add_row(need.name, need.kind, state, *counts, need.found, style=style)
    _out.print(table)
    for need in needs:
        if need.problem is not None:
            _out.print(f"\n{need.name}: {need.problem}", soft_wrap=True)
            if need.how_to_get not in need.problem:
                _out.print(f"It belongs into {need.folder}: {need.how_to_get}", soft_wrap=True)
