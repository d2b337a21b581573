"""Where the synthetic test set is that comes with the toolkit."""

from pathlib import Path


def open_test_folder() -> Path:
    """Folder of the open test set: inside the package in a wheel, `examples/open-test` in a source tree."""
    package = Path(__file__).parents[1]
    packaged = package / "_recipes" / "open-test"
    return packaged if packaged.is_dir() else package.parent / "examples" / "open-test"
