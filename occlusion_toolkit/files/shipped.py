"""Where the files are that come with the toolkit beside its code."""

from pathlib import Path
from typing import Literal

Shipped = Literal["models", "analyses", "figures", "open-test"]


def shipped(kind: Shipped) -> Path:
    """A folder that comes with the toolkit: inside the package in a wheel, in the source tree otherwise.

    Args:
        kind: "models" (cards, recipes, weights), "analyses" (recipes of the paper's figures and tables),
            "figures" (scripts that draw) or "open-test" (rendered people with ground truth).
    """
    package = Path(__file__).parents[1]
    in_wheel = package / "_recipes" / kind
    if in_wheel.is_dir():
        return in_wheel
    return package.parent / ("examples/open-test-2" if kind == "open-test" else kind)
