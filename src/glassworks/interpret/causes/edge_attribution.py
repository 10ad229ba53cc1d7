"""Edge attribution patching: every edge of a GPT's graph scored from one gradient (Syed et al. 2023).

The score of the edge from writer w to reader r estimates to first order what the metric loses when r is given what w
wrote in the corrupt run instead of the clean one:

    score(w, r) = (write_clean(w) - write_corrupt(w)) · d metric / d input of r

Two forward passes give the writes, one backward pass the slopes at every reader's input, and one matrix product a layer
all edges. A reader's slope is that of its own input: of the stream as this one head reads it, through the norm.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.causes.attribution_patching import compare_with_slopes, store_with_slopes
from glassworks.interpret.causes.edges import Ablated
from glassworks.interpret.causes.graph import TAPS, Graph, raw_heads, writes
from glassworks.interpret.causes.legends.edges import EDGE_ATTRIBUTION
from glassworks.interpret.causes.metrics import Metric, facts_of
from glassworks.interpret.causes.restart import BUDGET, Stored, in_evaluation
from glassworks.interpret.causes.sweeps import Comparison, Findings, agreement
from glassworks.interpret.transformer.lens import blocks_of
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace

SLOPES = (*TAPS, "norm2")
"""Taps whose gradients are read; norm2 is what the MLP receives, so its slope leaves out the way around the MLP."""


@public
def edge_attribution(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    *,
    steps: int = 1,
    at: Literal["clean", "corrupt"] = "clean",
    check: int = 32,
    seed: int = 0,
    max_bytes: int = BUDGET,
) -> Trace:
    """Score all edges of the graph. The first-order estimate misses what saturates, so some edges are truly removed.

    Args:
        model: in any mode; it runs in evaluation mode.
        clean: tokens of the runs that show the behaviour, a row each.
        corrupt: tokens of the runs that do not, each the pair of the same row of `clean`.
        metric: from logits to a number a pair; differentiable.
        steps: 1 = the slope at one run; more = the mean slope at so many points of the way from the corrupt embedding
            to the clean one (integrated gradients, Hanna et al. 2024), one more forward and backward each.
        at: the run whose slope one step takes. A divergence from the clean run is flat there: take "corrupt".
        check: how many edges are also removed one by one: half those of highest score, half at random. 0 = none.
        seed: of the choice of edges.
        max_bytes: the most that a batch of slopes or runs may need.

    Arrays:
        score (writer, reader): estimated share of the clean run's metric that the edge carries; 1 is all of the way
            from corrupt to clean. Identical inputs give exactly 0.
        edge (writer, reader): whether there is such an edge.
        estimate, true (checked,): the score of some edges, and what their removal takes away.
        clean, corrupt (pair,): the metric of the plain runs.

    Meta: pearson and spearman of the two, and as control shuffled, Pearson's correlation of the shuffled scores; left
    out where one of the two is constant.

    Raises: ValueError for a metric without a gradient, and for one whose slopes vanish where they are taken.
    """
    check_count("check", check, 0)
    graph = Graph(model.config)
    runs, score = scored(model, clean, corrupt, metric, steps, at, max_bytes)
    findings = Findings(labels={"writer": graph.writers, "reader": graph.readers})
    findings.add("score", score, ("writer", "reader"))
    findings.add("edge", graph.edges, ("writer", "reader"))
    findings.add("clean", runs.top, ("pair",))
    findings.add("corrupt", runs.base, ("pair",))
    findings.meta |= {"scale": runs.scale, "pairs": len(clean), "steps": steps, "seed": seed, **facts_of(metric)}
    if steps == 1:
        findings.meta["at"] = at
    chosen = some_edges(score, graph, check, seed)
    if len(chosen):
        with in_evaluation(runs.model):
            ablated = Ablated(runs, max_bytes)
            keep = np.repeat(graph.edges[None], len(chosen), 0)
            keep[np.arange(len(chosen)), *chosen.T] = False
            true = ablated.faithfulness(graph.edges[None])[0] - ablated.faithfulness(keep, "remove edges")
        estimate = score[*chosen.T]
        mixed = np.random.default_rng(seed).permutation(estimate)
        findings.add("estimate", estimate, ("checked",))
        findings.add("true", true, ("checked",))
        findings.labels["checked"] = [f"{graph.writers[w]} → {graph.readers[r]}" for w, r in chosen]
        findings.meta |= agreement("", estimate, true, mixed)
    return findings.trace("edge_attribution", runs.legend(EDGE_ATTRIBUTION))


def strongest_readers(trace: Trace, kinds: Sequence[str], count: int) -> list[str]:
    """Of the readers that globs stand for, the few whose incoming edges have the largest |score| in sum, in order."""
    names, weight = trace.labels["reader"], np.abs(trace.arrays["score"]).sum(0)
    able = [i for i, name in enumerate(names) if any(fnmatchcase(name, kind) for kind in kinds)]
    return [names[i] for i in sorted(sorted(able, key=lambda i: -weight[i])[:count])]


def some_edges(score: Float[np.ndarray, "W R"], graph: Graph, count: int, seed: int) -> Int[np.ndarray, "n 2"]:
    """Edges to check: half of highest score, half random others."""
    edges = np.argwhere(graph.edges)
    order = np.argsort(-np.abs(score[graph.edges]), kind="stable")
    count = min(count, len(edges))
    top = order[: count // 2]
    rest = np.random.default_rng(seed).permutation(order[count // 2 :])[: count - count // 2]
    chosen: np.ndarray = edges[np.concatenate([top, rest])]
    return chosen


# ----------------------------------------------------------------------------------------------------------------------
# Scores


def scored(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    steps: int,
    at: Literal["clean", "corrupt"],
    max_bytes: int,
) -> tuple[Comparison, Float[np.ndarray, "W R"]]:
    """Both runs, and every edge's score."""
    check_count("steps", steps, 1)
    runs = compare_with_slopes(model, clean, corrupt, metric, SLOPES, at=at if steps == 1 else None)
    with torch.no_grad():
        change = writes(runs.clean) - writes(runs.corrupt)  # (W, B, T, C)
        if steps == 1:
            total = contract(runs.clean if at == "clean" else runs.corrupt, runs.slopes, change, max_bytes)
        else:
            total = torch.zeros(
                len(change), len(Graph(model.config).readers), dtype=torch.float64, device=change.device
            )
            tokens = clean[:, : runs.clean.shape[1]]
            with tracked("integrate slopes", steps) as report:
                for step in range(steps):
                    start = runs.corrupt.at(0, "resid_pre") + (step + 0.5) / steps * change[0]
                    point, _, slopes = store_with_slopes(runs.model, tokens, runs.metric, SLOPES, start=start)
                    total += contract(point, slopes, change, max_bytes) / steps
                    report(step + 1)
    found: np.ndarray = (total / (len(clean) * runs.scale)).float().cpu().numpy()
    return runs, found


def contract(
    run: Stored, slopes: Mapping[str, Tensor], change: Float[Tensor, "W B T C"], max_bytes: int
) -> Float[Tensor, "W R"]:
    """All products of a writer's change with a reader's slope, summed over pairs; 0 where there is no edge."""
    model, graph = run.model, Graph(run.model.config)
    out = torch.zeros(len(change), len(graph.readers), dtype=torch.float64, device=change.device)
    each = model.config.n_head + 2 * model.config.kv_heads
    pairs = max(1, max_bytes // (4 * each * change[0, 0].numel() * change.element_size()))

    for first in range(0, change.size(1), pairs):
        rows = slice(first, first + pairs)
        for layer, block in enumerate(blocks_of(model)):
            at = {tap: slopes[f"blocks.{layer}.{tap}"][rows] for tap in ("attn.q", "attn.k", "attn.v", "norm2")}
            stream, mid = (run.at(layer, tap)[rows] for tap in ("resid_pre", "resid_mid"))
            heads = torch.cat([at["attn.q"], at["attn.k"], at["attn.v"]], 2)
            with torch.enable_grad():
                raw = raw_heads(block, stream).detach().requires_grad_()
                (heads,) = torch.autograd.grad(torch.cat(block.attn.heads_of(raw, run.rope), 2), raw, heads)
            weight = torch.unflatten(block.attn.qkv.weight, 0, (each, -1))  # (R, D, C)
            normed = torch.einsum("btrd,rdc->rbtc", heads, weight)
            slope = before_norm(block.norm1, stream, normed)
            before, readers = graph.before(layer), graph.heads_of(layer)
            out[before, readers] += products(change[before, rows], slope)
            if graph.has_mlp:
                reader = graph.mlp_of(layer)
                slope = before_norm(block.norm2, mid, at["norm2"][None])
                before = graph.before(layer, mlp=True)
                out[before, reader : reader + 1] += products(change[before, rows], slope)
        last = slopes[f"blocks.{model.config.n_layer - 1}.resid_post"][rows]
        out[:, -1:] += products(change[:, rows], last[None])
    return out


def products(change: Float[Tensor, "W B T C"], slope: Float[Tensor, "R B T C"]) -> Float[Tensor, "W R"]:
    """Each writer's change with each reader's slope."""
    return (change.flatten(1) @ slope.flatten(1).T).double()


def before_norm(
    norm: nn.Module, x: Float[Tensor, "B T C"], slope: Float[Tensor, "R B T C"]
) -> Float[Tensor, "R B T C"]:
    """Slopes at a norm's input from several slopes at its output."""
    with torch.enable_grad():
        inputs = x.detach().expand_as(slope).requires_grad_()
        (found,) = torch.autograd.grad(norm(inputs), inputs, slope)
    return found
