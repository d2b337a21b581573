"""One person cut out of a photograph, with whatever is known about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.data.boxes import BOX_MARGIN, RESOLUTION, CropBox, read_openpose
from occlusion_toolkit.data.crops import Resampling, crop_image
from occlusion_toolkit.data.ground_truth import GroundTruth, load_ground_truth
from occlusion_toolkit.data.protocol import described_crop
from occlusion_toolkit.errors import CropError, GroundTruthError, UsageError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.files.texts import storable
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.find.people import find_people
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.papers import paper_protocol
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.models.views import View

_LISTED = 10  # boxes in the line that says whom else there is


@dataclass(frozen=True)
class Crop:
    """A person as a regressor sees them, before normalisation.

    Attributes:
        pixels: RGB, 8 bit, (224, 224, 3); black outside the image.
        box: the square that was cut out of the image, pixels of the image.
        box_rule: how the box was found, in words; part of every protocol card.
        file: name of the image.
        sha256: checksum of the image file.
        truth: the true body, where it is known.
        warnings: what was odd about the image or the box.
        resampling: how pixels of the image became those of the crop.
        image: the whole photograph, RGB, (H, W, 3), of which networks with crops of their own cut them; None
            where only the square is known.
        focal_px: focal length of the photograph, pixels, where it is known; some networks must be told.
    """

    pixels: UInt8[np.ndarray, "resolution resolution 3"]
    box: CropBox
    box_rule: str
    file: str
    sha256: str
    truth: GroundTruth | None = None
    warnings: tuple[str, ...] = ()
    resampling: Resampling = "antialias"
    image: UInt8[np.ndarray, "height width 3"] | None = field(default=None, repr=False, compare=False)
    focal_px: float | None = None

    @property
    def crop_rule(self) -> str:
        """How the crop was made, in words, as protocol cards carry it."""
        return described_crop(self.box_rule, self.resampling, len(self.pixels))

    def view_of(self, regressor: LoadedRegressor) -> View | None:
        """What a network sees of the person; None where that is `pixels`.

        Raises:
            CropError: it has crops of its own and there is no photograph, or a focal length is missing.
        """
        if not regressor.has_own_crops:
            return None
        if self.image is None:
            raise CropError(
                f"{regressor.card.name} cuts crops of its own out of the photograph, and this crop has none; "
                "make it with read_crop"
            )
        return regressor.view(self.image, self.box, self.focal_px)

    @property
    def truth_gender(self) -> Gender:
        """Gender of the body that the truth is parameters of; neutral where the source does not say.

        Raises:
            GroundTruthError: the source has a gender that no body has.
        """
        stated = None if self.truth is None else self.truth.gender
        for gender in GENDERS:
            if stated == gender:
                return gender
        if stated is None:
            return "neutral"
        raise GroundTruthError(f"the ground truth has gender {stated!r}, not one of {', '.join(GENDERS)}")


def read_crop(
    image: Path | str,
    *,
    bbox: Sequence[float | int] | None = None,
    keypoints: Path | str | None = None,
    person: int | None = None,
    ground_truth: Path | str | None = None,
    focal_px: float | None = None,
    trusted: TrustedFiles | None = None,
    resampling: Resampling = "antialias",
) -> Crop:
    """Reads a photograph and cuts one person out.

    The box is that of `bbox`, of `keypoints`, of the ground truth, or of a person who is found in the image;
    the whole image where nobody is. It is made square and 1.2 times as large, as PARE, SPIN and EFT do.

    Args:
        image: JPEG, PNG, WebP and others; turned upright by its EXIF data.
        bbox: the person's box (x, y, width, height), pixels of the image.
        keypoints: OpenPose's JSON of the image; the most confident person is taken.
        person: which of the people found, from 1, the largest first; None for the largest.
        ground_truth: true pose and shape: an .npz file, or ROOT:SPLIT/SEQUENCE:FRAME of a data set in 3DPW's
            layout.
        focal_px: focal length of the photograph, pixels; only networks that are told the camera need it.
            A frame of a data set brings its own.
        trusted: pickles of a data set that may be opened although they ask for foreign code.
        resampling: how pixels become crop pixels; a model whose card says `crop_rule: imresize` needs that.

    Returns:
        The crop, 224 pixels a side.

    Raises:
        UsageError: more than one of `bbox`, `keypoints` and `person` is given, `bbox` is no box, or there are
            fewer people.
        ImageError: the image is missing or damaged.
        CropError: the box misses the image, or the keypoints show nobody.
        GroundTruthError: the truth is malformed, or belongs to another image.

    Example:
        >>> crop = read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
        >>> crop.pixels.shape
        (224, 224, 3)
    """
    if sum(value is not None for value in (bbox, keypoints, person)) > 1:
        raise UsageError("give one of bbox, keypoints and person")
    decoded = read_image(Path(image))
    sha256 = sha256_file(image)
    truth = None if ground_truth is None else load_ground_truth(str(ground_truth), trusted)
    warnings = list(decoded.warnings)
    if truth is not None:
        warnings += _belonging(truth, Path(image), sha256)
    if bbox is not None:
        if len(bbox) != 4:
            raise UsageError(f"bbox has {len(bbox)} numbers; give four numbers: x, y, width and height")
        box, rule = CropBox.from_xywh(*map(float, bbox)), f"square, {BOX_MARGIN} x the box given"
    elif keypoints is not None:
        found = read_openpose(Path(keypoints))
        warnings += found.warnings
        box, rule = CropBox.from_keypoints(found.points), f"square, {BOX_MARGIN} x the keypoints given"
    elif person is None and truth is not None and truth.box is not None:
        box, rule = truth.box, f"square, {BOX_MARGIN} x the box of the ground truth"
    else:
        box, rule, remarks = _found(decoded.pixels, person)
        warnings += remarks
    pixels = crop_image(decoded.pixels, box, RESOLUTION, resampling=resampling)
    known = None if truth is None else truth.focal_px
    return Crop(
        pixels,
        box,
        rule,
        storable(Path(image).name),
        sha256,
        truth,
        tuple(warnings),
        resampling,
        image=decoded.pixels,
        focal_px=focal_px if focal_px is not None else known,
    )


def require_crops(crops: Iterable[Crop], card: RegressorCard) -> None:
    """Makes sure that crops were made by the rule of a model's card.

    Raises:
        UsageError: one was not.
    """
    rule = paper_protocol(card).crop_rule
    for crop in crops:
        if crop.resampling != rule:
            raise UsageError(
                f"the crop of {crop.file} was made by {crop.resampling!r}, but the card of {card.name} says "
                f"{rule!r}; read it with resampling={rule!r}"
            )


def _belonging(truth: GroundTruth, image: Path, sha256: str) -> list[str]:
    """What there is to say about whose truth it is.

    Raises:
        GroundTruthError: it is that of another image.
    """
    owner = truth.image_sha256 if truth.image_path is None else sha256_file(truth.image_path)
    if owner is None:
        return [
            f"the ground truth does not say which image it belongs to; {image.name!r} is assumed "
            "(an image_sha256 in the npz says it)"
        ]
    if owner != sha256:
        other = f"of sha256 {owner}" if truth.image_path is None else repr(str(truth.image_path))
        raise GroundTruthError(
            f"the ground truth belongs to the image {other}, and {str(image)!r} is another one; "
            "give that image, or the truth of this one"
        )
    return []


def _found(image: UInt8[np.ndarray, "height width 3"], number: int | None) -> tuple[CropBox, str, list[str]]:
    """The box of a person who is found, the rule it follows, and what there is to say about the choice.

    Raises:
        UsageError: there are fewer people.
    """
    people, (height, width) = find_people(image), image.shape[:2]
    if not people and number is None:
        return (
            CropBox.whole_image(height, width),
            "square around the whole image, where nobody was found",
            ["nobody was found: the whole image is taken as the person's crop; a bbox says where they are"],
        )
    chosen = number or 1
    if not 1 <= chosen <= len(people):
        found = {0: "nobody was", 1: "only 1 person was"}.get(len(people), f"only {len(people)} people were")
        raise UsageError(f"there is no person {chosen}: {found} found in the image")
    remarks = []
    if len(people) > 1 and number is None:
        boxes = [
            f"{position}: " + " ".join(f"{value:.0f}" for value in other.bbox_xywh)
            for position, other in enumerate(people[:_LISTED], start=1)
        ]
        if len(people) > _LISTED:
            boxes.append("and more, which `occlusion-toolkit find` lists")
        remarks.append(
            f"{len(people)} people were found and the largest is taken; --person N takes another. "
            f"Their boxes (x y width height): {', '.join(boxes)}"
        )
    person = people[chosen - 1]
    if person.reaches_beyond(height, width):
        remarks.append("the person reaches beyond the image: only what is in it is cut out")
    among = f"; person {chosen} of {len(people)} by size" if len(people) > 1 else ""
    return person.box, f"square, {BOX_MARGIN} x the keypoints that BlazePose found{among}", remarks
