"""Path patching: what one component tells another directly (Wang et al. 2022; Goldowsky-Dill et al. 2023).

In the corrupt run, one reader of the residual stream is given what one writer wrote in the clean run; all else that it
reads, and every other path from the writer, stays as it was. What the reader makes of it goes on to the end of the
model freely. Since the stream is a sum, the reader's input is the stored stream plus the change of the one write: no
run up to the reader is needed.

Nodes are those of `graph`: "a9.h6" writes, "a9.h6.q" is read by.
"""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.causes.graph import TAPS, Graph, raw_heads, writes
from glassworks.interpret.causes.legends.edges import PATH_PATCHING
from glassworks.interpret.causes.metrics import AtPosition, Metric, facts_of
from glassworks.interpret.causes.restart import BUDGET, in_evaluation, last_of
from glassworks.interpret.causes.sites import SITES, Place, metrics_of
from glassworks.interpret.causes.sweeps import Comparison, Findings, compare
from glassworks.interpret.tokens import check_pair
from glassworks.interpret.transformer.lens import blocks_of
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace


@public
def path_patching(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    *,
    writers: str | Sequence[str] = "*",
    readers: str | Sequence[str] = "logits",
    seed: int = 0,
    max_bytes: int = BUDGET,
) -> Trace:
    """Patch single edges of the graph from writers to readers.

    Args:
        model: in any mode; it runs in evaluation mode.
        clean: tokens of the runs that writes are taken from, a row each.
        corrupt: tokens of the runs that they are put into, each the pair of the same row of `clean`.
        metric: from logits to a number a pair.
        writers: names or globs, as "a*.h*"; a name that matches nothing is a ValueError.
        readers: names or globs, as "a9.h6.q", "m3", "logits".
        seed: of the controls.
        max_bytes: the most that a batch of edits may need, and the changed inputs of a batch of readers.

    Arrays:
        effect (writer, reader): 0 = corrupt run, 1 = clean run. 0 for a reader that comes before the writer.
        control (writer, reader): of a random change of the same norm, at each position, instead of the writer's.
        edge (writer, reader): whether there is such an edge; a ValueError if there is none at all.
        metric (writer, reader, pair): the metric itself; clean, corrupt (pair,) those of the plain runs.

    Meta: `writers`, `readers`, how many of the model's were asked for, as "9 of 1,081".
    """
    check_pair(model, clean, corrupt)
    graph = Graph(model.config)
    sources, targets = (
        find_nodes(*x) for x in (("writers", writers, graph.writers), ("readers", readers, graph.readers))
    )
    exists = torch.from_numpy(graph.edges)[sources][:, targets]
    if not exists.any():
        first, last = graph.writers[sources[0]], graph.readers[targets[-1]]
        raise ValueError(
            f"readers (={last!r}) all come before writers (={first!r}): a path leads from earlier to later"
        )
    with in_evaluation(model):
        runs = compare(model, clean, corrupt, metric, TAPS)
        change = (writes(runs.clean) - writes(runs.corrupt))[sources]  # (W, B, T, C)
        noise = torch.randn(change.shape, generator=torch.Generator().manual_seed(seed)).to(change)
        noise *= change.norm(dim=-1, keepdim=True) / noise.norm(dim=-1, keepdim=True)
        metrics = runs.base.repeat(2, len(sources), len(targets), 1)
        with tracked("patch paths", len(targets)) as report:
            for column, reader in enumerate(targets):
                rows = exists[:, column].nonzero()[:, 0]
                for some in torch.split(rows, rows_at_once(runs, max_bytes)) if len(rows) else ():
                    for i, source in enumerate((change, noise)):
                        metrics[i, some, column] = read(runs, graph.readers[reader], source[some], max_bytes)
                report(column + 1)
    effect = runs.effect(metrics)
    names = {"writer": [graph.writers[i] for i in sources], "reader": [graph.readers[i] for i in targets]}
    findings = Findings(labels=names, meta={"scale": runs.scale, "pairs": len(clean), "tokens": runs.T, "seed": seed})
    findings.meta |= facts_of(metric)
    for role, asked, every in (("writers", sources, graph.writers), ("readers", targets, graph.readers)):
        findings.meta[role] = f"{len(asked):,} of {len(every):,}"
    findings.add("effect", effect[0], ("writer", "reader"))
    findings.add("control", effect[1], ("writer", "reader"))
    findings.add("edge", exists.numpy(), ("writer", "reader"))
    findings.add("metric", metrics[0], ("writer", "reader", "pair"))
    findings.add("clean", runs.top, ("pair",))
    findings.add("corrupt", runs.base, ("pair",))
    return findings.trace("path_patching", runs.legend(PATH_PATCHING))


def read(runs: Comparison, reader: str, change: Float[Tensor, "n B T C"], max_bytes: int) -> Float[Tensor, "n B"]:
    """The metric when one reader's input in the corrupt run changes by each of n writes."""
    stored, n = runs.corrupt, len(change)
    if reader == "logits":
        return judge_streams(runs, stored.at(stored.model.config.n_layer, "resid_pre") + change, max_bytes)
    node, _, part = reader[1:].partition(".h")
    layer = int(node)
    block = blocks_of(stored.model)[layer]
    if not part:
        mid = (stored.at(layer, "resid_mid") + change).flatten(0, 1)
        site, head, value = SITES["mlp_out"], None, block.mlp(block.norm2(mid))
    else:
        number, _, name = part.partition(".")
        stream = (stored.at(layer, "resid_pre") + change).flatten(0, 1)
        heads = block.attn.heads_of(raw_heads(block, stream), stored.rope)
        site, head, value = SITES[name], int(number), heads["qkv".index(name)]
    places = [Place(layer, head, None, i) for i in range(n)]
    donors = {layer: torch.unflatten(value, 0, (n, -1))}
    return metrics_of(stored, site, donors, places, runs.metric, max_bytes=max_bytes)


def judge_streams(runs: Comparison, streams: Float[Tensor, "n B T C"], max_bytes: int) -> Float[Tensor, "n B"]:
    """The metric of streams behind the last block."""
    model, metric = runs.corrupt.model, runs.metric
    if isinstance(metric, AtPosition):  # no other position's logits are needed
        column = last_of(metric, streams.size(2))
        streams, metric = streams[:, :, column : column + 1], replace(metric, position=0)
    each = 3 * streams[0, ..., 0].numel() * model.config.vocab_size * streams.element_size()
    chunks = torch.split(streams, max(1, max_bytes // each))
    return torch.stack([metric(logits) for some in chunks for logits in model.unembed(some)])


def rows_at_once(runs: Comparison, max_bytes: int) -> int:
    """How many writers' changes are read together."""
    config, (B, T) = runs.corrupt.model.config, runs.corrupt.shape
    heads = (config.n_head + 2 * config.kv_heads) * config.width_of_head
    width = max(4 * config.n_embd + 2 * heads, 3 * config.n_embd + 3 * config.width_of_mlp)
    return max(1, max_bytes // (B * T * width * runs.corrupt.logits.element_size()))


def find_nodes(argument: str, patterns: str | Sequence[str], nodes: Sequence[str]) -> list[int]:
    """Which of the known nodes names or globs stand for, in their order."""
    globs = [patterns] if isinstance(patterns, str) else list(patterns)
    if not globs:
        raise ValueError(f"{argument} (=[]) must name at least one node, as {nodes[0]}, or * for all")
    for pattern in globs:
        if not any(fnmatchcase(name, pattern) for name in nodes):
            near = ", ".join(difflib.get_close_matches(pattern, nodes, n=3, cutoff=0.0))
            raise ValueError(f"{argument} (={pattern!r}) match no node; nearest: {near}")
    return [i for i, name in enumerate(nodes) if any(fnmatchcase(name, pattern) for pattern in globs)]
