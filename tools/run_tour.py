"""Runs examples/tour.ipynb in a folder of its own and stores what it shows: `python tools/run_tour.py`."""

import shutil
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    """Run the notebook from its first cell to its last."""
    tour = EXAMPLES / "tour.ipynb"
    notebook = nbformat.read(tour, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(EXAMPLES / "photo.jpg", folder)
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=1200, record_timing=False, resources=resources).execute()
    nbformat.write(notebook, tour)


if __name__ == "__main__":
    main()
