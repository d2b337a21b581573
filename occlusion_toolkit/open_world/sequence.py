"""One sequence from one seed: a person, a place, a camera, and frames with their exact ground truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlusion_toolkit.errors import ImageError
from occlusion_toolkit.open_world.camera import (
    Camera,
    Sensor,
    draw_framing,
    draw_sensor,
    expose,
    place_camera,
)
from occlusion_toolkit.open_world.garment_cuts import shader_values
from occlusion_toolkit.open_world.lighting import draw_lighting
from occlusion_toolkit.open_world.motion import Moment, Walker, moments
from occlusion_toolkit.open_world.outfit import draw_outfit
from occlusion_toolkit.open_world.person import DressedPerson, Layer, dress
from occlusion_toolkit.open_world.renderer import PosedLayers, Renderer
from occlusion_toolkit.open_world.rig import Floats, axis_angle_from_rotmats, rotmats_from_axis_angle
from occlusion_toolkit.open_world.scenes import add_foreground, build_scene
from occlusion_toolkit.open_world.seat import seat_block
from occlusion_toolkit.open_world.self_contact import capsule_radii
from occlusion_toolkit.open_world.splits import SPLITS, Split, shape_bin, split_of_bin
from occlusion_toolkit.open_world.wardrobe import Wardrobe, load_wardrobe

FRAMES_PER_VIEW = 4
_CONTACT_JOINTS = (7, 8, 10, 11, 4, 5, 0, 23)
_CONTACT_RADII_M = (0.07, 0.07, 0.06, 0.06, 0.06, 0.06, 0.13, 0.04)


@dataclass(frozen=True)
class SequenceRequest:
    """What to render: the same request gives the same pixels.

    photographs: pictures used as backgrounds for `photograph_share` of the sequences. occluded_share: of the
    sequences with something in front of the person, and as many that the frame cuts.
    """

    seed: int
    split: Split
    index: int
    frames: int
    width: int
    height: int
    photographs: tuple[Path, ...] = ()
    photograph_share: float = 0.5
    occluded_share: float = 0.0

    @property
    def name(self) -> str:
        """The sequence's name, unique within a data set."""
        return f"synthetic_{self.split}_{self.index:05d}"


@dataclass(frozen=True)
class RenderedFrame:
    """One frame with its ground truth.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8; 0 background, 1 + SMPL part.
        jpeg_quality: to store the image with.
        pose: (72,) axis-angle, root in the world frame.
        trans: (3,) metres, world.
        joints: (24, 3) metres, world.
        landmarks: (6, 3) nose, right eye, left eye, right ear, left ear, neck; metres, world.
        camera: that took it.
        family: of the pose.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    jpeg_quality: int
    pose: Floats
    trans: Floats
    joints: Floats
    landmarks: Floats
    camera: Camera
    family: str


@dataclass(frozen=True)
class Person:
    """Who is seen: shape (10,), gender letter for the file format, clothes."""

    betas: Floats
    gender: str
    dressed: DressedPerson
    shader_values: dict[str, object]
    contact_vertices: NDArray[np.int32]


def sequence_generator(request: SequenceRequest) -> np.random.Generator:
    """Return the random numbers of one sequence, independent of all others."""
    return np.random.default_rng([request.seed, SPLITS.index(request.split), request.index])


def draw_betas(draw: np.random.Generator, split: Split) -> Floats:
    """Return shape coefficients (10,) in a bin of the split: normal, cut at 2.5 deviations."""
    while True:
        betas = np.clip(draw.standard_normal(10), -2.5, 2.5)
        if split_of_bin("shape", shape_bin(betas)) == split:
            return betas


def draw_person(draw: np.random.Generator, wardrobe: Wardrobe, split: Split) -> Person:
    """Return a person of a split."""
    betas = draw_betas(draw, split)
    outfit = draw_outfit(draw, split)
    dressed = dress(wardrobe, betas, outfit)
    touching = (
        [dressed.faces[Layer.SKIN]]
        if outfit.shoe_height_m is None
        else [
            dressed.faces[Layer.SKIN],
            dressed.faces[Layer.SHOES],
        ]
    )
    contact = np.unique(np.concatenate(touching))
    gender = "f" if outfit.long_hair or outfit.skirt is not None else "m"
    return Person(betas, gender, dressed, shader_values(outfit, dressed.landmarks), contact)


def render_sequence(renderer: Renderer, request: SequenceRequest) -> Iterator[tuple[Person, RenderedFrame]]:
    """Yield the frames of one sequence.

    Training sequences jump from pose to pose, and the camera moves every four frames, so that each image
    adds as much as it can; validation and test sequences are short motions before one camera.
    """
    draw = sequence_generator(request)
    wardrobe = load_wardrobe()
    continuous = request.split != "train"
    person = draw_person(draw, wardrobe, request.split)
    joints = person.dressed.joints
    body = person.dressed.rest[: person.dressed.body_count].astype(np.float64)
    stature = float(body[:, 1].max() - body[:, 1].min())
    radii = capsule_radii(body, joints, wardrobe.body.parts)
    framing = draw_framing(draw, stature, request.width, request.height, close_share=request.occluded_share)
    scene = build_scene(draw, request.split)
    if request.occluded_share and draw.random() < request.occluded_share:
        add_foreground(draw, scene.mesh, request.split, framing.distance)
    renderer.set_scene(scene, draw_lighting(draw, indoor=scene.indoor))
    renderer.set_person(person.dressed, person.shader_values)
    sensor = draw_sensor(draw, 88 if continuous else None)
    blur = float(draw.uniform(0.8, 2.4)) if draw.random() < 0.35 else 0.0
    photographed = bool(request.photographs) and draw.random() < request.photograph_share
    stream = moments(draw, request.split, joints, radii, continuous=continuous)
    walker = Walker(draw, continuous=continuous)
    for frame in range(request.frames):
        if frame == 0 or (not continuous and frame % FRAMES_PER_VIEW == 0):
            camera, azimuth = place_camera(draw, framing, request.width, request.height, indoor=scene.indoor)
            photograph = _photograph(draw, request, renderer.backdrop_size) if photographed else None
            renderer.set_camera(camera, photograph, blur)
            walker.start(azimuth)
        moment = next(stream)
        heading, spot = walker.step(moment)
        yield person, _frame(renderer, person, wardrobe, camera, moment, heading, spot, sensor, draw)


def _photograph(
    draw: np.random.Generator, request: SequenceRequest, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return a random cut of `size` (width, height) of a photograph, mirrored half the time."""
    path = request.photographs[int(draw.integers(len(request.photographs)))]
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (2 * size[0], 2 * size[1]))  # JPEG need not be decoded larger than it is used
            picture = opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"background {path} cannot be read ({error}); remove it from the folder") from error
    aspect = request.width / request.height
    most = min(picture.width / aspect, picture.height)
    high = most * float(draw.uniform(0.6, 1.0))
    left, top = draw.uniform(0, picture.width - high * aspect), draw.uniform(0, picture.height - high)
    cut = picture.resize(
        size,
        Image.Resampling.BILINEAR,
        box=(left, top, left + high * aspect, top + high),
    )
    pixels = np.asarray(cut)
    return pixels[:, ::-1] if draw.random() < 0.5 else pixels


def _frame(
    renderer: Renderer,
    person: Person,
    wardrobe: Wardrobe,
    camera: Camera,
    moment: Moment,
    heading: float,
    spot: Floats,
    sensor: Sensor,
    draw: np.random.Generator,
) -> RenderedFrame:
    dressed = person.dressed
    rotmats = moment.rotmats.copy()
    rotmats[0] = rotmats_from_axis_angle(np.array([0.0, heading, 0.0])) @ rotmats[0]
    vertices, normals, joints = dressed.mesh.posed(dressed.joints, rotmats)
    trans = np.array([spot[0], -float(vertices[person.contact_vertices, 1].min()), spot[1]])
    placed = vertices + trans.astype(np.float32)
    joints = joints + trans
    body = placed[: dressed.body_count]
    posed = PosedLayers(
        vertices=placed,
        normals=normals,
        centre=joints[[0, 12]].mean(axis=0),
        contacts=np.concatenate([joints[list(_CONTACT_JOINTS)], np.array(_CONTACT_RADII_M)[:, None]], axis=1),
        seat=seat_block(draw, body, wardrobe.body.parts, heading) if moment.family == "sit" else None,
    )
    image, labels = renderer.draw_frame(posed)
    ids = wardrobe.arrays.vertex_ids
    face = body[[ids["nose"], ids["reye"], ids["leye"], ids["rear"], ids["lear"]]].astype(np.float64)
    return RenderedFrame(
        image=expose(image, sensor, draw),
        labels=labels,
        jpeg_quality=sensor.jpeg_quality,
        pose=axis_angle_from_rotmats(rotmats).ravel(),
        trans=trans,
        joints=joints,
        landmarks=np.concatenate([face, joints[[16, 17]].mean(axis=0, keepdims=True)]),
        camera=camera,
        family=moment.family,
    )
