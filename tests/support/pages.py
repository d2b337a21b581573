"""The Markdown pages of the repository, and the code and commands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page that people read: of the root, of docs/ and the README files of folders."""
    folders = ("docs", "analyses", "benchmarks", "examples", "figures", "models", "tools", "tests")
    found = [*ROOT.glob("*.md"), *(page for name in folders for page in (ROOT / name).rglob("*.md"))]
    return sorted(page for page in found if not any(part.startswith(".") for part in page.parts))


def code_blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language, in order."""
    return [body for name, body in _FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def command_lines(page: Path) -> list[str]:
    """The lines of a page's code that call the command line, comments and continuations resolved."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.strip().removeprefix("srun ") for line in text.splitlines())
    return [line.split(" #")[0] for line in lines if line.startswith("occlusion-toolkit ")]
