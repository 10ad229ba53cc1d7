"""A GPT as a graph: who writes into the residual stream, and who reads it.

Writers, in the order in which they write: `embed` (with positions), and of each layer l the heads `al.h0` ... and the
MLP `ml`. Readers, in order: of each layer the queries, keys and values of every head, `al.h0.q`, `al.h0.k`, `al.h0.v`,
the MLP `ml`, and at the end `logits`. Every writer has an edge to every reader behind it, since the stream is a sum;
the edge carries what the writer wrote. Under grouped-query attention the number in `al.h1.k` and `al.h1.v` counts
key/value heads. A model without MLPs has no `ml`.

Biases of output matrices are constants that belong to nobody. Shape letters as in `models.gpt`; W writers, R readers.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.interpret.access.checks import check_room
from glassworks.interpret.causes.restart import Stored
from glassworks.interpret.transformer.lens import blocks_of
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import Attention, Block

TAPS = ("resid_mid", "attn.q", "attn.z", "mlp_out")
"""What `writes` reads of a stored run, besides what is always stored."""


@dataclass(frozen=True)
class Graph:
    """The nodes of a GPT of some shape, by name and in order."""

    config: GPTConfig

    @property
    def has_mlp(self) -> bool:
        """Whether blocks have an MLP."""
        return self.config.width_of_mlp > 0

    @cached_property
    def writers(self) -> list[str]:
        """Names of the W writers."""
        names = ["embed"]
        for layer in range(self.config.n_layer):
            names += [f"a{layer}.h{head}" for head in range(self.config.n_head)]
            names += [f"m{layer}"] * self.has_mlp
        return names

    @cached_property
    def readers(self) -> list[str]:
        """Names of the R readers."""
        names = []
        for layer in range(self.config.n_layer):
            for part, heads in (("q", self.config.n_head), ("k", self.config.kv_heads), ("v", self.config.kv_heads)):
                names += [f"a{layer}.h{head}.{part}" for head in range(heads)]
            names += [f"m{layer}"] * self.has_mlp
        return [*names, "logits"]

    @cached_property
    def edges(self) -> Bool[np.ndarray, "W R"]:
        """Which pairs of a writer and a reader are edges."""
        exists = np.zeros((len(self.writers), len(self.readers)), bool)
        for layer in range(self.config.n_layer):
            exists[self.before(layer), self.heads_of(layer)] = True
            if self.has_mlp:
                exists[self.before(layer, mlp=True), self.mlp_of(layer)] = True
        exists[:, -1] = True
        return exists

    def before(self, layer: int, *, mlp: bool = False) -> slice:
        """The writers that a layer's heads read, or its MLP."""
        each = self.config.n_head + self.has_mlp
        return slice(0, 1 + layer * each + (self.config.n_head if mlp else 0))

    def written_by(self, layer: int) -> tuple[slice, int]:
        """A layer's heads among the writers, and its MLP."""
        first: int = self.before(layer).stop
        return slice(first, first + self.config.n_head), first + self.config.n_head

    def heads_of(self, layer: int) -> slice:
        """A layer's queries, keys and values among the readers."""
        each = self.config.n_head + 2 * self.config.kv_heads
        first = layer * (each + self.has_mlp)
        return slice(first, first + each)

    def layer_of(self, reader: int) -> int:
        """The layer that a reader is in; the logits are behind the last."""
        return reader // (self.config.n_head + 2 * self.config.kv_heads + self.has_mlp)

    def mlp_of(self, layer: int) -> int:
        """A layer's MLP among the readers."""
        last: int = self.heads_of(layer).stop
        return last


# ----------------------------------------------------------------------------------------------------------------------
# Parts of a block


def writes(stored: Stored) -> Float[Tensor, "W B T C"]:
    """What each writer wrote in a run that was stored with `TAPS`."""
    graph, first = Graph(stored.model.config), stored.at(0, "resid_pre")
    # two runs' writes, their difference, and what a caller makes of it
    check_room(4 * len(graph.writers) * first.nbytes, first.device, "give fewer or shorter pairs")
    out = first.new_empty(len(graph.writers), *first.shape)
    out[0] = first
    for layer, block in enumerate(blocks_of(stored.model)):
        heads, mlp = graph.written_by(layer)
        out[heads] = by_each_head(block.attn, stored.at(layer, "attn.z"))
        if graph.has_mlp:
            bias = block.mlp.down.bias
            out[mlp] = stored.at(layer, "mlp_out") - (0 if bias is None else bias)
    return out


def by_each_head(attn: Attention, z: Float[Tensor, "*B H D"]) -> Float[Tensor, "H *B C"]:
    """What each head writes into the stream."""
    weight = torch.unflatten(attn.proj.weight, 1, (attn.heads, attn.width))  # (C, H, D)
    return torch.einsum("...hd,chd->h...c", z, weight)


def raw_heads(block: Block, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T R D"]:
    """The product of the normed stream with the matrix of queries, keys and values."""
    return torch.unflatten(block.attn.qkv(block.norm1(x)), -1, (-1, block.attn.width))
