"""Next-character models of fixed context, as in Karpathy's makemore: a bigram table and Bengio's MLP.

Every model here takes the last characters of a context, (B, T) tokens, and returns logits (B, V) of the character that
follows. What the lectures vary is how the weights are drawn (`Init`) and whether a layer's inputs are normalised.

Source: Bengio et al. 2003, "A Neural Probabilistic Language Model" (https://jmlr.org/papers/v3/bengio03a.html), in the
form of https://github.com/karpathy/nn-zero-to-hero, lectures 2 to 5: nothing skips the hidden layer as in the paper.

Shape letters: B batch, T time, C width, V vocabulary.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class Init:
    """Standard deviations that weights are drawn with; all are normal with mean 0. The embedding's is 1."""

    hidden: float | None = None
    """Of hidden matrices. None = gain / √fan_in, which keeps the scale of what passes (He et al. 2015, section 2.2)."""
    gain: float = 5 / 3
    """Makes up for what the nonlinearity shrinks; 5/3 is tanh's."""
    hidden_bias: float | None = 0.01
    """Of hidden biases. None = no such bias: a batch norm that follows takes it away again."""
    head: float | None = 0.01
    """Of the output matrix; small = uniform guesses to begin with. None = 1 / √fan_in."""
    head_bias: float | None = 0.0
    """Of the output bias. None = no such bias."""

    def __post_init__(self) -> None:
        """Refuse what is not a standard deviation."""
        for name in ("hidden", "gain", "hidden_bias", "head", "head_bias"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} (={value}) is a standard deviation: give 0 or more")


@dataclass(frozen=True)
class CharMLPConfig:
    """The shape of a `CharMLP`."""

    vocab_size: int
    n_ctx: int = 3
    """Characters of context."""
    n_embd: int = 10
    n_hidden: int = 200
    n_layer: int = 1
    """Hidden layers."""
    batch_norm: Literal["hidden", "all"] | None = None
    """Normalise what enters each nonlinearity (hidden), the logits as well (all), or nothing (None)."""
    momentum: float = 0.1
    """The share of a batch in the batch norms' running statistics."""
    init: Init = field(default_factory=Init)

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        for name in ("vocab_size", "n_ctx", "n_embd", "n_hidden", "n_layer"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} (={getattr(self, name)}) must be at least 1")
        if self.batch_norm not in (None, "hidden", "all"):
            raise ValueError(f"batch_norm (={self.batch_norm!r}) must be hidden, all or None")


class Bigram(nn.Module):
    """Logits of the next character from the last one alone: one linear layer on a one-hot vector, so a table's row."""

    def __init__(self, vocab_size: int, *, seed: int | torch.Generator = 0) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size, vocab_size)
        with torch.no_grad():
            self.table.weight.copy_(draw(vocab_size, vocab_size, generator_of(seed)))

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        """Look the last token's row up."""
        logits: Tensor = self.table(tokens[:, -1])
        return logits


class CharMLP(nn.Module):
    """Embed each character, join the vectors, hidden tanh layers, logits.

    Args:
        config: the shape, and how weights are drawn.
        seed: of the weights. A generator is drawn from in the lectures' order and stands after the last weight, so that
            batches drawn from it next are the lectures' as well.
    """

    def __init__(self, config: CharMLPConfig, *, seed: int | torch.Generator = 0) -> None:
        super().__init__()
        self.config, init = config, config.init
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.hidden = nn.Sequential()
        width = config.n_ctx * config.n_embd
        for _ in range(config.n_layer):
            self.hidden.append(nn.Linear(width, config.n_hidden, bias=init.hidden_bias is not None))
            if config.batch_norm is not None:
                self.hidden.append(BatchNorm(config.n_hidden, momentum=config.momentum))
            self.hidden.append(nn.Tanh())
            width = config.n_hidden
        self.head = nn.Linear(width, config.vocab_size, bias=init.head_bias is not None)
        self.head_norm = (
            BatchNorm(config.vocab_size, momentum=config.momentum) if config.batch_norm == "all" else nn.Identity()
        )
        initialise(self, generator_of(seed))

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        """T must be the context's length."""
        logits: Tensor = self.head_norm(self.head(self.hidden(self.embed(tokens).flatten(1))))
        return logits


class BatchNorm(nn.Module):
    """Each feature minus its mean, over its standard deviation, times a gain, plus a bias; over the last axis.

    In training, mean and variance are the batch's, over all axes but the last; in evaluation, running averages of them.
    As in the lectures the variance has n - 1 under it in both (torch's own module has n in training). Ioffe and Szegedy
    2015, algorithm 1.

    Args:
        width: features.
        momentum: the share of a batch in the running averages.
        eps: added to the variance.
        positions: keep separate statistics for each of so many places along the axis before the last; 1 = pool them.
            This is the bug that lecture 6 finds in its own batch norm: fewer examples make the statistics noisier.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, *, momentum: float = 0.1, eps: float = 1e-5, positions: int = 1) -> None:
        super().__init__()
        self.momentum, self.eps, self.positions = momentum, eps, positions
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(positions * width))
        self.register_buffer("running_var", torch.ones(positions * width))

    def forward(self, x: Float[Tensor, "B *T C"]) -> Float[Tensor, "B *T C"]:
        """Normalise; in training at least two examples are needed."""
        rows = x.reshape(-1, self.running_mean.numel())
        gain: Tensor = self.weight
        bias: Tensor = self.bias
        if self.positions > 1:
            gain, bias = gain.repeat(self.positions), bias.repeat(self.positions)
        if not self.training:
            return F.batch_norm(rows, self.running_mean, self.running_var, gain, bias, eps=self.eps).view(x.shape)
        if len(rows) < 2:
            raise ValueError(f"a batch of {len(rows)} has no variance to normalise by: give at least 2 examples")
        share = (len(rows) - 1) / len(rows)  # torch divides by n; scaling gain and eps makes that n - 1, in one kernel
        y = F.batch_norm(
            rows,
            self.running_mean,
            self.running_var,
            gain * math.sqrt(share),
            bias,
            training=True,
            momentum=self.momentum,
            eps=self.eps * share,
        )
        return y.view(x.shape)


# ----------------------------------------------------------------------------------------------------------------------
# Weights


@torch.no_grad()
def initialise(model: CharMLP, generator: torch.Generator) -> None:
    """Draw every weight of a `CharMLP` as its config says: embedding, then each layer's matrix and bias."""
    init = model.config.init
    model.embed.weight.copy_(draw(model.config.vocab_size, model.config.n_embd, generator))
    for layer in (*model.hidden, model.head):
        if not isinstance(layer, nn.Linear):
            continue
        last = layer is model.head
        std, gain = (init.head, 1.0) if last else (init.hidden, init.gain)
        fill(layer, gain / math.sqrt(layer.in_features) if std is None else std, generator)
        if layer.bias is not None:
            noise = torch.randn(layer.out_features, generator=generator)
            layer.bias.copy_(noise * ((init.head_bias if last else init.hidden_bias) or 0.0))


@torch.no_grad()
def fill(layer: nn.Linear, std: float, generator: torch.Generator) -> None:
    """Draw a matrix with this standard deviation, in the lectures' layout, (in, out)."""
    layer.weight.copy_(std * draw(layer.in_features, layer.out_features, generator).T)


def draw(rows: int, columns: int, generator: torch.Generator) -> Float[Tensor, "R C"]:
    """Standard normal numbers."""
    return torch.randn(rows, columns, generator=generator)


def generator_of(seed: int | torch.Generator) -> torch.Generator:
    """A generator seeded so, or the one given."""
    return seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
