r"""A tree over characters: neighbours are joined two by two, level by level, until one vector knows the whole context.

    a  b  c  d  e  f  g  h        8 embedded characters
    \__/  \__/  \__/  \__/         factors[0] = 2: pairs joined, one linear layer for all pairs, batch norm, tanh
      \____/      \____/           factors[1] = 2
         \__________/              factors[2] = 2: one vector, then logits

WaveNet's dilated causal convolutions (van den Oord et al. 2016, https://arxiv.org/abs/1609.03499, figure 3) compute
this tree for every position at once and share its inner nodes; here it is computed for one position, as in lecture 6 of
https://github.com/karpathy/nn-zero-to-hero, and as there without the paper's gates, residual and skip connections.

Shape letters: B batch, T time, C width, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.models.simple.char_mlp import BatchNorm, draw, fill, generator_of


@dataclass(frozen=True)
class WaveNetConfig:
    """The shape of a `WaveNet`."""

    vocab_size: int
    factors: tuple[int, ...] = (2, 2, 2)
    """How many neighbours each level joins, from the characters up; one factor = a flat MLP."""
    n_embd: int = 10
    n_hidden: int = 68
    pooled: bool = True
    """Whether batch norm pools all positions of a level. False is the lecture's bug: statistics of each position."""

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        for name in ("vocab_size", "n_embd", "n_hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} (={getattr(self, name)}) must be at least 1")
        if not self.factors or min(self.factors) < 1:
            raise ValueError(f"factors (={self.factors}) must be one or more whole numbers of at least 1")

    @property
    def n_ctx(self) -> int:
        """Characters of context: the product of all factors."""
        return math.prod(self.factors)


class FlattenConsecutive(nn.Module):
    """Join every `n` neighbours into one longer vector.

    >>> FlattenConsecutive(2)(torch.arange(8.0).view(1, 4, 2)).tolist()
    [[[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]]
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T_over_n n_times_C"]:
        """(B, T, C) to (B, T / n, n C)."""
        B, T, C = x.shape
        if T % self.n:
            raise ValueError(f"{T} positions do not split into groups of {self.n}: give a multiple of it")
        return x.reshape(B, T // self.n, self.n * C)


class WaveNet(nn.Module):
    """(B, T) characters to logits (B, V) of the next; each level is join, linear, batch norm, tanh.

    Weights are normal with standard deviation 1 / √fan_in, a tenth of that in the head; the embedding's is 1.

    Args:
        config: the shape.
        seed: of the weights. A generator is drawn from in the lecture's order, so that what it yields next are the
            lecture's batches as well.
    """

    def __init__(self, config: WaveNetConfig, *, seed: int | torch.Generator = 0) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.levels = nn.Sequential()
        width, length = config.n_embd, config.n_ctx
        for n in config.factors:
            length //= n
            level = nn.Sequential(
                FlattenConsecutive(n),
                nn.Linear(n * width, config.n_hidden, bias=False),
                BatchNorm(config.n_hidden, positions=1 if config.pooled else length),
                nn.Tanh(),
            )
            self.levels.append(level)
            width = config.n_hidden
        self.head = nn.Linear(width, config.vocab_size)
        initialise(self, generator_of(seed))

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        """T must be the context's length."""
        if tokens.size(1) != self.config.n_ctx:
            raise ValueError(f"tokens have {tokens.size(1)} positions: give n_ctx (={self.config.n_ctx})")
        top = self.levels(self.embed(tokens))  # (B, 1, C)
        logits: Tensor = self.head(top.squeeze(1))
        return logits


@torch.no_grad()
def initialise(model: WaveNet, generator: torch.Generator) -> None:
    """Draw the embedding, then every matrix from the characters up."""
    model.embed.weight.copy_(draw(model.config.vocab_size, model.config.n_embd, generator))
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            fill(layer, (0.1 if layer is model.head else 1.0) / math.sqrt(layer.in_features), generator)
    model.head.bias.zero_()
