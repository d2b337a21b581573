"""How well networks see people on photographs and videos, held against BlazePose "heavy".

    pip install -e '.[video]'
    python analyses/real_people.py demo.mp4 --every 10 --model pare-open --model hmr-open

"heavy" (tools/convert_blazepose) is shown every person in a crop of its own; networks get the box that
follows from its points. Counted are twelve joints, shoulders to wrists and hips to ankles, of people whom
"heavy" sees whole. The first two rows are the points of the first network's BlazePose on the same crops, and
the mean person of its training set.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import crop_image, normalise
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.find.people import find_people
from occlusion_toolkit.find.person import LANDMARKS, FoundPerson
from occlusion_toolkit.models.backbones.blazepose import blazepose_heavy
from occlusion_toolkit.models.backbones.blazepose_trunk import BlazePoseTrunk, points_of
from occlusion_toolkit.models.blazepose_weights import channels_last, load_blazepose
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat
from occlusion_toolkit.sweep.metrics import pa_mpjpe

NUM_LIMB_JOINTS = 12
"""The first joints of LSP are those of the limbs."""

THEIRS = [LANDMARKS.index(name) for name in LSP14.joint_names[:NUM_LIMB_JOINTS]]
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
SURE = 0.9
"""How sure "heavy" must be of a person, and in the mean that the joints are in sight."""

AT_ONCE = 16


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--model", "models", multiple=True, default=("pare-open",), show_default=True)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Of a video: each so many frames.",
)
def main(files: tuple[Path, ...], models: tuple[str, ...], every: int) -> None:
    """Print the errors of every model as a Markdown table."""
    seen = list(people_of(files, every))
    if not seen:
        raise UsageError("BlazePose sees nobody whole in these pictures; give others, or more of them")
    crops, places, world = (torch.stack(each) for each in zip(*seen, strict=True))
    click.echo(f"{len(crops)} crops\n\n| | 2D, % of the crop: mean | median | PA to heavy's points, mm |")
    click.echo("|---|---|---|---|")
    for title, (found, joints) in estimates(models, crops).items():
        apart = 50 * (found - places).norm(dim=-1)
        aligned = 1000 * pa_mpjpe(joints, world).mean()
        click.echo(f"| {title} | {apart.mean():.1f} | {apart.median():.1f} | {aligned:.1f} |")


@torch.no_grad()
def estimates(
    models: tuple[str, ...], crops: Float[Tensor, "crops 3 224 224"]
) -> dict[str, tuple[Float[Tensor, "crops 12 2"], Float[Tensor, "crops 12 3"]]]:
    """Limb joints by what says so: places in [-1, 1] over the crop, and in metres of the camera's frame."""
    networks = {name: load_regressor(name).network for name in models}
    first_name, first = next(iter(networks.items()))
    rows = {}
    if isinstance(first.backbone, BlazePoseTrunk):
        sights = torch.cat([first.backbone.see(part) for part in crops.split(AT_ONCE)])
        found, metres = points_of(sights)
        rows[f"points of the BlazePose of {first_name}"] = (found[:, THEIRS], metres[:, THEIRS])
    mean = (
        rot6d_to_rotmat(first.head.init_pose.view(1, -1, 6)),
        first.head.init_shape,
        first.head.init_cam,
    )
    people = {"mean person": BodyParameters(*(value.expand(len(crops), *value.shape[1:]) for value in mean))}
    for name, network in networks.items():
        parts = [network(part) for part in crops.split(AT_ONCE)]
        fields = ([getattr(part, field) for part in parts] for field in ("rotmats", "betas", "camera"))
        people[name] = BodyParameters(*(torch.cat(field) for field in fields))
    body = load_open_body()
    for title, person in people.items():
        joints = body.joints(person, LSP14)[:, :NUM_LIMB_JOINTS]
        rows[title] = (project_to_crop(joints, person.camera, 2)[..., :2] - 1, joints)
    return rows


def people_of(files: tuple[Path, ...], every: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Of everybody seen whole: the crop, where "heavy" sees the joints in it, [-1, 1], and in metres."""
    heavy = channels_last(load_blazepose("blazepose-heavy", blazepose_heavy))
    for image in pictures(files, every):
        for person in find_people(image, network=heavy):
            if sees_whole(person):
                crop = normalise(crop_image(image, person.box))
                places = person.box.image_to_crop(person.landmarks_px[THEIRS], 2) - 1
                yield crop, torch.from_numpy(places).float(), torch.from_numpy(person.world_m[THEIRS]).float()


def sees_whole(person: FoundPerson) -> bool:
    """Whether "heavy" is sure of the person and of the joints."""
    return person.score > SURE and float(person.visibility[THEIRS].mean()) > SURE


def pictures(files: tuple[Path, ...], every: int) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Photographs, and some frames of videos."""
    for path in files:
        if path.suffix.lower() not in VIDEOS:
            yield read_image(path).pixels
            continue
        import av  # not needed for photographs

        with av.open(str(path)) as video:
            for number, frame in enumerate(video.decode(video=0)):
                if number % every == 0:
                    yield frame.to_ndarray(format="rgb24")


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
