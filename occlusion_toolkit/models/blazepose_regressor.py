"""MediaPipe's BlazePose as a regressor: 33 joints in metres, how sure it is of each, and no body."""

from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.joint_output import JointOutput
from occlusion_toolkit.body.joints import BLAZEPOSE33
from occlusion_toolkit.models.backbones.blazepose import BlazePose


class BlazePoseRegressor(BlazePose):
    """BlazePose's points from its own crops; silhouette and heatmaps are not computed."""

    def forward(self, crops: Float[Tensor, "batch 3 256 256"]) -> JointOutput:  # type: ignore[override]
        """Points along the axes of the crop.

        Args:
            crops: RGB in 0..1, (B, 3, 256, 256), each turned until the person is upright
                (`models.landmarks.TurnedCrop`).

        Returns:
            Joints in metres from the middle of the hips; how sure it is that each is in the picture and not
            hidden; places in pixels of the crop.
        """
        pose = self.pose2(crops)
        landmarks = self.landmarks(pose).flatten(1).unflatten(1, (-1, 5))[:, : len(BLAZEPOSE33)]
        world = self.world(pose).flatten(1).unflatten(1, (-1, 3))[:, : len(BLAZEPOSE33)]
        return JointOutput(world, BLAZEPOSE33, landmarks[..., 3].sigmoid(), landmarks[..., :2])
