"""Where the person is: from an option, the ground truth, or the whole image."""

from pathlib import Path

from occlusion_toolkit.cli import console
from occlusion_toolkit.data.boxes import BOX_MARGIN, CropBox, read_openpose
from occlusion_toolkit.data.ground_truth import GroundTruth
from occlusion_toolkit.files.images import DecodedImage


def choose_box(
    picture: DecodedImage,
    bbox: tuple[float, float, float, float] | None,
    openpose: Path | None,
    truth: GroundTruth | None,
) -> tuple[CropBox, str]:
    """The square around the person, and the rule it follows, in words.

    Args:
        picture: the image.
        bbox: x, y, width and height that the user gave, pixels.
        openpose: OpenPose file that the user gave.
        truth: ground truth, which may know the box.

    Raises:
        CropError: the box or the keypoints are unusable.
    """
    if bbox:
        return CropBox.from_xywh(*bbox), f"square, {BOX_MARGIN} x the box given"
    if openpose:
        found = read_openpose(openpose)
        console.warn(*found.warnings)
        return CropBox.from_keypoints(found.points), f"square, {BOX_MARGIN} x the keypoints given"
    if truth and truth.box:
        return truth.box, f"square, {BOX_MARGIN} x the box of the ground truth"
    height, width = picture.pixels.shape[:2]
    console.warn("no --bbox or --openpose: the whole image is taken as the person's crop")
    return CropBox.whole_image(height, width), "square around the whole image"
