"""The notebook runs from its first cell to its last, and is shipped as it ran."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support.pages import ROOT

TOUR = ROOT / "examples" / "tour.ipynb"


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Its cells with code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
def test_the_tour_runs_and_shows_what_the_shipped_one_shows(tmp_path: Path):
    shutil.copy(ROOT / "examples" / "photo.jpg", tmp_path)
    shipped = nbformat.read(TOUR, as_version=4)
    run = nbformat.read(TOUR, as_version=4)
    NotebookClient(run, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for before, after in zip(code_cells(shipped), code_cells(run), strict=True):
        assert {kind for out in before.outputs for kind in out.get("data", ())} == {
            kind for out in after.outputs for kind in out.get("data", ())
        }


def test_the_shipped_tour_was_run_in_order_and_warns_of_nothing():
    cells = code_cells(nbformat.read(TOUR, as_version=4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [out for cell in cells for out in cell.outputs if out.get("name") == "stderr"] == []
