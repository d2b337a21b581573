"""Where the panel of each joint goes: left and right one above the other."""

from math import ceil


def arrange(joint_names: tuple[str, ...], most_columns: int = 7) -> list[list[int | None]]:
    """Rows of panel indices, None for an empty place.

    A left joint stands above its right counterpart; joints of the midline share columns in the order
    given. A set without any pair is laid out in plain reading order.
    """
    columns = _columns(joint_names)
    if not columns:
        return _wrapped(list(range(len(joint_names))), most_columns)
    bands = ceil(len(columns) / most_columns)
    width = ceil(len(columns) / bands)
    rows: list[list[int | None]] = []
    for first in range(0, len(columns), width):
        band = columns[first : first + width]
        band += [(None, None)] * (width - len(band))
        rows += [[upper for upper, _ in band], [lower for _, lower in band]]
    return rows


def reading_order(joint_names: tuple[str, ...]) -> list[int]:
    """The joints in the order of their panels, left before right: that of all figures."""
    rows = arrange(joint_names, max(1, len(joint_names)))
    return [joint for column in zip(*rows, strict=True) for joint in column if joint is not None]


def _columns(joint_names: tuple[str, ...]) -> list[tuple[int | None, int | None]]:
    """Left-right pairs, then pairs of the rest; nothing where there is no left-right pair."""
    pairs: list[tuple[int | None, int | None]] = []
    midline: list[int] = []
    for index, name in enumerate(joint_names):
        side, _, part = name.partition("_")
        other = {"left": f"right_{part}", "right": f"left_{part}"}.get(side)
        if other not in joint_names:
            midline.append(index)
        elif other is not None and joint_names.index(other) > index:
            both = (index, joint_names.index(other))
            pairs.append(both if side == "left" else both[::-1])
    if not pairs:
        return []
    for first in range(0, len(midline), 2):
        upper_lower = midline[first : first + 2]
        pairs.append((upper_lower[0], upper_lower[1] if len(upper_lower) > 1 else None))
    return pairs


def _wrapped(indices: list[int], most_columns: int) -> list[list[int | None]]:
    rows = ceil(len(indices) / most_columns)
    width = ceil(len(indices) / rows)
    padded: list[int | None] = [*indices, *([None] * (rows * width - len(indices)))]
    return [padded[first : first + width] for first in range(0, len(padded), width)]
