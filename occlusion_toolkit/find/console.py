"""What `occlusion-toolkit find` prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from occlusion_toolkit.files.texts import printable
from occlusion_toolkit.find.person import LANDMARKS, FoundPerson

_out = Console(highlight=False, emoji=False, markup=False)


@dataclass(frozen=True)
class PeopleInImage:
    """The people of one image.

    Attributes:
        image: the file.
        height: of the image, pixels.
        width: of the image, pixels.
        people: the largest first.
    """

    image: Path
    height: int
    width: int
    people: tuple[FoundPerson, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values; pixels with a tenth, certainties with three digits."""
        return {
            "image": str(self.image),
            "width": self.width,
            "height": self.height,
            "people": [
                {
                    "person": number,
                    "bbox_xywh_px": _rounded(person.bbox_xywh),
                    "crop": {"centre_px": _rounded(person.box.centre), "side_px": round(person.box.size, 1)},
                    "score": round(person.score, 3),
                    "reaches_beyond_image": person.reaches_beyond(self.height, self.width),
                    "landmarks_px": {
                        name: _rounded(point)
                        for name, point in zip(LANDMARKS, person.landmarks_px.tolist(), strict=True)
                    },
                }
                for number, person in enumerate(self.people, start=1)
            ],
        }


def print_people(results: Sequence[PeopleInImage], files: Sequence[Path]) -> None:
    """Prints a table for every image, or that nobody is in it, and the files written."""
    for result in results:
        title = printable(f"{result.image}, {result.width} x {result.height} pixels")
        if not result.people:
            _out.print(f"{title}: nobody found")
            continue
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in ("person", "x", "y", "width", "height", "crop's side", "score"):
            table.add_column(name, justify="right")
        for number, person in enumerate(result.people, start=1):
            numbers = (*person.bbox_xywh, person.box.size)
            cells = [f"{value:.0f}" for value in numbers]
            table.add_row(str(number), *cells, f"{person.score:.2f}")
        _out.print(table)
        beyond = [
            str(number)
            for number, person in enumerate(result.people, start=1)
            if person.reaches_beyond(result.height, result.width)
        ]
        if beyond:
            _out.print(f"not wholly in the image: {', '.join(beyond)}")
    for path in files:
        click.echo(f"  {printable(str(path))}")


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 1) for value in values]
