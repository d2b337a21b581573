"""Ground truth of a sweep: checked before the first pass, then reduced to centred joints."""

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import GroundTruthError
from occlusion_toolkit.sweep.readouts import JointBody, centred_joints


def check_ground_truth(ground_truth: BodyParameters, crops: int, first: int = 0) -> None:
    """Makes sure that there is one finite body per crop.

    Args:
        ground_truth: the true bodies.
        crops: how many there should be.
        first: number of the first crop, for messages.

    Raises:
        GroundTruthError: the numbers of bodies and crops differ, or rotations or betas have NaN or infinite
            values. The camera is not looked at: errors do not depend on it.
    """
    if len(ground_truth) != crops:
        raise GroundTruthError(
            f"ground truth has {len(ground_truth)} bodies for {crops} crops; give one for each crop"
        )
    for name in ("rotmats", "betas"):
        values: Tensor = getattr(ground_truth, name)
        broken = ~values.isfinite().flatten(1).all(dim=1)
        if broken.any():
            number = first + int(broken.nonzero()[0])
            raise GroundTruthError(
                f"ground truth {name} of crop {number} has NaN or infinite values; "
                "leave the crop out or correct its annotation"
            )


def true_joints(
    body: JointBody, joint_set: JointSet, ground_truth: BodyParameters, device: torch.device
) -> Float[Tensor, "joints 3"]:
    """Centred joints of one true body, (J, 3), metres, float32 on the device of the sweep."""
    return centred_joints(body, joint_set, ground_truth.to(device, torch.float32))[0]
