"""Circuits: the few edges of a GPT's graph that carry a behaviour, found and judged.

Edges are scored by `edge_attribution` and then truly cut, from the last reader to the first as in ACDC (Conmy et al.
2023): an edge goes if the metric hardly notices. Cutting a group at once and halving it when the metric does notice
needs a run a reader instead of a run an edge. A circuit is judged by running it: `faithfulness` is the share of the
clean run's metric that the kept edges alone preserve, `complement` what all other edges preserve without them.

Controls: edges kept in random order, and random circuits of the same size, all of whose edges lie on ways from the
embedding to the logits. A circuit fits the pairs it was searched on: on others it is to be judged again (`held_out`).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.causes.edge_attribution import scored
from glassworks.interpret.causes.edges import Ablated
from glassworks.interpret.causes.graph import TAPS, Graph
from glassworks.interpret.causes.legends.edges import CIRCUIT, CURVE
from glassworks.interpret.causes.metrics import Metric, facts_of
from glassworks.interpret.causes.restart import BUDGET, in_evaluation
from glassworks.interpret.causes.sweeps import Findings, compare
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace


@public
def faithfulness_curve(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    score: Float[np.ndarray, "W R"],
    *,
    sizes: Sequence[int] | None = None,
    draws: int = 3,
    seed: int = 0,
    max_bytes: int = BUDGET,
) -> Trace:
    """Keep the edges of highest |score|, more and more of them, and see how much of the metric comes back.

    Args:
        model: in any mode; it runs in evaluation mode.
        clean: tokens of the runs that show the behaviour, a row each.
        corrupt: tokens of the runs whose writes cut edges carry.
        metric: from logits to a number a pair.
        score: of every edge, as `edge_attribution` gives it.
        sizes: numbers of edges; None = 0, 1, 2, 5, 10, ... to all.
        draws: random orders of the edges, drawn from `seed`; 0 = none.
        seed: of the control.
        max_bytes: the most that a batch of runs may need.

    Arrays:
        edges (size,): how many edges are kept.
        faithfulness (size,): 1 = as the clean run, 0 = as the corrupt one.
        complement (size,): with all other edges instead.
        random (draw, size): the control.
    """
    check_count("draws", draws, 0)
    graph = Graph(model.config)
    if score.shape != graph.edges.shape:
        raise ValueError(f"score {score.shape} must have the graph's writers and readers {graph.edges.shape}")
    total = int(graph.edges.sum())
    counts = usual_sizes(total) if sizes is None else list(sizes)
    if not counts or min(counts) < 0 or max(counts) > total:
        raise ValueError(f"sizes (={counts}) must be numbers of edges from 0 to the graph's {total}")
    with in_evaluation(model):
        ablated = Ablated(compare(model, clean, corrupt, metric, TAPS), max_bytes)
        findings = curve(ablated, score, counts, draws, seed)
    findings.meta |= {"total": total, "pairs": len(clean), "seed": seed, "scale": ablated.compared.scale}
    findings.meta |= facts_of(metric)
    return findings.trace("faithfulness_curve", ablated.compared.legend(CURVE))


def usual_sizes(total: int) -> list[int]:
    """0, 1, 2, 5, 10, 20, 50, ... and all."""
    steps = [digit * 10**power for power in range(len(str(total))) for digit in (1, 2, 5)]
    return [0, *(step for step in steps if step < total), total]


def curve(ablated: Ablated, score: np.ndarray, counts: list[int], draws: int, seed: int) -> Findings:
    """The arrays of a faithfulness curve."""
    edges, random = ablated.graph.edges, np.random.default_rng(seed)
    best = np.argsort(-np.abs(score[edges]), kind="stable")
    orders = [best, *(random.permutation(len(best)) for _ in range(draws))]
    keep = np.stack([chosen(edges, order[:count]) for order in orders for count in counts])
    rest = edges & ~keep[: len(counts)]
    found = ablated.faithfulness(np.concatenate([keep, rest]), "keep edges").reshape(-1, len(counts))
    findings = Findings(labels={"size": [str(count) for count in counts]})
    findings.add("edges", np.array(counts), ("size",))
    findings.add("faithfulness", found[0], ("size",))
    findings.add("complement", found[-1], ("size",))
    findings.add("random", found[1:-1], ("draw", "size"))
    return findings


def chosen(edges: Bool[np.ndarray, "W R"], numbers: Int[np.ndarray, " n"]) -> Bool[np.ndarray, "W R"]:
    """Only the edges of these numbers."""
    keep = np.zeros_like(edges)
    keep[*np.argwhere(edges)[numbers].T] = True
    return keep


# ----------------------------------------------------------------------------------------------------------------------
# Discovery


Pairs = tuple[Tensor, Tensor, Metric]
"""Clean tokens, corrupt tokens, and the metric of their logits."""


@public
def find_circuit(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    *,
    held_out: Pairs | None = None,
    threshold: float = 0.01,
    steps: int = 1,
    at: Literal["clean", "corrupt"] = "clean",
    draws: int = 3,
    seed: int = 0,
    max_bytes: int = BUDGET,
) -> Trace:
    """Find the edges that the metric needs, by true cuts in the order of their attribution.

    From the last reader to the first, its incoming edges are cut together; if that moves the metric by `threshold` or
    more, the half of lower |score| is tried and then the other, down to single edges, which are kept (ACDC's rule).
    Edges into a head or MLP that nobody kept reads go without a run, and so do, at the end, those out of one that
    reads only corrupt writes: neither changes anything. A group may go because its edges cancel; faithfulness tells.

    Args:
        model: in any mode; it runs in evaluation mode.
        clean: tokens of the runs that show the behaviour, a row each.
        corrupt: tokens of the runs whose writes cut edges carry.
        metric: from logits to a number a pair; differentiable.
        held_out: other pairs with their metric, on which the circuit is judged, too; None = none.
        threshold: the change that keeps an edge, as a share of the metric's difference between clean and corrupt.
        steps: of `edge_attribution`.
        at: of `edge_attribution`.
        draws: random circuits of the same size, and random orders of the curve; 0 = none.
        seed: of the controls.
        max_bytes: the most that a batch of runs may need.

    Arrays:
        kept (writer, reader): the edges of the circuit.
        score (writer, reader): the estimated effect of every edge, as `edge_attribution` gives it.
        edge (writer, reader): which exist.
        same_size (pairs, draw): the control, faithfulness of random connected circuits of as many edges (fewer where
            none of that size was met), on the pairs "searched on" and, if given, "held out".
        same_size_edges (draw,): their edges.
        edges, faithfulness, complement, random: the curve, as in `faithfulness_curve`.

    Meta: kept_edges, circuit_faithfulness, circuit_complement, runs (how many with cut edges the search needed), and
    held_out_faithfulness, held_out_complement if there are such pairs.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold (={threshold}) must be between 0 and 1: a share of the metric's difference")
    check_count("draws", draws, 0)
    graph = Graph(model.config)
    runs, score = scored(model, clean, corrupt, metric, steps, at, max_bytes)
    with in_evaluation(runs.model):
        ablated = Ablated(runs, max_bytes)
        circuit = prune(ablated, score, threshold)
        needed = ablated.runs
        findings = curve(ablated, score, usual_sizes(int(graph.edges.sum())), draws, seed)
        random = np.random.default_rng(seed)
        others = [random_circuit(graph, int(circuit.sum()), random) for _ in range(draws)]
        tried = np.stack([circuit, graph.edges & ~circuit, *others])
        judged = {"searched on": ablated.faithfulness(tried, "try random circuits")}
        if held_out is not None:
            judged["held out"] = Ablated(compare(model, *held_out, TAPS), max_bytes).faithfulness(tried)
    findings.labels |= {"writer": graph.writers, "reader": graph.readers, "pairs": list(judged)}
    findings.add("kept", circuit, ("writer", "reader"))
    findings.add("score", score, ("writer", "reader"))
    findings.add("edge", graph.edges, ("writer", "reader"))
    findings.add("same_size", np.stack([scores[2:] for scores in judged.values()]), ("pairs", "draw"))
    findings.add("same_size_edges", tried[2:].sum((1, 2)), ("draw",))
    findings.meta |= {"kept_edges": int(circuit.sum()), "total": int(graph.edges.sum()), "runs": needed}
    for scores, name in zip(judged.values(), ("circuit", "held_out"), strict=False):
        findings.meta |= {f"{name}_faithfulness": float(scores[0]), f"{name}_complement": float(scores[1])}
    findings.meta |= {
        "threshold": threshold,
        "pairs": len(clean),
        "seed": seed,
        "scale": runs.scale,
        **facts_of(metric),
    }
    return findings.trace("circuit", runs.legend(CIRCUIT))


def random_circuit(graph: Graph, size: int, random: np.random.Generator) -> Bool[np.ndarray, "W R"]:
    """So many edges on random ways from the embedding to the logits; fewer if none of that size is met in many tries.

    Ways are added one by one, each drawn from its end (see `random_way`), while they leave room; what cannot be
    completed is begun again.
    """
    embed, feeds = graph.writers.index("embed"), [writer_of(graph, name) or [] for name in graph.readers]
    readers_of = {w: [r for r, fed in enumerate(feeds) if w in fed] for w in range(len(graph.writers))}
    keep = np.zeros_like(graph.edges)
    for _ in range(50):
        keep[:], fed, useful, failures = False, {embed}, {len(graph.readers) - 1}, 0
        while keep.sum() < size and failures < 100:
            way = random_way(graph, sorted(useful), fed, readers_of, random)
            if keep.sum() + sum(not keep[edge] for edge in way) > size or all(keep[edge] for edge in way):
                failures += 1
                continue
            keep[*np.array(way).T] = True
            fed |= {w for _, reader in way for w in feeds[reader]}
            useful |= {r for writer, _ in way for r in readers_of[writer]}
            failures = 0
        if keep.sum() == size:
            break
    return keep


def random_way(
    graph: Graph, useful: list[int], fed: set[int], readers_of: dict[int, list[int]], random: np.random.Generator
) -> list[tuple[int, int]]:
    """Edges from a reader that the logits hear of back to a writer that is fed, by random writers and their readers."""
    reader, way = int(random.choice(useful)), list[tuple[int, int]]()
    while True:
        writer = int(random.choice(np.flatnonzero(graph.edges[:, reader])))
        way.append((writer, reader))
        if writer in fed:
            return way
        reader = int(random.choice(readers_of[writer]))


def prune(ablated: Ablated, score: Float[np.ndarray, "W R"], threshold: float) -> Bool[np.ndarray, "W R"]:
    """Cut what may be cut, reader by reader from the last."""
    graph = ablated.graph
    keep = graph.edges.copy()
    now = float(ablated.faithfulness(keep[None])[0])
    with tracked("cut edges", len(graph.readers)) as report:
        for reader in reversed(range(len(graph.readers))):
            report(len(graph.readers) - reader, edges=float(keep.sum()))
            writer = writer_of(graph, graph.readers[reader])
            if writer is not None and not any(keep[w].any() for w in writer):
                keep[:, reader] = False
                continue
            incoming = np.flatnonzero(keep[:, reader])
            todo = [incoming[np.argsort(np.abs(score[incoming, reader]), kind="stable")]]
            while todo:
                group = todo.pop()
                trial = keep.copy()
                trial[group, reader] = False
                then = float(ablated.faithfulness(trial[None])[0])
                if abs(then - now) < threshold:
                    keep, now = trial, then
                elif len(group) > 1:
                    half = (len(group) + 1) // 2
                    todo += [group[half:], group[:half]]  # the lower half first
    return without_dead_ends(graph, keep)


def writer_of(graph: Graph, reader: str) -> list[int] | None:
    """The writers that a reader feeds: its MLP, or its head, or all heads of its key or value; None for the logits."""
    if reader == "logits":
        return None
    name, _, part = reader.partition(".h")
    if not part:
        return [graph.writers.index(reader)]
    number, _, kind = part.partition(".")
    size = 1 if kind == "q" else graph.config.n_head // graph.config.kv_heads
    first = graph.writers.index(f"{name}.h{int(number) * size}")
    return list(range(first, first + size))


def without_dead_ends(graph: Graph, keep: Bool[np.ndarray, "W R"]) -> Bool[np.ndarray, "W R"]:
    """Only edges on a way from the embedding to the logits; the others change nothing."""
    keep, fed = keep.copy(), {graph.writers.index("embed")}
    feeds = {reader: writer_of(graph, name) for reader, name in enumerate(graph.readers)}
    for reader in range(len(graph.readers)):  # in the order of the model, so that writers are settled before
        keep[:, reader] &= np.isin(np.arange(len(keep)), list(fed))
        if keep[:, reader].any():
            fed |= set(feeds[reader] or [])
    useful = {len(graph.readers) - 1}
    for reader in reversed(range(len(graph.readers) - 1)):
        outgoing = keep[feeds[reader]][:, sorted(useful)]
        if outgoing.any():
            useful.add(reader)
        else:
            keep[:, reader] = False
    return keep
