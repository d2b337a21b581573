"""One HTML file from plain data: script, style and, where it is needed, plotly."""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from matplotlib.colors import Colormap, to_hex
from numpy.typing import NDArray
from PIL import Image
from plotly.offline import get_plotlyjs

from occlusion_toolkit.files.atomic import make_folder, write_text
from occlusion_toolkit.plotting.look import chosen_look
from occlusion_toolkit.plotting.metric_text import axis_label
from occlusion_toolkit.sweep.protocol import ProtocolCard

_COLOURS = 128
_SCRIPTS = ("shared.js", "numbers.js", "maps.js", "meshes.js", "start.js")


def write_page(
    path: Path,
    *,
    title: str,
    subtitle: str,
    metric: str,
    cards: Mapping[str, ProtocolCard],
    comparison: Mapping[str, Any] | None = None,
    example: Mapping[str, Any] | None = None,
    meshes: Mapping[str, Any] | None = None,
    tables: Sequence[Mapping[str, Any]] = (),
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes the page; it needs no network, and nothing in a name can become part of it.

    Args:
        path: the .html file.
        title: its heading.
        subtitle: what was measured on what.
        metric: of all numbers.
        cards: protocol cards by the models' names.
        comparison: the numbers of a comparison.
        example: of `example_part`.
        meshes: of `meshes_part`.
        tables: each with a "title", "columns" and "rows" of texts.
        more: further contents by name.

    Raises:
        ResultError: the file cannot be written.
    """
    contents = {
        "title": title,
        "subtitle": subtitle,
        "label": axis_label(metric),
        "sequential": _colour_table(chosen_look().sequential),
        "diverging": _colour_table(chosen_look().diverging),
        "comparison": comparison,
        "example": example,
        "meshes": meshes,
        "tables": list(tables),
        "protocols": [
            {"name": name, "hash": card.hash, "card": card.model_dump(mode="json")}
            for name, card in cards.items()
        ],
        "exceptions": [],
        "insights": [],
        **(more or {}),
    }
    plotly = f"<script>{get_plotlyjs()}</script>" if comparison or meshes else ""
    scripts = "\n".join(_part(name) for name in _SCRIPTS)
    page = Template(_part("page.html")).substitute(
        title=html.escape(title),
        style=_part("page.css"),
        plotly=plotly,
        contents=_inert(json.dumps(contents, allow_nan=False, separators=(",", ":"))),
        script=f'"use strict";\n(() => {{\n{scripts}}})();',
    )
    make_folder(path.parent)
    write_text(path, page)


def packed(values: NDArray[Any], kind: type[np.generic] = np.float32) -> dict[str, Any]:
    """An array as base64 of little-endian numbers, with its shape."""
    data = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()
    return {"shape": list(values.shape), "data": base64.b64encode(data).decode("ascii")}


def picture(pixels: NDArray[np.uint8], kind: str = "JPEG", side: int | None = None) -> str:
    """A picture as a data address, enlarged to a side where browsers should not blur its pixels."""
    image = Image.fromarray(pixels)
    if side is not None:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, kind, quality=88)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _colour_table(colormap: Colormap) -> list[str]:
    return [to_hex(colour) for colour in colormap(np.linspace(0, 1, _COLOURS))]


def _part(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _inert(text: str) -> str:
    """JSON that cannot end the script element it stands in, whatever its strings hold."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
