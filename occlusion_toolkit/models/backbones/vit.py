"""The plain vision transformer of ViTPose (Dosovitskiy et al., ICLR 2021; Xu et al., NeurIPS 2022)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from occlusion_toolkit.errors import CropError
from occlusion_toolkit.models.backbones.blocks import Backbone

_EPSILON = 1e-6
"""Of every layer norm in the backbone; the decoders behind it have PyTorch's 1e-5."""


class ViT(Backbone):
    """A transformer over the patches of a crop, as one feature map.

    There is no class token, yet the table of positions keeps its row 0: every patch gets its own row and that
    one. The table is used as it is, so crops have one size only. Defaults are ViT-H/16 for 256 x 192 pixels.

    Args:
        width: numbers per token.
        depth: blocks.
        heads: attention heads of each block; they divide the width.
        hidden: width inside the perceptron of a block; four times the width by default.
        height_px: rows of a crop.
        width_px: columns of a crop.
        patch_px: side of a patch and step between patches.
        padding_px: zeros around the crop.
    """

    def __init__(
        self,
        width: int = 1280,
        depth: int = 32,
        heads: int = 16,
        hidden: int | None = None,
        *,
        height_px: int = 256,
        width_px: int = 192,
        patch_px: int = 16,
        padding_px: int = 2,
    ) -> None:
        super().__init__()
        self.out_channels = width
        self.crop_px = (height_px, width_px)
        rows, columns = ((side + 2 * padding_px - patch_px) // patch_px + 1 for side in self.crop_px)
        self.map_shape = (rows, columns)
        self.patch_px, self.padding_px = patch_px, padding_px
        self.pos_embed = nn.Parameter(torch.zeros(1, rows * columns + 1, width))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.patch_embed = Patches(width, patch_px, padding_px)
        self.blocks = nn.ModuleList(Block(width, heads, hidden or 4 * width) for _ in range(depth))
        self.last_norm = nn.LayerNorm(width, eps=_EPSILON)

    def check_size(self, crops: Tensor) -> None:
        """Refuse crops that the table of positions is not for.

        Raises:
            CropError: they are not of the one size.
        """
        if tuple(crops.shape[-2:]) != self.crop_px:
            height, width = crops.shape[-2:]
            raise CropError(
                f"this ViT takes {self.crop_px[0]} x {self.crop_px[1]} px (rows x columns), not {height} x "
                f"{width}: its table of positions has one row per patch"
            )

    def forward(
        self, crops: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch channels rows columns"]:
        """The feature map of crops of the one size; a sixteenth of their sides for patches of 16 pixels."""
        self.check_size(crops)
        patches: Tensor = self.patch_embed(crops)
        tokens = patches.flatten(2).transpose(1, 2) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            tokens = block(tokens)
        normed: Tensor = self.last_norm(tokens)
        return normed.transpose(1, 2).reshape(patches.shape)


class Patches(nn.Module):
    """A linear map of every patch of pixels to a token, written as a convolution."""

    def __init__(self, width: int, patch_px: int, padding_px: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch_px, patch_px, padding=padding_px)

    def forward(
        self, crops: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch channels rows columns"]:
        """One token per patch."""
        tokens: Tensor = self.proj(crops)
        return tokens


class Block(nn.Module):
    """Self-attention and a perceptron, each on normalised tokens and added to them."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = Perceptron(width, hidden)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        """Tokens after the block."""
        seen: Tensor = tokens + self.attn(self.norm1(tokens))
        thought: Tensor = seen + self.mlp(self.norm2(seen))
        return thought


class SelfAttention(nn.Module):
    """Every token looks at all tokens, in several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        """What each token takes from the others."""
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(tokens).chunk(3, dim=-1))
        seen: Tensor = self.proj(join_heads(functional.scaled_dot_product_attention(query, key, value)))
        return seen


class Perceptron(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        """Each token by itself."""
        answer: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return answer


def split_heads(
    tokens: Float[Tensor, "batch tokens width"], heads: int
) -> Float[Tensor, "batch heads tokens per_head"]:
    """The numbers of each token dealt out to attention heads, in consecutive runs."""
    return tokens.reshape(*tokens.shape[:-1], heads, -1).transpose(1, 2)


def join_heads(
    tokens: Float[Tensor, "batch heads tokens per_head"],
) -> Float[Tensor, "batch tokens width"]:
    """The inverse of `split_heads`."""
    return tokens.transpose(1, 2).flatten(2)
