"""The documentation site: Sphinx reads docs/, and the README files that stand beside what they describe."""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

from occlusion_toolkit import __version__

DOCS = Path(__file__).parent
ROOT = DOCS.parent

# Files outside docs/ that have a page: a link to the file becomes a link to the page.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "analyses/README.md": "findings.md",
    "benchmarks/README.md": "benchmarks.md",
    "examples/README.md": "examples.md",
    "examples/open-test-2/README.md": "open-test.md",
    "figures/README.md": "figures.md",
    "models/README.md": "model-cards.md",
    "tools/build_open_body/README.md": "build-open-body.md",
    "tools/convert_blazepose/README.md": "convert-blazepose.md",
}

project = "occlusion-toolkit"
copyright = "2026, the occlusion-toolkit authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"occlusion-toolkit {__version__}"
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 3

add_module_names = False
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False

# Types of other packages have no page here, and neither have our own behind the front door.
nitpick_ignore_regex = [(r"py:.*", r"(?!occlusion_toolkit\.\w+$).*")]

_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
_INSERT = re.compile(r"^<!-- insert (\S+) -->$", re.MULTILINE)


def _relink(text: str, written: Path, read: Path) -> str:
    """Turns links of a text written in the folder `written` into links of a page in the folder `read`."""

    def link(match: re.Match[str]) -> str:
        path = os.path.relpath(written / match[1], ROOT)
        target = DOCS / PAGES[path] if path in PAGES else ROOT / path
        return f"]({os.path.relpath(target, read)}{match[2] or ''})"

    return _LINK.sub(link, text)


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    """Makes links fit the site; puts a file of the repository where a page says `<!-- insert FILE -->`."""
    folder = (DOCS / page).parent

    def inserted(match: re.Match[str]) -> str:
        file = ROOT / match[1]
        return _relink(file.read_text(encoding="utf-8"), file.parent, folder)

    source[0] = _INSERT.sub(inserted, _relink(source[0], folder, folder))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
