r"""How well networks see a person whom calibrated cameras saw from several sides.

    pip install -e '.[video]'
    python analyses/calibrated_views.py Calib.qca.txt cam01.mp4 cam02.mp4 cam03.mp4 cam04.mp4 --every 4 \
      --model pare-open --model hmr-open

The calibration is a file of Qualisys; the videos are of its cameras, in its order, taken at once, with one
person in sight. Joints are triangulated, robustly, from the points of BlazePose "heavy"
(tools/convert_blazepose), of moments in which it finds somebody in every view. Networks get the box that
follows from heavy's points in each view. PA-MPJPE over twelve joints, shoulders to wrists and hips to ankles,
with 95 % intervals from resampling moments. Moments that follow one another are alike and the person is one,
so that these are too narrow.
Made for the demonstration of the package pose2sim, whose man nothing here is trained on, selected on or tuned
to.
"""

from pathlib import Path
from xml.etree import ElementTree

import click
import numpy as np
import torch
from jaxtyping import Float, Float64
from real_people import THEIRS, estimates, pictures
from scipy.optimize import least_squares
from torch import Tensor

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.comparison.significance import mean_interval
from occlusion_toolkit.data.crops import crop_image, normalise
from occlusion_toolkit.errors import DatasetError, OcclusionToolkitError, UsageError
from occlusion_toolkit.find.people import find_people
from occlusion_toolkit.models.backbones.blazepose import blazepose_heavy
from occlusion_toolkit.models.blazepose_weights import channels_last, load_blazepose
from occlusion_toolkit.sweep.metrics import pa_mpjpe

UNIT = 64
"""Qualisys counts pixels in parts of so many."""

ROBUST_PX = 10.0
"""Points that lie further from where the others put a joint count less."""

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("calibration", type=FILE)
@click.argument("videos", nargs=-1, required=True, type=FILE)
@click.option("--model", "models", multiple=True, default=("pare-open",), show_default=True)
@click.option(
    "--every", type=click.IntRange(min=1), default=4, show_default=True, help="Each so many frames."
)
def main(calibration: Path, videos: tuple[Path, ...], models: tuple[str, ...], every: int) -> None:
    """Print PA-MPJPE of every model as a Markdown table."""
    cameras = projections(calibration)
    if len(videos) != len(cameras) or len(videos) < 3:
        raise UsageError(f"{calibration} has {len(cameras)} cameras; give a video of each, three at least")
    crops, joints, world, apart = triangulated(videos, cameras, every)
    moments = np.arange(len(crops)) // len(cameras)
    click.echo(
        f"{len(crops)} crops; heavy's points are {apart:.1f} px from the triangulated joints in the mean\n"
    )
    click.echo("| | PA-MPJPE, mm (95 %) | " + " | ".join(LSP14.joint_names[: len(THEIRS)]) + " |")
    click.echo("|---" * (2 + len(THEIRS)) + "|")
    rows = {title: found for title, (_, found) in estimates(models, crops).items()}
    for title, found in {**rows, "heavy on crops of its own": world}.items():
        errors = 1000 * pa_mpjpe(found, joints)
        each = " | ".join(f"{float(value):.0f}" for value in errors.mean(dim=0))
        whole = mean_interval(errors.mean(dim=1, keepdim=True).numpy(), moments)
        mean, low, high = (float(value[0]) for value in (whole.mean, whole.low, whole.high))
        click.echo(f"| {title} | {mean:.1f} ({low:.1f} to {high:.1f}) | {each} |")


def projections(calibration: Path) -> Float64[np.ndarray, "cameras 3 4"]:
    """From metres of the room to homogeneous pixels of each camera; distortion is left out."""
    try:
        cameras = ElementTree.parse(calibration).getroot().findall("cameras/camera")
        return np.array([projection(camera) for camera in cameras])
    except KeyError as error:
        raise DatasetError(f"{calibration} is no calibration of Qualisys: a camera has no {error}") from error
    except (ElementTree.ParseError, ValueError) as error:
        raise DatasetError(f"{calibration} is no calibration of Qualisys: {error}") from error


def projection(camera: ElementTree.Element) -> Float64[np.ndarray, "3 4"]:
    """That of one camera.

    Raises:
        KeyError: it lacks a number; or ValueError, one is none.
    """
    said = {name: value for part in camera for name, value in part.attrib.items()}
    turn = np.array([[float(said[f"r{row}{col}"]) for col in "123"] for row in "123"])
    stand = np.array([float(said[axis]) / 1000 for axis in "xyz"])
    along = np.diag([1.0, -1.0, -1.0]) @ turn  # Qualisys looks along -z, with y up
    focal, centre = (
        [float(said[name + axis]) / UNIT for axis in "UV"] for name in ("focalLength", "centerPoint")
    )
    pixels = np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]])
    return np.asarray(pixels @ np.concatenate([along, -(along @ stand)[:, None]], axis=1))


def triangulated(
    videos: tuple[Path, ...], cameras: Float64[np.ndarray, "cameras 3 4"], every: int
) -> tuple[Float[Tensor, "crops 3 224 224"], Float[Tensor, "crops 12 3"], Float[Tensor, "crops 12 3"], float]:
    """Crops of every view, joints in metres of the room, heavy's own, and how far its points are off."""
    heavy = channels_last(load_blazepose("blazepose-heavy", blazepose_heavy))
    crops, joints, world, apart = [], [], [], []
    for images in zip(*(pictures((video,), every) for video in videos), strict=True):
        people = [next(iter(find_people(image, network=heavy)), None) for image in images]
        seen = [person for person in people if person is not None]
        if len(seen) < len(images):
            continue
        points = np.stack([person.landmarks_px[THEIRS] for person in seen])
        found = np.stack([triangulate(points[:, joint], cameras) for joint in range(len(THEIRS))])
        apart.append(np.linalg.norm(project(found, cameras) - points, axis=-1).mean())
        for image, person in zip(images, seen, strict=True):
            crops.append(normalise(crop_image(image, person.box)))
            joints.append(torch.from_numpy(found).float())
            world.append(torch.from_numpy(person.world_m[THEIRS]).float())
    if not crops:
        raise UsageError("at no moment does BlazePose find somebody in every view")
    return torch.stack(crops), torch.stack(joints), torch.stack(world), float(np.mean(apart))


def triangulate(
    points: Float64[np.ndarray, "cameras 2"], cameras: Float64[np.ndarray, "cameras 3 4"]
) -> Float64[np.ndarray, " 3"]:
    """The place that cameras see at these pixels; a view that contradicts the others counts less."""

    def apart(place: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, " numbers"]:
        return np.asarray((project(place, cameras) - points).ravel())

    rows = points[..., None] * cameras[:, 2:] - cameras[:, :2]
    first = np.linalg.svd(rows.reshape(-1, 4))[2][-1]
    found: Float64[np.ndarray, " 3"] = least_squares(
        apart, first[:3] / first[3], loss="soft_l1", f_scale=ROBUST_PX
    ).x
    return found


def project(
    places: Float64[np.ndarray, "*joints 3"], cameras: Float64[np.ndarray, "cameras 3 4"]
) -> Float64[np.ndarray, "cameras *joints 2"]:
    """Pixels in every camera."""
    seen = np.einsum("cik,...k->c...i", cameras[..., :3], places)
    seen += cameras[:, :, 3].reshape(len(cameras), *(1,) * (places.ndim - 1), 3)
    pixels: Float64[np.ndarray, "cameras *joints 2"] = seen[..., :2] / seen[..., 2:]
    return pixels


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
