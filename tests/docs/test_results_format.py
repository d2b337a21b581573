"""The page about result files describes every array, with its dimensions, and every line of a card."""

import re

import pytest
import xarray as xr
from support.pages import DOCS, ROOT

import occlusion_toolkit as ot
from occlusion_toolkit.sweep.protocol import ProtocolCard

PAGE = (DOCS / "results-format.md").read_text(encoding="utf-8").split("## `mesh.h5`")[0]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The file of one image with ground truth, as plain xarray opens it."""
    path = tmp_path_factory.mktemp("result") / "result.h5"
    picture = ROOT / "examples" / "rendered-person.jpg"
    crop = ot.read_crop(picture, ground_truth=str(picture.with_suffix(".npz")))
    ot.OcclusionSweep(stride=56)(crop).save(path)
    return xr.open_dataset(path)


def row_of(name: str) -> str:
    """The table row that describes a name."""
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    assert len(rows) == 1, name
    return rows[0]


def test_every_array_is_described_with_its_dimensions_and_unit(stored: xr.Dataset):
    for name, values in stored.variables.items():
        _, _, dimensions, unit, *_ = (cell.strip() for cell in row_of(str(name)).split("|"))
        if dimensions.startswith("as"):
            continue
        assert f"({', '.join(map(str, values.dims))})" in dimensions, name
        assert values.attrs.get("units", unit) == unit, name


def test_every_attribute_and_every_line_of_a_card_is_described(stored: xr.Dataset):
    for name in (*stored.attrs, *ProtocolCard.model_fields):
        row_of(str(name))


def test_every_described_array_of_an_image_exists(stored: xr.Dataset):
    tables = PAGE[PAGE.index("### Arrays") : PAGE.index("### Attributes")]
    first_cells = re.findall(r"^\| (`[^|]*) \|", tables, re.MULTILINE)
    names = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    assert names - set(map(str, stored.variables)) == set()
