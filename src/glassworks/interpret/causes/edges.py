"""Run a GPT with some edges of its graph cut: true edge ablation, for many choices of edges at once.

A kept edge carries what its writer writes in this run, a cut one what the writer wrote in the corrupt run. So each
reader has an input of its own: the stream plus, for each cut edge, the corrupt write less the present one. Nothing is
estimated; all edges kept is the clean run, none kept the corrupt one, to rounding. A run begins at the first layer that
reads a cut edge: below it all is as in the clean run.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.core.progress import tracked
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.causes.graph import Graph, by_each_head, writes
from glassworks.interpret.causes.metrics import AtPosition
from glassworks.interpret.causes.restart import last_of
from glassworks.interpret.causes.sweeps import Comparison
from glassworks.interpret.transformer.lens import blocks_of
from glassworks.models.gpt.model import Block, fused


class Ablated:
    """Runs of one comparison with chosen edges; `runs` counts them. The comparison's runs were stored with `TAPS`."""

    def __init__(self, runs: Comparison, max_bytes: int) -> None:
        self.compared, self.max_bytes = runs, max_bytes
        self.graph = Graph(runs.clean.model.config)
        self.corrupt = writes(runs.corrupt)  # (W, B, T, C)
        self.change = self.corrupt - writes(runs.clean)
        self.exists = torch.from_numpy(self.graph.edges).to(self.corrupt.device)
        self.runs = 0

    def faithfulness(self, keep: Bool[np.ndarray, "n W R"], label: str | None = None) -> Float[np.ndarray, " n"]:
        """How much of the clean run's metric is left with only these edges: 1 = as clean, 0 = as corrupt.

        Progress is told under a `label`, if there is one.
        """
        chosen, metrics = torch.from_numpy(keep).to(self.exists.device), list[Tensor]()
        with tracked(label, len(keep)) as report:
            for group in torch.split(chosen, self.at_once(len(keep))):
                metrics.append(self.metrics(group))
                report(sum(map(len, metrics)))
        return self.compared.effect(torch.cat(metrics))

    def at_once(self, count: int) -> int:
        """How many of `count` choices of edges are one batch.

        Raises: ValueError if one alone is more than the memory allowed, and if the batch is more than is free.
        """
        config = self.graph.config
        readers = config.n_head + 2 * config.kv_heads
        token = (2 * len(self.graph.writers) + 6 * readers) * config.n_embd + 3 * config.width_of_mlp
        each = token * self.corrupt[0, ..., 0].numel() * self.corrupt.element_size()
        if each > self.max_bytes:
            raise ValueError(
                f"max_bytes (={self.max_bytes:,}) must be at least {each:,}, one run of {self.corrupt.size(1)} pairs "
                "whose readers have inputs of their own: give fewer pairs, or more memory"
            )
        size = min(self.max_bytes // each, count)
        check_room(size * each, self.corrupt.device, "give a smaller max_bytes")
        return max(size, 1)

    def metrics(self, keep: Bool[Tensor, "n W R"]) -> Float[Tensor, "n B"]:
        """The metric with each choice of edges, for each pair."""
        self.runs += len(keep)
        clean, n = self.compared.clean, len(keep)
        cut = (~keep & self.exists).to(self.corrupt.dtype).mT.contiguous()  # (n, R, W)
        blocks = blocks_of(clean.model)
        first = self.graph.layer_of(int(cut.any(2).any(0).nonzero()[0])) if cut.any() else len(blocks)
        missing = self.corrupt.new_empty(n, *self.corrupt.shape)  # corrupt less present writes, (n, W, B, T, C)
        missing[:, self.graph.before(first)] = self.change[self.graph.before(first)]
        stream = clean.at(first, "resid_pre").expand(n, -1, -1, -1)  # (n, B, T, C)

        for layer, block in enumerate(blocks[first:], first):
            heads, mlp = self.graph.written_by(layer)
            written = self.attend(
                block, read(stream, cut[:, self.graph.heads_of(layer)], missing, self.graph.before(layer))
            )
            missing[:, heads] = self.corrupt[heads] - written
            stream = stream + written.sum(1) + bias_of(block.attn.proj)
            if self.graph.has_mlp:
                reader = self.graph.mlp_of(layer)
                x = read(stream, cut[:, reader : reader + 1], missing, self.graph.before(layer, mlp=True))
                x = x.flatten(0, 2)  # one reader
                out = torch.unflatten(block.mlp(block.norm2(x)), 0, (n, -1))
                missing[:, mlp] = self.corrupt[mlp] - (out - bias_of(block.mlp.down))
                stream = stream + out
        return self.judge(read(stream, cut[:, -1:], missing, slice(None))[:, 0])

    def attend(self, block: Block, x: Float[Tensor, "n R B T C"]) -> Float[Tensor, "n H B T C"]:
        """What each head writes, if its query, key and value read streams of their own."""
        attn, n = block.attn, len(x)
        weight = torch.unflatten(attn.qkv.weight, 0, (-1, attn.width))  # (R, D, C)
        raw = torch.einsum("nrbtc,rdc->nbtrd", block.norm1(x), weight).flatten(0, 1)
        if attn.qkv.bias is not None:
            raw = raw + attn.qkv.bias.view(-1, attn.width)
        q, k, v = (y.transpose(1, 2) for y in attn.heads_of(raw, self.compared.clean.rope))
        z = fused(q, k, v, None).transpose(1, 2)  # (n * B, T, H, D)
        return by_each_head(attn, torch.unflatten(z, 0, (n, -1))).transpose(0, 1)

    def judge(self, stream: Float[Tensor, "n B T C"]) -> Float[Tensor, "n B"]:
        """The metric of streams behind the last block."""
        model, metric = self.compared.clean.model, self.compared.metric
        if isinstance(metric, AtPosition):
            at = stream[:, :, last_of(metric, stream.size(2))]
            return torch.stack([metric.function(model.unembed(x)) for x in at])
        return torch.stack([metric(model.unembed(x)) for x in stream])


def read(
    stream: Float[Tensor, "n B T C"], cut: Float[Tensor, "n R W"], missing: Float[Tensor, "n W B T C"], before: slice
) -> Float[Tensor, "n R B T C"]:
    """What readers receive: the stream, with the writes of cut edges exchanged."""
    found = cut[:, :, before] @ missing[:, before].flatten(2)
    received: Tensor = stream.unsqueeze(1) + torch.unflatten(found, 2, stream.shape[1:])
    return received


def bias_of(linear: torch.nn.Linear) -> Tensor | float:
    """A layer's bias, or 0."""
    return 0.0 if linear.bias is None else linear.bias
