"""A regressor made ready to see thousands of crops: as fast as it gets without changing what it says."""

import contextlib
import copy
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.body.joint_output import Estimates
from occlusion_toolkit.errors import SweepError, UsageError
from occlusion_toolkit.models.base import Regressor
from occlusion_toolkit.models.foreign import is_out_of_memory
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.folding import fold_batch_norms

logger = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16", "fp16"]
"""`fp32`: IEEE single precision, TF32 off. `bf16`, `fp16`: automatic mixed precision in 16 bits."""

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""Arithmetic of convolutions and matrix products."""

EMULATED = "{}: this processor lacks such arithmetic and PyTorch emulates it; fp32 is many times faster here"
"""What is said where `is_emulated`."""

FOLDING_TOLERANCE = 1e-5
"""Largest change of an output, relative to the largest output, that folding batch norms may make: beyond, the
folded network must be as near to double precision as the original."""

Network = TypeVar("Network", bound=nn.Module)


def chosen_device(device: torch.device | str) -> torch.device:
    """The device of a name; "auto" takes the first GPU where there is one.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return existing_device(device)


def existing_device(device: torch.device | str) -> torch.device:
    """The CPU or a GPU, after making sure that the machine has it.

    Raises:
        UsageError: there is no such device, or it is neither a CPU nor a CUDA GPU.
    """
    try:
        known = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"unknown device {device!r}; choose cpu, cuda or cuda:N") from error
    if known.type not in ("cpu", "cuda"):
        raise UsageError(f"device {str(device)!r} is not supported; choose cpu, cuda or cuda:N")
    if known.type == "cuda" and (known.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device {str(device)!r} is not on this machine; choose another or cpu")
    return known


def is_emulated(device: torch.device, precision: Precision) -> bool:
    """Whether the processor lacks arithmetic of a precision, so that PyTorch goes by way of another."""
    if device.type != "cpu" or precision == "fp32":
        return False
    # Private operations: where they are missing nothing is known, and nothing is said.
    known = getattr(torch.ops.mkldnn, f"_is_mkldnn_{precision}_supported", None)
    return known is not None and not known()


def optimised_copy(regressor: Regressor, device: torch.device, resolution: int) -> Regressor:
    """A copy of a network in evaluation mode with the same outputs up to rounding, made to run faster.

    Weights are laid out channels-last and batch norms folded into convolutions; the folding is taken back if
    it changes the output on a random crop. The original is not touched and later changes of it are not seen.

    Args:
        regressor: a network, or one with its card; any other callable is returned as it is.
        device: where the copy goes.
        resolution: side of the crops it will see, pixels; a card's own crops go before it.
    """
    if isinstance(regressor, LoadedRegressor) and isinstance(regressor.network, nn.Module):
        if regressor.has_own_crops:
            resolution = regressor.card.preprocessing.resolution
        # Folding is tried on random crops; networks that are told the camera (they have no batch norms) are
        # copied as they are.
        folding = regressor.card.preprocessing.camera == "weak"
        with regressor.blamed():
            network = _optimised(regressor.network, device, resolution, folding=folding)
        return replace(regressor, network=network, device=device)
    if isinstance(regressor, nn.Module):
        return cast(Regressor, _optimised(regressor, device, resolution))
    return regressor


def compiled_copy(regressor: Regressor) -> Regressor:
    """A copy whose network runs through `torch.compile`, with weights laid out once and for all.

    Raises:
        UsageError: the regressor is not a network.
    """
    compiled = copy.deepcopy(regressor)
    network = compiled.network if isinstance(compiled, LoadedRegressor) else compiled
    if not isinstance(network, nn.Module):
        raise UsageError(f"{type(regressor).__name__} is not an nn.Module; run it without compilation")
    network.compile(dynamic=False, options={"freezing": True})
    return compiled


class NetworkRunner:
    """Runs a regressor on batches in a given precision; always answers in float32.

    Args:
        regressor: the network, on `device`.
        device: where it is and where the crops will be.
        precision: arithmetic of the convolutions and matrix products.
        compiled: run a `compiled_copy`; the first batch then takes from seconds to minutes.
    """

    def __init__(
        self,
        regressor: Regressor,
        device: torch.device,
        precision: Precision = "fp32",
        compiled: bool = False,
    ) -> None:
        self._device = device
        self._precision = precision
        self._compiled = compiled
        self._compiled_sizes: set[int] = set()
        self._regressor = compiled_copy(regressor) if compiled else regressor

    @torch.inference_mode()
    def __call__(
        self, crops: Float[Tensor, "batch 3 height width"], *placement: Float[Tensor, "batch 3"]
    ) -> Estimates:
        """The people in normalised crops, float32.

        Args:
            crops: as the regressor takes them.
            placement: where they lie before the camera, for regressors that are told.

        Raises:
            SweepError: `torch.compile` failed on this network or machine.
        """
        crops = crops.contiguous(memory_format=torch.channels_last)
        return (self._run_compiled if self._compiled else self._run)(crops, *placement)

    def _run(self, *given: Tensor) -> Estimates:
        dtype = DTYPES[self._precision]
        mixed = torch.autocast(self._device.type, dtype, enabled=dtype != torch.float32)
        with ieee_float32(self._device), mixed:
            output = self._regressor(*given)
        return output.with_tensors({name: tensor.float() for name, tensor in output.tensors.items()})

    def _run_compiled(self, crops: Tensor, *placement: Tensor) -> Estimates:
        """Runs at a batch size already compiled where one is large enough: a new size compiles anew."""
        count = len(crops)
        size = min((size for size in self._compiled_sizes if size >= count), default=count)
        padding = crops[-1:].expand(size - count, -1, -1, -1)
        padded = torch.cat([crops, padding]).contiguous(memory_format=torch.channels_last)
        places = [torch.cat([place, place[-1:].expand(size - count, -1)]) for place in placement]
        try:
            output = self._run(padded, *places)
        except RuntimeError as error:
            self._compiled_sizes.discard(size)
            if is_out_of_memory(error):
                raise
            reason = str(error).strip().splitlines()[0]
            raise SweepError(f"torch.compile failed: {reason}; run without it") from error
        self._compiled_sizes.add(size)
        return output[:count]


@contextlib.contextmanager
def ieee_float32(device: torch.device) -> Iterator[None]:
    """On a GPU, switches TF32 off, which PyTorch allows in convolutions by default: it keeps 10 bits."""
    if device.type != "cuda":
        yield
        return
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (cudnn.allow_tf32, matmul.allow_tf32)
    cudnn.allow_tf32, matmul.allow_tf32 = False, False
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


def _optimised(original: Network, device: torch.device, resolution: int, *, folding: bool = True) -> Network:
    def plain_copy() -> Network:
        return copy.deepcopy(original).eval().requires_grad_(False).to(device)

    network, folded, change = plain_copy(), 0, 0.0
    if folding and any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        generator = torch.Generator().manual_seed(0)
        crops = torch.randn((1, 3, resolution, resolution), generator=generator).to(device)
        with ieee_float32(device):
            expected = _numbers(network, crops)
            folded = fold_batch_norms(network, crops)
            found = _numbers(network, crops)
        change = ((found - expected).abs().max() / expected.abs().max()).item()
        if change > FOLDING_TOLERANCE and _is_rounding(plain_copy(), crops, expected, found):
            change = 0.0
    if folded and not change <= FOLDING_TOLERANCE:
        logger.info("folding %d batch norms changes outputs by %.1e; left as they were", folded, change)
        network = plain_copy()
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def _is_rounding(original: nn.Module, crops: Tensor, expected: Tensor, found: Tensor) -> bool:
    """Whether what was found is as near to the answer of double precision as what was expected."""
    try:
        exact = _numbers(original.double(), crops.double())
    except Exception:  # a stranger's network may know single precision only
        return False
    return bool((found - exact).abs().max() <= 2 * (expected - exact).abs().max())


@torch.inference_mode()
def _numbers(network: nn.Module, crops: Tensor) -> Tensor:
    """Everything a network says about crops, as one row of numbers."""
    output: Estimates = network(crops)
    return torch.cat([tensor.flatten() for tensor in output.tensors.values()])
