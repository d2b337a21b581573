"""BlazePose as the trunk of a regressor: what it sees of a 224 px crop, kept as it is or joined into one map.

The published network looks at wider crops than regressors get. A crop is therefore shown to it smaller, in
the middle of a black picture: its people have the size that it knows.
"""

import hashlib
from typing import Any, Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from occlusion_toolkit.models.backbones.blazepose import POINTS, RESOLUTION, BlazePose, blazepose_full
from occlusion_toolkit.models.backbones.blocks import Backbone

SHOWN_PX: Final = 190
"""Side of the crop within BlazePose's picture."""

FUSED, NARROW, MAP, COARSE = 48, 288, 16, 8
"""Channels of the two maps that are kept, and their sides."""

_BORDER = (RESOLUTION - SHOWN_PX) // 2

READABLE: Final = POINTS * 8
"""Numbers that BlazePose says of its points."""

_COARSEST = NARROW * 2 * 2
_SIZES = [FUSED * MAP**2, NARROW * COARSE**2, _COARSEST, READABLE]

SIGHT_LENGTH: Final = sum(_SIZES)
"""Numbers that are kept of a crop."""

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_UNUSED = ("silhouette", "heatmaps", "presence", "lateral128")


class BlazePoseTrunk(Backbone):
    """BlazePose and a neck that joins what it sees.

    What is seen of a crop ("sight") are 32,184 numbers: the decoder's finest map at 16x16, the map at 8x8 and
    the features at 2x2 that points are computed from, and the points themselves. The neck makes one map of
    them: 16x16 for heads that attend to places, 1x1 for heads that average over places. BlazePose's weights
    are in no state dict unless they are tuned.

    Args:
        network: BlazePose "full" with its weights; loses the heads that no trunk reads.
        join: "map" for a map of 16x16, "vector" for one of 1x1.
        width: channels of that map.
        dropout: share of the coarsest features silenced in training; see `Whole`.
        tuned: whether BlazePose's weights are trained, behind its maps of 32x32, and stored with the neck's.
            Finer maps show edges, which are those of photographs, and would take half of a step's time.
    """

    def __init__(
        self,
        network: BlazePose,
        *,
        join: Literal["map", "vector"],
        width: int,
        dropout: float = 0.5,
        tuned: bool = False,
    ) -> None:
        super().__init__()
        self.out_channels = width
        self.network = without_heads(network)
        self.neck = MapNeck(width, dropout) if join == "map" else VectorNeck(width, dropout)
        self.tuned = tuned
        self.network.requires_grad_(tuned)
        self.network.trunk.freeze_fine()
        if not tuned:
            self.register_state_dict_post_hook(_without_network)  # type: ignore[no-untyped-call]
            self.register_load_state_dict_pre_hook(_with_network)  # type: ignore[no-untyped-call]

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channels h w"]:
        """The joined map of crops, RGB, normalised with ImageNet's mean and standard deviation."""
        joined: Tensor = self.neck(self.look(crops))
        return joined

    def look(self, crops: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch numbers"]:
        """As much of a sight of normalised crops as the neck reads: all of it, or its end alone."""
        reads_maps = isinstance(self.neck, MapNeck)
        return self.see(crops) if reads_maps else self._whole(self.network.pose2(shown(crops)))

    def see(self, crops: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch numbers"]:
        """What BlazePose sees of normalised crops, (B, `SIGHT_LENGTH`)."""
        features = self.network.features(shown(crops))
        fused = functional.avg_pool2d(features.fused64, features.fused64.shape[-1] // MAP)
        return torch.cat([fused.flatten(1), features.narrow8.flatten(1), self._whole(features.pose2)], dim=1)

    def checksum(self) -> str:
        """Of BlazePose's weights; trunks with the same one see the same of a crop."""
        found = hashlib.sha256()
        for name, value in sorted(self.network.state_dict().items()):
            found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def _whole(self, pose2: Float[Tensor, "batch narrow h2 w2"]) -> Float[Tensor, "batch numbers"]:
        """The end of a sight, which tells of the person as a whole: the coarsest features and the points."""
        landmarks, world = self.network.landmarks(pose2).flatten(1), self.network.world(pose2).flatten(1)
        return torch.cat([pose2.flatten(1), readable(landmarks, world)], dim=1)


def without_heads(network: BlazePose) -> BlazePose:
    """The same network, which has lost the heads that no trunk reads: silhouette, heatmaps, presence."""
    for name in _UNUSED:
        if hasattr(network, name):
            delattr(network, name)
    return network


def tuned_blazepose() -> BlazePose:
    """BlazePose "full" without those heads, not trained: what a file of tuned weights is of."""
    return without_heads(blazepose_full())


class Whole(nn.Module):
    """One vector of the person as a whole, from BlazePose's points and its coarsest features.

    The points mean the same on photographs and on rendered pictures; features do not quite, so that they are
    silenced more often.

    Args:
        width: of the vector and of the layers before it.
        dropout: share of the coarsest features silenced in training; a fifth of it within, a tenth
            of the points.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.points = _linear(READABLE, width, 0.1 * dropout)
        self.features = _linear(_COARSEST, width, dropout)
        self.refine = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(0.2 * dropout),
            nn.Linear(width, width),
        )
        self.normalise = nn.BatchNorm1d(width)

    def forward(self, sight: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch width"]:
        """The vector, after a ReLU, of a sight or of its end."""
        features, points = torch.split(sight[:, -sum(_SIZES[2:]) :], _SIZES[2:], dim=1)
        whole = self.points(points) + self.features(features)
        return torch.relu(self.normalise(whole + self.refine(whole)))


class VectorNeck(Whole):
    """The person as a whole, as a map of one place."""

    def forward(self, sight: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch width 1 1"]:
        """The map."""
        return super().forward(sight)[:, :, None, None]


class MapNeck(nn.Module):
    """Both maps and the person as a whole, each mapped to the same channels, added at 16x16.

    Args:
        width: channels of the map.
        dropout: as in `Whole`; a fifth of it silences whole channels of the maps.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.fine = _mapped(FUSED, width, 0.2 * dropout)
        self.coarse = _mapped(NARROW, width, 0.2 * dropout)
        self.whole = Whole(4 * width, dropout)
        self.spread = nn.Linear(4 * width, width)

    def forward(self, sight: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch width 16 16"]:
        """The sum, after a ReLU."""
        fine, coarse, _, _ = torch.split(sight, _SIZES, dim=1)
        joined = self.fine(fine.reshape(-1, FUSED, MAP, MAP))
        wide = self.coarse(coarse.reshape(-1, NARROW, COARSE, COARSE))
        wide = functional.interpolate(wide, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.relu(joined + wide + self.spread(self.whole(sight))[:, :, None, None])


def _linear(numbers: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(numbers), nn.Dropout(dropout), nn.Linear(numbers, width))


def _mapped(channels: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.Dropout2d(dropout), nn.Conv2d(channels, width, 1))


def shown(crops: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 256 256"]:
    """Normalised crops as BlazePose takes them: RGB in 0..1, small, in the middle of black."""
    mean, std = (crops.new_tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _STD))
    small = functional.interpolate(
        crops * std + mean, size=(SHOWN_PX, SHOWN_PX), mode="bilinear", align_corners=False, antialias=True
    )
    return functional.pad(small, (_BORDER, RESOLUTION - SHOWN_PX - _BORDER) * 2)


def readable(
    landmarks: Float[Tensor, "batch 195"], world: Float[Tensor, "batch 117"]
) -> Float[Tensor, "batch 312"]:
    """BlazePose's points in numbers of about one: places over the crop, depth, visibility, half metres."""
    points = landmarks.reshape(-1, POINTS, 5)
    places = (points[..., :2] - _BORDER) * (2 / SHOWN_PX) - 1
    depths = points[..., 2:3] / SHOWN_PX
    return torch.cat(
        [each.flatten(1) for each in (places, depths, points[..., 3:].sigmoid(), 2 * world)], dim=1
    )


def points_of(
    sight: Float[Tensor, "batch numbers"],
) -> tuple[Float[Tensor, "batch 39 2"], Float[Tensor, "batch 39 3"]]:
    """Where a sight says that BlazePose's points are: in [-1, 1] over the crop, and in metres."""
    places, metres = sight[:, -READABLE : 2 * POINTS - READABLE], sight[:, -3 * POINTS :] / 2
    return places.reshape(-1, POINTS, 2), metres.reshape(-1, POINTS, 3)


def _without_network(
    module: nn.Module, state: dict[str, Tensor], prefix: str, _metadata: dict[str, object]
) -> None:
    """Take BlazePose's weights out of a state dict that is being written."""
    for name in [name for name in state if name.startswith(f"{prefix}network.")]:
        del state[name]


def _with_network(module: nn.Module, state: dict[str, Any], prefix: str, *_reports: object) -> None:
    """Put BlazePose's weights, as they are, into a state dict that is being loaded."""
    network: nn.Module = module.network  # type: ignore[assignment]
    state.update({f"{prefix}network.{name}": value for name, value in network.state_dict().items()})
