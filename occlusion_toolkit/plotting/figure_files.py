"""Files of figures: where their results are, and PNG to look at beside PDF to print."""

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


def result_file(path: Path, name: str) -> Path:
    """The file of a result.

    Args:
        path: the file, or the folder that the analysis wrote it into.
        name: the file's name in such a folder, such as "result.h5".
    """
    return path / name if path.is_dir() else path
