"""What a model card says about a network's errors: clean and under a grey square, measured as a user would.

Crops are cut, normalised and occluded by the same code that heatmaps use, from the shipped weights.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import crop_image, normalise
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.training.evaluation import PoseErrors, Predictor, errors_mm


def load_crops(frames: Sequence[Sample]) -> Float[Tensor, "people 3 224 224"]:
    """Normalised crops of people, from their images and boxes."""
    return torch.stack(
        [normalise(crop_image(read_image(frame.image_path).pixels, frame.box)) for frame in frames]
    )


def ground_truth(frames: Sequence[Sample]) -> BodyParameters:
    """Parameters of people in the camera frame; their cameras are not known and set to zero."""
    return BodyParameters(
        torch.from_numpy(np.stack([frame.rotmats for frame in frames])),
        torch.from_numpy(np.stack([frame.betas for frame in frames])),
        torch.zeros(len(frames), 3),
    )


@torch.no_grad()
def clean_errors(
    predict: Predictor,
    body: BodyModel,
    crops: Float[Tensor, "people 3 height width"],
    truth: BodyParameters,
) -> Float[Tensor, "2 people"]:
    """MPJPE and PA-MPJPE of every person over the 14 LSP joints, millimetres, (2, P)."""
    return errors_mm(predict(crops), truth, body)


def occluded_errors(
    predict: Predictor,
    body: BodyModel,
    crops: Float[Tensor, "people 3 height width"],
    truth: BodyParameters,
    grid: Grid,
) -> Float[Tensor, "windows 2 people"]:
    """MPJPE and PA-MPJPE of every person with a grey square in every window, millimetres, (W, 2, P)."""
    occluder = parse_occluder("grey", grid.size)
    windows = torch.from_numpy(grid.windows())
    covered = (occluder.apply(crops, window.expand(len(crops), 4)) for window in windows)
    return torch.stack([clean_errors(predict, body, each, truth) for each in covered])


def mean_and_occluded(
    predict: Predictor,
    body: BodyModel,
    crops: Float[Tensor, "people 3 height width"],
    truth: BodyParameters,
    grid: Grid,
) -> tuple[PoseErrors, PoseErrors, PoseErrors]:
    """Errors without occluder, with a grey square averaged over windows, and with the worst window.

    Args:
        predict: from normalised crops to parameters.
        body: body of prediction and truth.
        crops: normalised crops, (P, 3, H, W).
        truth: ground truth of the P people.
        grid: where the square is put.

    Returns:
        Means over people; the worst window is each person's own, of each metric.
    """
    errors = occluded_errors(predict, body, crops, truth, grid)
    clean = clean_errors(predict, body, crops, truth)
    return _mean(clean), _mean(errors.mean(dim=0)), _mean(errors.amax(dim=0))


def _mean(errors: Float[Tensor, "2 people"]) -> PoseErrors:
    position, aligned = errors.mean(dim=1).tolist()
    return PoseErrors(position, aligned)
