"""Batch normalisation folded into the convolution before it: one pass over the activations less."""

from collections import Counter

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(network: nn.Module, crops: Float[Tensor, "batch 3 height width"]) -> int:
    """Folds, in place, every batch norm that a forward pass feeds straight from a convolution.

    What feeds what is observed in one forward pass, so nothing need be known about the network. That a
    convolution's output is used by nothing but its batch norm cannot be observed: compare the network's
    output before and after.

    Args:
        network: in evaluation mode; changed in place.
        crops: input for the pass that observes, (B, 3, H, W).

    Returns:
        How many batch norms are gone.
    """
    pairs = _observed_pairs(network, crops)
    for batch_norm_name, (convolution, batch_norm) in pairs.items():
        fused = fuse_conv_bn_eval(
            convolution, batch_norm, transpose=isinstance(convolution, nn.ConvTranspose2d)
        )
        convolution.weight, convolution.bias = fused.weight, fused.bias
        network.set_submodule(batch_norm_name, nn.Identity())
    return len(pairs)


def _observed_pairs(
    network: nn.Module, crops: Float[Tensor, "batch 3 height width"]
) -> dict[str, tuple[nn.Conv2d | nn.ConvTranspose2d, nn.BatchNorm2d]]:
    """Batch norms, by name, whose input was the very tensor a convolution had returned."""
    names = {module: name for name, module in network.named_modules()}
    producers: dict[int, nn.Conv2d | nn.ConvTranspose2d] = {}
    pairs: dict[str, tuple[nn.Conv2d | nn.ConvTranspose2d, nn.BatchNorm2d]] = {}
    alive: list[Tensor] = []  # as long as a tensor lives no other has its id
    calls: Counter[nn.Module] = Counter()

    def watch(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls[module] += 1
        if isinstance(module, nn.BatchNorm2d):
            producer = producers.get(id(inputs[0]))
            if producer is not None and module.track_running_stats:
                pairs[names[module]] = (producer, module)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            producers[id(output)] = module
            alive.append(output)

    watched = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d)]
    hooks = [module.register_forward_hook(watch) for module in watched]
    try:
        with torch.inference_mode():
            network(crops)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: pair for name, pair in pairs.items() if all(calls[module] == 1 for module in pair)}
