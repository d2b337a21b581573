"""Statistics of a mesh while its images stream in: over frames, and over sequences."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.meshes.mesh_result import (
    RULES,
    MeshResult,
    PooledMaps,
    ReadOut,
    Rule,
    VertexStatistics,
)
from occlusion_toolkit.meshes.pooling.carry import Carried
from occlusion_toolkit.meshes.pooling.moments import Moments
from occlusion_toolkit.sweep.protocol import ProtocolCard


class _RuleMoments:
    """Moments under one rule: of all frames, of the sequence under way, of the means of the others."""

    def __init__(self, vertices: int, channels: int) -> None:
        self.frames = Moments.empty(vertices, channels)
        self.sequences = Moments.empty(vertices, channels)
        self.current = Moments.empty(vertices, channels)

    def close_sequence(self) -> Moments:
        closed, self.current = self.current, Moments.empty(*self.current.mean.shape)
        seen = np.flatnonzero(closed.count)
        self.frames.merge(closed)
        self.sequences.add(seen, closed.mean[seen])
        return closed


class MeshStatistics:
    """Takes in images one by one, grouped by sequence.

    A channel is a read-out of a joint; each read-out has the joints in order and then their mean.

    Args:
        vertices: of the body.
        joint_names: of the joint set.
        read_outs: in the order of the channels.
    """

    def __init__(self, vertices: int, joint_names: tuple[str, ...], read_outs: tuple[ReadOut, ...]) -> None:
        self._joint_names = joint_names
        self._read_outs = read_outs
        channels = len(read_outs) * (len(joint_names) + 1)
        self._rules: dict[Rule, _RuleMoments] = {rule: _RuleMoments(vertices, channels) for rule in RULES}
        self._names: list[str] = []
        self._counts: list[np.ndarray] = []
        self._means: list[np.ndarray] = []
        self._images = 0

    def add(self, sequence: str, seen: Int64[np.ndarray, " seen"], carried: Mapping[Rule, Carried]) -> None:
        """Takes in one image.

        Args:
            sequence: that it is from.
            seen: vertices that are visible in it, (N,).
            carried: what these take from its maps, by each rule.

        Raises:
            ResultError: the sequence had ended before.
        """
        if not self._names or sequence != self._names[-1]:
            if sequence in self._names:
                raise ResultError(
                    f"the images of sequence {sequence!r} do not follow each other, and means of sequences "
                    "need them to; sort the data set by sequence and repeat the survey"
                )
            self._close_sequence()
            self._names.append(sequence)
        for rule, taken in carried.items():
            self._rules[rule].current.add(seen[taken.defined], taken.values)
        self._images += 1

    def result(self, card: ProtocolCard, joint_set: str, aligned: bool) -> MeshResult:
        """The meshes of all images so far; nothing can be added afterwards."""
        self._close_sequence()
        means = np.stack(self._means)
        pooled = [
            PooledMaps(
                read_out=read_out,
                rule=rule,
                frames=self._statistics(moments.frames, channels),
                sequences=self._statistics(moments.sequences, channels),
                sequence_means=means[:, channels] if rule == "cell" else None,
            )
            for read_out, channels in zip(self._read_outs, self._channels(), strict=True)
            for rule, moments in self._rules.items()
        ]
        return MeshResult(
            card=card,
            joint_set=joint_set,
            joint_names=self._joint_names,
            aligned=aligned,
            num_images=self._images,
            sequence_names=tuple(self._names),
            sequence_counts=np.stack(self._counts),
            pooled=tuple(pooled),
        )

    def _close_sequence(self) -> None:
        if not self._names:
            return
        closed = {rule: moments.close_sequence() for rule, moments in self._rules.items()}["cell"]
        self._counts.append(closed.count)
        self._means.append(_where_seen(closed.mean, closed.count).T.astype(np.float32))

    def _channels(self) -> list[slice]:
        rows = len(self._joint_names) + 1
        return [slice(k * rows, (k + 1) * rows) for k in range(len(self._read_outs))]

    @staticmethod
    def _statistics(moments: Moments, channels: slice) -> VertexStatistics:
        of = Moments(moments.count, moments.mean[:, channels], moments.m2[:, channels])
        low, high = of.interval()
        rows = (_where_seen(of.mean, of.count), of.variance, low, high)
        return VertexStatistics(of.count, *(np.ascontiguousarray(values.T) for values in rows))


def _where_seen(mean: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.where(count[:, None] > 0, mean, np.nan)
