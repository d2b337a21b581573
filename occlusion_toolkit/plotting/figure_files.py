"""One figure as the two files that people use: PNG to look at, PDF to print."""

from pathlib import Path

from matplotlib.figure import Figure

from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.plotting.style import save_figure


def save_png_and_pdf(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes FOLDER/NAME.png and FOLDER/NAME.pdf.

    Args:
        figure: what to write.
        folder: made where it does not exist.
        name: of the files, without a suffix.

    Raises:
        ResultError: the folder cannot be made or written, or the disk is full.
    """
    files = [make_folder(folder) / f"{name}.{kind}" for kind in ("png", "pdf")]
    for path in files:
        save_figure(figure, path)
    return files
