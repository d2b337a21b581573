"""How a network wants its crops: the part of a model card that says what becomes of a photograph."""

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor

from occlusion_toolkit.data.crops import IMAGENET_MEAN, IMAGENET_STD

CropRule = Literal["antialias", "imresize", "bilinear", "blurred"]
Colours = Literal["rgb", "bgr"]
Normalisation = Literal["imagenet", "unit", "signed", "bytes"]

_LARGEST_PX = 4096


class Preprocessing(BaseModel):
    """From a photograph and the rectangle around a person to the numbers that a network takes.

    The defaults are those of SPIN, PARE and EFT, and of every network that is trained here.

    Attributes:
        resolution: side of the square crop, px.
        box_margin: side of the crop over the longer side of the rectangle, after the aspect rule.
        aspect: width and height that the rectangle is grown to before its longer side is taken, such as
            (3, 4); None takes the longer side as it is.
        rows: first row of the crop that the network sees and one past the last; None for all. The network
            is given the whole crop and leaves the rest out itself.
        columns: the same of columns.
        crop_rule: "antialias" averages all pixels that fall on a crop pixel; "imresize" stretches the
            contrast of each crop before, as SPIN's code did; "bilinear" takes four pixels, at whole pixel
            coordinates as OpenCV's warp does; "blurred" is the same after a Gaussian blur where the picture
            shrinks to less than half (the demo of HMR2.0).
        turned: whether BlazePose's own crop is made instead: a square of 256 px around hips and shoulders,
            turned until the person is upright, found by looking at the clean photograph five times.
        padding: what lies outside the image.
        colours: order of the channels.
        normalisation: "imagenet" subtracts (0.485, 0.456, 0.406) and divides by (0.229, 0.224, 0.225);
            "unit" gives 0 to 1, "signed" -1 to 1, "bytes" 0 to 255.
        camera: "weak" for networks that know nothing of the camera; "full" for those that are also given
            where the crop lies before it: ((cx - W/2) / f, (cy - H/2) / f, b / f), with the centre and the
            side of the crop, the size of the image and the focal length in pixels.

    Example:
        >>> seen = Preprocessing(resolution=256, aspect=(3, 4), columns=(32, 224))
        >>> seen.box_margin
        1.2
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution: Annotated[PositiveInt, Field(le=_LARGEST_PX)] = 224
    box_margin: PositiveFloat = 1.2
    aspect: tuple[PositiveInt, PositiveInt] | None = None
    rows: tuple[Annotated[int, Field(ge=0)], PositiveInt] | None = None
    columns: tuple[Annotated[int, Field(ge=0)], PositiveInt] | None = None
    crop_rule: CropRule = "antialias"
    turned: bool = False
    padding: Literal["black", "white"] = "black"
    colours: Colours = "rgb"
    normalisation: Normalisation = "imagenet"
    camera: Literal["weak", "full"] = "weak"

    @model_validator(mode="after")
    def _what_is_seen_is_in_the_crop(self) -> "Preprocessing":
        for name, span in (("rows", self.rows), ("columns", self.columns)):
            if span is not None and not span[0] < span[1] <= self.resolution:
                raise ValueError(f"{name} {span} are not inside a crop of {self.resolution} px")
        if self.turned and (self.resolution, self.crop_rule, self.padding) != (256, "antialias", "black"):
            raise ValueError("a turned crop has 256 px, is antialiased, and black outside the image")
        return self

    @property
    def is_reference(self) -> bool:
        """Whether crops are those that the toolkit shows and lays its windows over."""
        return self.model_copy(update={"crop_rule": "antialias"}) == REFERENCE and (
            self.crop_rule == self.reference_rule
        )

    @property
    def reference_rule(self) -> Literal["antialias", "imresize"]:
        """How the pixels of the reference square are made for this network."""
        return "imresize" if self.crop_rule == "imresize" else "antialias"

    @property
    def seen(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Rows and columns that the network sees; None for all."""
        return self.rows, self.columns

    def numbers(self, rgb: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
        """RGB from 0 to 1 as the network takes it."""
        scale, offset = self._linear(rgb)
        values = rgb * scale + offset
        return values.flip(-3) if self.colours == "bgr" else values

    def rgb(self, numbers: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
        """The inverse of `numbers`."""
        scale, offset = self._linear(numbers)
        values = numbers.flip(-3) if self.colours == "bgr" else numbers
        return (values - offset) / scale

    def described(self) -> str:
        """The crop in words, for protocol cards."""
        across = "" if self.aspect is None else f" grown to {self.aspect[0]}:{self.aspect[1]}"
        what = f"{self.box_margin:g} x the person's rectangle{across}"
        what = "around hips and shoulders, turned upright" if self.turned else what
        parts = [f"{self.resolution} px, square, {what}"]
        spans = [f"{name} {span[0]} to {span[1] - 1}" for name, span in _named(self.seen) if span is not None]
        parts += [f"of which {' and '.join(spans)} are seen"] if spans else []
        parts += [
            self.crop_rule,
            f"{self.padding} outside the image",
            f"{self.colours} {self.normalisation}",
        ]
        parts += ["the network is told the camera"] if self.camera == "full" else []
        return ", ".join(parts)

    def _linear(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Factor and summand from RGB in [0, 1], (3, 1, 1) each."""
        if self.normalisation == "imagenet":
            std = like.new_tensor(IMAGENET_STD)
            factor, summand = 1 / std, -like.new_tensor(IMAGENET_MEAN) / std
        else:
            scale, shift = {"unit": (1.0, 0.0), "signed": (2.0, -1.0), "bytes": (255.0, 0.0)}[
                self.normalisation
            ]
            factor, summand = like.new_full((3,), scale), like.new_full((3,), shift)
        return factor[:, None, None], summand[:, None, None]


def _named(
    seen: tuple[tuple[int, int] | None, tuple[int, int] | None],
) -> list[tuple[str, tuple[int, int] | None]]:
    return list(zip(("rows", "columns"), seen, strict=True))


REFERENCE = Preprocessing()
"""The crop of SPIN, PARE and EFT, in which windows are laid and pictures drawn, whatever network looks."""
