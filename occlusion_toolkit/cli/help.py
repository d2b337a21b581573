"""What all help texts have in common."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """The end of a command's help: lines as they are typed."""
    return "\n\n".join(["Examples:", *(f"occlusion-toolkit {line}" for line in lines)])
