"""Text for LaTeX: what a name must not do to a table."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"${character}$" for character in "<>|"},
}


def latex_escaped(text: str) -> str:
    """The text as LaTeX prints it, whatever characters it has."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def booktabs(layout: str, header: str, groups: list[list[str]]) -> str:
    r"""A `tabular` with the rules of booktabs; every row ends in `\\` by itself.

    Args:
        layout: of the columns, such as "lrr".
        header: its first row, cells parted by " & ".
        groups: rows, a rule between groups.
    """
    body = "\n\\midrule\n".join("\n".join(f"{row} \\\\" for row in rows) for rows in [[header], *groups])
    return f"\\begin{{tabular}}{{{layout}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}"
