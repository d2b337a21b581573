"""What a rule is: which part of an operation's output a change reaches, and what a part of it needs.

A change is an interval [low, high) of rows or columns; many are handled at once as two arrays of integers.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.graphs import shape_of

Intervals = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Firsts and ends of some intervals."""


class Rule(ABC):
    """How one operation is applied to parts of maps.

    Attributes:
        node: the operation.
        inputs: the maps it takes; everything else in its arguments is constant.
    """

    def __init__(self, node: fx.Node, inputs: tuple[fx.Node, ...]) -> None:
        self.node = node
        self.inputs = inputs
        self.shape = shape_of(node) or ()

    @abstractmethod
    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """What changes in the output, before it is clipped to the map.

        Args:
            axis: 0 for rows, 1 for columns.
            changes: of each input.
        """

    @abstractmethod
    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """Which part of every input a part of the output needs; it may reach beyond the map.

        Args:
            axis: 0 for rows, 1 for columns.
            first: where the part of the output begins, one per window, (N,).
            length: of the part of the output, the same for all.

        Returns:
            Where the part of the input begins, (N,), and its length.
        """

    @abstractmethod
    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The part of the output from the parts of the inputs that it needs, (N, C, h, w)."""

    @property
    def padding_value(self) -> float:
        """What lies beyond the border of the inputs."""
        return 0.0


@dataclass(frozen=True)
class Axis:
    """One axis of a sliding operation.

    Attributes:
        size: length of the kernel, dilation included.
        step: stride.
        before: padding in front.
    """

    size: int
    step: int
    before: int

    def spread(self, changes: Intervals) -> Intervals:
        """Outputs whose kernel touches a change."""
        low, high = changes
        return -((self.size - 1 - self.before - low) // self.step), (high - 1 + self.before) // self.step + 1

    def needs(self, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The part under the kernels of some outputs."""
        return first * self.step - self.before, (length - 1) * self.step + self.size


def hull(changes: list[Intervals]) -> Intervals:
    """The smallest intervals that hold those of every input."""
    lows, highs = zip(*changes, strict=True)
    return np.minimum.reduce(lows), np.maximum.reduce(highs)


def pair(value: Any) -> tuple[int, int]:
    """Two numbers, where an operation may state one for both axes."""
    values = [value] if isinstance(value, int) else list(value)
    return (values[0], values[-1])
