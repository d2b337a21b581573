"""The observations of PARE's Section 3, counted: what happens to a joint when a window hides what.

Windows are told apart by what they hide of the true body, which only a data set with segmentation
masks knows. A window is, for one joint,

`background`: where it hides no pixel of the body;
`own`: where the joint's true place in the image is inside it;
`neighbours`: where it is not, but the window hides some of the joint's part or of the parts next to that;
`far`: where it hides some of the body, but nothing of these parts.

"Some" is 5 % of a whole window; windows that hide less, but not nothing, are left out. A joint counts as
visible where the segmentation mask shows the joint's part, or one next to it, within 2 pixels of its place.
Only joints of an image that have windows of all four kinds are counted, so that the kinds compare like with
like.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int64

from occlusion_toolkit.comparison.significance import mean_interval
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.scene import Scene, hidden_pixels, near_parts, read_scene
from occlusion_toolkit.errors import GroundTruthError, ResultError
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import values_of

Hidden = Literal["background", "own", "neighbours", "far"]
"""What a window hides, seen from one joint."""

_SOME = 0.05


@dataclass(frozen=True)
class Observation:
    """One line of the table.

    Attributes:
        visible: of joints in sight, or of joints out of sight.
        hidden: what the windows hide.
        joints: how many joints, summed over the images, it is about.
        mean_mm: mean over the windows of a joint, then over these joints; NaN where there are none.
        low_mm: lower end of its 95 % interval, from resampling sequences.
        high_mm: upper end.
    """

    visible: bool
    hidden: Hidden
    joints: int
    mean_mm: float
    low_mm: float
    high_mm: float


def observe(survey: Survey, people: People, metric: str = "displacement") -> list[Observation]:
    """Counts the observations on a finished survey.

    Args:
        survey: a complete survey.
        people: the very people that were surveyed, with segmentation masks and keypoints.
        metric: what is averaged.

    Raises:
        ResultError: the survey is of other people.
        GroundTruthError: a person has no segmentation mask or no keypoints.
    """
    if survey.card.people_sha256 != people.fingerprint:
        raise ResultError("the survey is of other people than those given; open the data set it was made on")
    rectangles = survey.grid.windows()
    found: dict[tuple[bool, Hidden], list[tuple[str, float]]] = {
        (visible, hidden): [] for visible in (True, False) for hidden in get_args(Hidden)
    }
    for sequence, maps, frame in _images(survey, people, metric):
        if frame.part_path is None or frame.keypoints_px is None:
            raise GroundTruthError(
                f"{str(frame.image_path)!r}, person {frame.person} has no segmentation mask or no keypoints; "
                "observations need a data set with both, such as 'open'"
            )
        scene = read_scene(frame, survey.joint_names)
        kinds = what_windows_hide(scene, rectangles, survey.joint_names, survey.grid.size)
        comparable = np.all([chosen.any(axis=1) for chosen in kinds.values()], axis=0)
        for hidden, chosen in kinds.items():
            means = (maps * chosen).sum(axis=1) / chosen.sum(axis=1).clip(1)
            for visible in (True, False):
                rows = comparable & (scene.visible == visible)
                found[visible, hidden] += [(sequence, float(mean)) for mean in means[rows]]
    return [_line(visible, hidden, rows) for (visible, hidden), rows in found.items()]


def what_windows_hide(
    scene: Scene, windows: Int64[np.ndarray, "windows 4"], joint_names: tuple[str, ...], size: int
) -> dict[Hidden, Bool[np.ndarray, "joints windows"]]:
    """Which windows are of which kind, for each joint.

    Args:
        scene: the crop.
        windows: rectangles (y0, y1, x0, x1), pixels of the crop, (W, 4).
        joint_names: the joints of the scene.
        size: side of a whole window, pixels.

    Raises:
        GroundTruthError: the scene has no mask.
    """
    if scene.parts is None:
        raise GroundTruthError("what windows hide is unknown without a segmentation mask")
    hidden = hidden_pixels(scene.parts, windows)
    near = np.stack([near_parts(name) for name in joint_names])
    some, body = _SOME * size**2, hidden.sum(axis=1)
    y0, y1, x0, x1 = windows.T
    x, y = scene.joints_px[..., None].transpose(1, 0, 2)
    own = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    of_near = near.astype(np.int64) @ hidden.T
    return {
        "background": np.broadcast_to(body == 0, own.shape),
        "own": own,
        "neighbours": ~own & (of_near >= some),
        "far": ~own & (of_near == 0) & (body >= some),
    }


def _images(survey: Survey, people: People, metric: str) -> Iterator[tuple[str, np.ndarray, Sample]]:
    """Sequence, maps (J, W) and person of every image."""
    for shard in survey.shards():
        maps = values_of(shard, metric).values
        for number, (position, sequence) in enumerate(
            zip(shard["image"].values, shard["sequence"].values, strict=True)
        ):
            yield str(sequence), maps[number].reshape(len(survey.joint_names), -1), people[int(position)]


def _line(visible: bool, hidden: Hidden, rows: list[tuple[str, float]]) -> Observation:
    if not rows:
        return Observation(visible, hidden, 0, *[float("nan")] * 3)
    sequences, means = zip(*rows, strict=True)
    found = mean_interval(np.array(means)[:, None], sequences)
    return Observation(
        visible, hidden, len(rows), float(found.mean[0]), float(found.low[0]), float(found.high[0])
    )
