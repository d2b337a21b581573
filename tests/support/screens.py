"""What a text takes on a terminal of 80 columns."""


def rows_on_a_screen(text: str, columns: int = 80) -> int:
    """Lines, those that are broken counted as often as they are."""
    return sum(max(1, -(-len(line) // columns)) for line in text.splitlines())
