"""The pages hold together: links lead somewhere, all pages are in the menu, all public names explained."""

import re
from pathlib import Path

import click
import pytest
import yaml
from support.pages import DOCS, ROOT, code_blocks, command_lines, pages

import occlusion_toolkit as ot
from occlusion_toolkit.cli.main import cli

_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files(page: Path):
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_of_the_site_is_in_the_menu():
    menu = (DOCS / "index.md").read_text(encoding="utf-8").split()
    names = {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md")}
    assert names - {"index"} - set(menu) == set()


def test_every_public_name_has_an_entry_in_the_reference():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    entries = re.findall(r"^\.\. auto(?:function|class|exception):: (\w+)", page, re.MULTILINE)
    assert sorted(entries) == sorted(ot.__all__)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_uses_names_that_exist(page: Path):
    for block in code_blocks(page, "python"):
        compile(block, str(page), "exec")
        assert set(re.findall(r"\bot\.(\w+)", block)) - set(ot.__all__) == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_and_their_options_exist(page: Path):
    for line in command_lines(page):
        command: click.Command = cli
        for word in line.split()[1:]:
            if isinstance(command, click.Group) and not word.startswith("-"):
                assert word in command.commands, line
                command = command.commands[word]
        options = {name for option in command.params for name in option.opts}
        if command.name != "figure":  # whose options are those of its script
            assert {
                word.split("=")[0] for word in line.split() if word.startswith("--")
            } - options == set(), line


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_is_in_the_readme(command: str):
    assert f"`{command}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


def test_the_bibtex_of_the_readme_is_the_paper_of_the_citation():
    (entry,) = code_blocks(ROOT / "README.md", "bibtex")
    (paper,) = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"]
    plain = entry.replace("{", "").replace("}", "")
    assert plain.startswith("@inproceedings")
    for fact in (paper["title"], str(paper["year"]), f"{paper['start']}--{paper['end']}"):
        assert fact in plain
    assert all(f"{who['family-names']}, {who['given-names']}" in plain for who in paper["authors"])
