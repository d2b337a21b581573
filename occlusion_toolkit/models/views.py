"""A network's own crop of a person: its pixels, where it lies in the reference square, and before the camera.

Windows, maps and pictures live on the reference square: SPIN's, 1.2 times the person, 224 units a side. A
network with other crops gets the same windows mapped into them, so all networks meet the same occluder at the
same place of the photograph.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64, UInt8
from torch import Tensor

from occlusion_toolkit.body.joint_output import Estimates, JointOutput
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.bilinear import bilinear_crop, blur_sigma
from occlusion_toolkit.data.boxes import RESOLUTION, CropBox
from occlusion_toolkit.data.crops import check_overlap, crop_image
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import CropError
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.models.landmarks import upright_crop
from occlusion_toolkit.models.preprocessing import Preprocessing

_AT_ONCE = 64  # masks of windows in memory together


@dataclass(frozen=True)
class Frame:
    """How the pixels of a network's crop lie in the reference square.

    Attributes:
        to_reference: affine map from the crop to the reference square, both in pixels counted from their
            upper left corners, (2, 3). It may turn, not shear or mirror.
        resolution: side of the crop, pixels.
        seen: rows and columns (y0, y1, x0, x1) of the crop that the network sees, ends exclusive.
        edge_px: over how many pixels of the crop a hard edge of the photograph is smeared by the scaling: one
            where pixels are averaged, less where four are picked out of a larger picture.
    """

    to_reference: Float64[np.ndarray, "2 3"]
    resolution: int
    seen: tuple[int, int, int, int]
    edge_px: float = 1.0

    @property
    def gain(self) -> float:
        """Pixels of the crop per unit of the reference square."""
        return 1.0 / math.hypot(*self.to_reference[:, 0])

    @cached_property
    def places(self) -> Float32[Tensor, "rows columns 2"]:
        """Where the middle of every pixel of the crop lies in the reference square, x and y."""
        middles = np.arange(self.resolution) + 0.5
        x, y = np.meshgrid(middles, middles)
        mapped = np.stack([x, y], axis=-1) @ self.to_reference[:, :2].T + self.to_reference[:, 2]
        return torch.from_numpy(mapped.astype(np.float32))

    def coverage(self, windows: Int64[Tensor, "windows 4"]) -> Float32[Tensor, "windows 1 rows columns"]:
        """The share of every pixel that each window hides: 0 or 1 but for the pixels under its edges.

        An edge is as sharp as the scaling of the crop leaves one that is painted into the photograph: where
        pixels are averaged the share is the area (exactly, for crops that are not turned).

        Args:
            windows: rectangles (y0, y1, x0, x1) of the reference square, (W, 4); empty ones hide nothing.
        """
        x, y = self.places.to(windows.device).unbind(-1)
        y0, y1, x0, x1 = windows.to(torch.float32)[:, :, None, None].unbind(1)

        def share(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
            per_edge = self.gain / self.edge_px
            inside = torch.minimum(value - low, high - value) * per_edge + 0.5
            return torch.minimum(inside.clamp(0.0, 1.0), (high - low) * per_edge)  # thinner than an edge

        return (share(y, y0, y1) * share(x, x0, x1))[:, None]

    def sees(self, windows: Int64[Tensor, "windows 4"]) -> Bool[Tensor, " windows"]:
        """Whether any pixel that the network sees is touched by a window: if not, nothing can change."""
        y0, y1, x0, x1 = self.seen
        parts = [
            self.coverage(windows[first : first + _AT_ONCE])[..., y0:y1, x0:x1].flatten(1).amax(dim=1) > 0
            for first in range(0, len(windows), _AT_ONCE)
        ]
        return torch.cat(parts)

    def carry(
        self, pictures: Float[Tensor, "batch channels height width"], within: Int64[Tensor, "batch 4"] | None
    ) -> Float[Tensor, "batch channels rows columns"]:
        """Pictures of the reference square as the crop would show them, bilinear.

        Args:
            pictures: (B, C, 224, 224).
            within: a window (y0, y1, x0, x1) for each, beyond which its own border is continued; None for
                the whole square.
        """
        places = self.places.to(pictures).expand(len(pictures), -1, -1, -1)
        if within is not None:
            y0, y1, x0, x1 = within.to(pictures)[:, :, None, None].unbind(1)
            low = torch.stack([x0, y0], dim=-1) + 0.5
            high = torch.stack([x1, y1], dim=-1) - 0.5
            places = torch.maximum(torch.minimum(places, high), low)
        side = pictures.shape[-1]
        return torch.nn.functional.grid_sample(
            pictures, places * (2.0 / side) - 1.0, "bilinear", "border", align_corners=False
        )


@dataclass(frozen=True)
class View:
    """One person as a network sees them.

    Attributes:
        crop: in the numbers that the network takes, (3, side, side).
        frame: where it lies in the reference square.
        box: the square of the image that it shows.
        reference: the reference square.
        placement: where the crop lies before the camera, (3,): ((cx - W/2) / f, (cy - H/2) / f, b / f); None
            for networks that are not told.
        preprocessing: how it was made.
    """

    crop: Float32[Tensor, "3 side side"]
    frame: Frame
    box: CropBox
    reference: CropBox
    preprocessing: Preprocessing
    placement: Float32[Tensor, "3"] | None = None

    def given(self, device: torch.device) -> tuple[Float32[Tensor, "1 3 side side"], tuple[Tensor, ...]]:
        """What the network is called with, on a device: a batch of one, and where it lies, if it is told."""
        told = () if self.placement is None else (self.placement[None].to(device),)
        return self.crop[None].to(device), told

    def in_reference(self, estimates: Estimates) -> Estimates:
        """Estimates with the camera, or the axes and places of joints alone, of the reference square."""
        if isinstance(estimates, BodyParameters):
            return replace(estimates, camera=self.to_reference(estimates.camera))
        return self.joints_in_reference(estimates)

    def joints_in_reference(self, estimates: JointOutput) -> JointOutput:
        """Joints along the camera's axes, not the crop's, and where they are in the reference square."""
        matrix = torch.from_numpy(self.frame.to_reference).to(estimates.joints)
        turn = torch.eye(3).to(matrix)
        turn[:2, :2] = matrix[:, :2] * self.frame.gain
        turned = replace(estimates, joints=estimates.joints @ turn.T)
        if estimates.points_px is None:
            return turned
        return replace(turned, points_px=estimates.points_px @ matrix[:, :2].T + matrix[:, 2])

    def to_reference(self, camera: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3"]:
        """Cameras (s, tx, ty) over the network's crop as cameras over the reference square."""
        ratio = self.box.size / self.reference.size
        scale = camera[:, :1] * ratio
        shift = [
            2.0 * (own - other) / self.reference.size
            for own, other in zip(self.box.centre, self.reference.centre, strict=True)
        ]
        return torch.cat((scale, camera[:, 1:] + camera.new_tensor(shift) / scale), dim=1)


def view_of(
    preprocessing: Preprocessing,
    image: UInt8[np.ndarray, "height width 3"],
    reference: CropBox,
    focal_px: float | None = None,
) -> View:
    """What a network sees of a person.

    Args:
        preprocessing: how its crops are made.
        image: the photograph, upright RGB, (H, W, 3).
        reference: the person's box; its rectangle decides crops that follow the person's proportions.
        focal_px: focal length of the photograph, pixels; only networks that are told the camera need it.

    Raises:
        CropError: the box shows nobody, or the focal length is missing or no length.
        CheckpointError: BlazePose's weights are missing, where its own crops are made.
    """
    if preprocessing.turned:
        return _turned_view(preprocessing, image, reference)
    box = own_box(preprocessing, reference)
    resolution = preprocessing.resolution
    rgb = _pixels(preprocessing, image, box)
    return View(
        crop=preprocessing.numbers(torch.from_numpy(rgb).permute(2, 0, 1) / 255.0),
        frame=_frame(preprocessing, box, reference, resolution),
        box=box,
        reference=reference,
        preprocessing=preprocessing,
        placement=_placement(preprocessing, image, box, focal_px),
    )


def _turned_view(
    preprocessing: Preprocessing, image: UInt8[np.ndarray, "height width 3"], reference: CropBox
) -> View:
    own = upright_crop(image, reference)
    rgb = own.cut(image).astype(np.float32)
    to_image = np.linalg.inv(own.box.transform(preprocessing.resolution, own.rotation))
    rows, columns = ((0, preprocessing.resolution) if span is None else span for span in preprocessing.seen)
    return View(
        crop=preprocessing.numbers(torch.from_numpy(rgb).permute(2, 0, 1) / 255.0),
        frame=Frame((reference.transform() @ to_image)[:2], preprocessing.resolution, (*rows, *columns)),
        box=own.box,
        reference=reference,
        preprocessing=preprocessing,
    )


def read_view(preprocessing: Preprocessing, sample: Sample) -> View:
    """What a network sees of a person of a data set.

    Raises:
        ImageError: the image is missing or damaged.
        CropError: the box shows nobody, or the network needs a focal length that the data set does not say.
    """
    try:
        return view_of(preprocessing, read_image(sample.image_path).pixels, sample.box, sample.focal_px)
    except CropError as error:
        raise CropError(f"{str(sample.image_path)!r}, person {sample.person}: {error}") from error


def own_box(preprocessing: Preprocessing, reference: CropBox) -> CropBox:
    """The square that a network's crop shows of the image.

    Where only the reference square is known the person's rectangle is taken to be square.
    """
    width, height = reference.rectangle
    if preprocessing.aspect is not None:
        across, down = preprocessing.aspect
        width, height = max(width, height * across / down), max(height, width * down / across)
    return CropBox(reference.centre, preprocessing.box_margin * max(width, height), reference.person)


def _pixels(
    preprocessing: Preprocessing, image: UInt8[np.ndarray, "height width 3"], box: CropBox
) -> Float32[np.ndarray, "side side 3"]:
    resolution = preprocessing.resolution
    if preprocessing.crop_rule == preprocessing.reference_rule:
        rule = preprocessing.reference_rule

        def cut(picture: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "side side 3"]:
            return crop_image(picture, box, resolution, resampling=rule).astype(np.float32)
    else:
        sigma = blur_sigma(box.size, resolution) if preprocessing.crop_rule == "blurred" else 0.0
        check_overlap(image, box)

        def cut(picture: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "side side 3"]:
            return bilinear_crop(picture, box, resolution, sigma=sigma)

    crop = cut(image)
    if preprocessing.padding == "white":
        crop = crop + 255.0 - cut(np.full_like(image, 255))
    return crop


def _frame(preprocessing: Preprocessing, box: CropBox, reference: CropBox, resolution: int) -> Frame:
    step = box.size / resolution  # image pixels per pixel of the crop
    # Published warps match numbers of pixels, not their borders: the crop lies off by a part of a pixel.
    off = 0.0 if preprocessing.crop_rule == preprocessing.reference_rule else 0.5 * (1.0 - step)
    unit = RESOLUTION / reference.size
    shifts = [
        (own - box.size / 2 + off - (other - reference.size / 2)) * unit
        for own, other in zip(box.centre, reference.centre, strict=True)
    ]
    matrix = np.array([[step * unit, 0.0, shifts[0]], [0.0, step * unit, shifts[1]]])
    rows, columns = ((0, resolution) if span is None else span for span in preprocessing.seen)
    averaged = preprocessing.crop_rule != "bilinear"
    return Frame(matrix, resolution, (*rows, *columns), max(1.0 / step, 1.0 if averaged else 0.0))


def _placement(
    preprocessing: Preprocessing,
    image: UInt8[np.ndarray, "height width 3"],
    box: CropBox,
    focal_px: float | None,
) -> Float32[Tensor, "3"] | None:
    if preprocessing.camera == "weak":
        return None
    height, width = image.shape[:2]
    if focal_px is None:
        raise CropError(
            "this network has to be told the camera, and the focal length of the photograph is not known; "
            f"give it in pixels (--focal-length; {math.hypot(height, width):.0f}, the image's diagonal, is a "
            "common guess)"
        )
    if not (math.isfinite(focal_px) and focal_px > 0):
        raise CropError(f"a focal length of {focal_px:g} pixels is no length; give a number above 0")
    (x, y) = box.centre
    return torch.tensor([(x - width / 2) / focal_px, (y - height / 2) / focal_px, box.size / focal_px])
