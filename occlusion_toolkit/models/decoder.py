"""A transformer decoder with one query token: how HMR2.0 and CameraHMR read a person out of a feature map.

The names of modules are those of the published weights.
"""

from collections.abc import Iterator
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from occlusion_toolkit.models.backbones.vit import join_heads, split_heads


class Decoder(nn.Module):
    """A query that looks at the feature map several times.

    Args:
        query_width: numbers of the query before it becomes a token.
        width: numbers of the token.
        depth: layers.
        heads: attention heads.
        head_width: numbers per head; heads times this need not be the width.
        hidden: width inside the perceptrons.
        context_width: channels of the feature map.
    """

    def __init__(
        self,
        query_width: int,
        width: int,
        depth: int,
        heads: int,
        head_width: int,
        hidden: int,
        context_width: int,
    ) -> None:
        super().__init__()
        self.to_token_embedding = nn.Linear(query_width, width)
        self.pos_embedding = nn.Parameter(torch.randn(1, 1, width))
        layers = nn.ModuleList(
            nn.ModuleList(
                (
                    Normed(width, OwnAttention(width, heads, head_width)),
                    Normed(width, CrossAttention(width, heads, head_width, context_width)),
                    Normed(width, Feedforward(width, hidden)),
                )
            )
            for _ in range(depth)
        )
        self.transformer = nn.ModuleDict({"layers": layers})

    @property
    def cross_attentions(self) -> list["CrossAttention"]:
        """The parts that look at the feature map, first layer first."""
        return [cast(CrossAttention, looks.fn) for _, looks, _ in self._layers()]

    def _layers(self) -> Iterator[tuple["Normed", "Normed", "Normed"]]:
        for layer in cast(nn.ModuleList, self.transformer["layers"]):
            itself, looks, thinks = (cast(Normed, part) for part in cast(nn.ModuleList, layer))
            yield itself, looks, thinks

    def forward(
        self, query: Float[Tensor, "batch query"], context: Float[Tensor, "batch pixels channels"]
    ) -> Float[Tensor, "batch width"]:
        """The token after all layers.

        Args:
            query: what is known before looking, (B, query_width).
            context: pixels of the feature map in any order, (B, h * w, context_width).
        """
        token: Tensor = self.to_token_embedding(query)[:, None] + self.pos_embedding
        for itself, looks, thinks in self._layers():
            token = token + itself(token)
            token = token + looks(token, context)
            token = token + thinks(token)
        return token[:, 0]


class Normed(nn.Module):
    """A part of a layer on the normalised token; what else it takes stays as it is."""

    def __init__(self, width: int, part: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = part

    def forward(self, token: Float[Tensor, "batch 1 width"], *context: Tensor) -> Tensor:
        """The part's answer, to be added to the token."""
        answer: Tensor = self.fn(self.norm(token), *context)
        return answer


class OwnAttention(nn.Module):
    """Attention of the query to itself: with one token its value, through two linear maps."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * heads * head_width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * head_width, width))

    def forward(self, token: Float[Tensor, "batch 1 width"]) -> Float[Tensor, "batch 1 width"]:
        """What the token takes from itself."""
        query, key, value = (split_heads(part, self.heads) for part in self.to_qkv(token).chunk(3, dim=-1))
        seen = functional.scaled_dot_product_attention(query, key, value)
        answer: Tensor = self.to_out(join_heads(seen))
        return answer


class CrossAttention(nn.Module):
    """Attention of the query to the pixels of the feature map."""

    def __init__(self, width: int, heads: int, head_width: int, context_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_kv = nn.Linear(context_width, 2 * heads * head_width, bias=False)
        self.to_q = nn.Linear(width, heads * head_width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * head_width, width))

    def forward(
        self, token: Float[Tensor, "batch 1 width"], context: Float[Tensor, "batch pixels channels"]
    ) -> Float[Tensor, "batch 1 width"]:
        """What the token takes from the pixels."""
        query, key, value = self._projected(token, context)
        answer: Tensor = self.to_out(join_heads(functional.scaled_dot_product_attention(query, key, value)))
        return answer

    def weights(
        self, token: Float[Tensor, "batch 1 width"], context: Float[Tensor, "batch pixels channels"]
    ) -> Float[Tensor, "batch heads pixels"]:
        """How much each head looks at each pixel: non-negative, summing to one over the pixels."""
        query, key, _ = self._projected(token, context)
        scores: Tensor = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        return scores.softmax(dim=-1)[:, :, 0]

    def _projected(self, token: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query = split_heads(self.to_q(token), self.heads)
        key, value = (split_heads(part, self.heads) for part in self.to_kv(context).chunk(2, dim=-1))
        return query, key, value


class Feedforward(nn.Module):
    """Two linear layers with an exact GELU between them; published indices count two dropouts of rate 0."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"0": nn.Linear(width, hidden), "3": nn.Linear(hidden, width)})

    def forward(self, token: Float[Tensor, "batch 1 width"]) -> Float[Tensor, "batch 1 width"]:
        """The token by itself."""
        answer: Tensor = self.net["3"](functional.gelu(self.net["0"](token)))
        return answer
