"""The examples of the pages about extending the toolkit run as they stand."""

import shutil
from pathlib import Path

import pytest
from support.pages import DOCS, ROOT, code_blocks

from occlusion_toolkit.cli.main import main

PAGES = sorted((DOCS / "extend").glob("*.md"))


@pytest.fixture
def beside_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds what the examples read and takes what they write."""
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "photo.jpg", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_and_leaves_a_picture_or_a_number(
    page: Path, beside_examples: Path, capsys: pytest.CaptureFixture[str]
):
    blocks = code_blocks(page, "python")
    assert blocks
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
    assert list(beside_examples.glob("*.png")) or "%" in capsys.readouterr().out


def test_the_recipe_on_the_page_about_analyses_can_be_run(
    beside_examples: Path, capsys: pytest.CaptureFixture[str]
):
    (recipe,) = code_blocks(DOCS / "extend" / "analysis.md", "yaml")
    Path("my-study.yaml").write_text(recipe, encoding="utf-8")
    with pytest.raises(SystemExit) as exit_info:
        main(["run", "my-study.yaml", "--dry-run"])
    assert exit_info.value.code == 0
    assert capsys.readouterr().out.count("occlusion-toolkit heatmap") == 2
