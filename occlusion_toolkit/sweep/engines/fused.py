"""A convolution and what follows it in one pass over memory."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


class FusedConv:
    """A convolution, the addition of another map, and ReLU or ReLU6, in one pass over memory.

    On a CPU the weights are laid out once for oneDNN's fused kernels, where this PyTorch has them.

    Args:
        weight: of the convolution, (O, I / groups, h, w).
        bias: (O,), or None.
        stride: along rows and columns.
        padding: along rows and columns.
        dilation: along rows and columns.
        groups: of channels.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
        groups: int,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.activation = "none"
        self.limits = (0.0, 6.0)
        self.adds = False
        self.__name__ = "fused_conv"
        self._packed: Tensor | None = None

    def pack(self, dtype: torch.dtype, input_size: tuple[int, ...]) -> None:
        """Chooses the arithmetic and lays the weights out for inputs of about a size."""
        self.weight = self.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = None if self.bias is None else self.bias.detach().to(dtype)
        if self.weight.device.type == "cpu" and _has_fused_kernels():
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, self.padding, self.stride, self.dilation, self.groups, list(input_size)
            )

    def __call__(
        self,
        x: Float[Tensor, "batch channels height width"],
        other: Float[Tensor, "batch out _ _"] | None = None,
        padding: tuple[int, int] | None = None,
    ) -> Float[Tensor, "batch out _ _"]:
        """The map, with `other` added before the activation.

        Args:
            x: input, in any type; it is brought to that of the weights.
            other: what is added.
            padding: instead of the convolution's own.
        """
        x = x.to(self.weight.dtype)
        padding = self.padding if padding is None else padding
        if self._packed is not None:
            return self._fused(x, None if other is None else other.to(x.dtype), padding)
        y = F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        if other is not None:
            y = y.add_(other)
        return y.relu_() if self.activation == "relu" else self._limited(y)

    def _fused(self, x: Tensor, other: Tensor | None, padding: tuple[int, int]) -> Tensor:
        shape = (padding, self.stride, self.dilation, self.groups)
        kernel = torch.ops.mkldnn._convolution_pointwise
        if other is None:
            limits = list(self.limits) if self.activation == "hardtanh" else []
            alone: Tensor = kernel(x, self._packed, self.bias, *shape, self.activation, limits, "")
            return alone
        other = other.contiguous(memory_format=torch.channels_last)
        unary = "relu" if self.activation == "relu" else None
        y: Tensor = kernel.binary(x, other, self._packed, self.bias, *shape, "add", 1.0, unary, [], None)
        return self._limited(y)

    def _limited(self, y: Tensor) -> Tensor:
        low, high = self.limits
        return y.clamp_(low, high) if self.activation == "hardtanh" else y


def _has_fused_kernels() -> bool:
    """Whether this PyTorch has oneDNN's fused convolutions, which are not part of its public interface."""
    available = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
