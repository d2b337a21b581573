"""One person cut out of a photograph, with whatever is known about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.data.boxes import BOX_MARGIN, RESOLUTION, CropBox, read_openpose
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.data.ground_truth import GroundTruth, load_ground_truth
from occlusion_toolkit.errors import GroundTruthError, UsageError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.files.trust import TrustedFiles


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
    """

    pixels: UInt8[np.ndarray, "resolution resolution 3"]
    box: CropBox
    box_rule: str
    file: str
    sha256: str
    truth: GroundTruth | None = None
    warnings: tuple[str, ...] = ()

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
    ground_truth: Path | str | None = None,
    trusted: TrustedFiles | None = None,
) -> Crop:
    """Reads a photograph and cuts one person out.

    The box comes from `bbox`, else from `keypoints`, else from the ground truth, else it is the whole image.
    It is made square and 1.2 times as large, as PARE, SPIN and EFT do.

    Args:
        image: JPEG, PNG, WebP and others; turned upright by its EXIF data.
        bbox: the person's box (x, y, width, height), pixels of the image.
        keypoints: OpenPose's JSON of the image; the most confident person is taken.
        ground_truth: true pose and shape: an .npz file, or ROOT:SPLIT/SEQUENCE:FRAME of a data set in 3DPW's
            layout.
        trusted: pickles of a data set that may be opened although they ask for foreign code.

    Returns:
        The crop, 224 pixels a side.

    Raises:
        UsageError: both `bbox` and `keypoints` are given.
        ImageError: the image is missing or damaged.
        CropError: the box misses the image, or the keypoints show nobody.
        GroundTruthError: the truth is malformed, or belongs to another image.

    Example:
        >>> crop = read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
        >>> crop.pixels.shape
        (224, 224, 3)
    """
    if bbox is not None and keypoints is not None:
        raise UsageError("give bbox or keypoints, not both")
    decoded = read_image(Path(image))
    sha256 = sha256_file(image)
    truth = None if ground_truth is None else load_ground_truth(str(ground_truth), trusted)
    if truth is not None and truth.image_path is not None and sha256_file(truth.image_path) != sha256:
        raise GroundTruthError(
            f"the ground truth belongs to {str(truth.image_path)!r}, which is another image; "
            "give that image, or the truth of this one"
        )
    warnings = list(decoded.warnings)
    if bbox is not None:
        box, rule = CropBox.from_xywh(*map(float, bbox)), f"square, {BOX_MARGIN} x the box given"
    elif keypoints is not None:
        found = read_openpose(Path(keypoints))
        warnings += found.warnings
        box, rule = CropBox.from_keypoints(found.points), f"square, {BOX_MARGIN} x the keypoints given"
    elif truth is not None and truth.box is not None:
        box, rule = truth.box, f"square, {BOX_MARGIN} x the box of the ground truth"
    else:
        height, width = decoded.pixels.shape[:2]
        warnings.append("no box or keypoints: the whole image is taken as the person's crop")
        box, rule = CropBox.whole_image(height, width), "square around the whole image"
    pixels = crop_image(decoded.pixels, box, RESOLUTION)
    return Crop(pixels, box, rule, Path(image).name, sha256, truth, tuple(warnings))
