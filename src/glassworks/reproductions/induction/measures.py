"""What the induction-head reproduction measures of its networks, each as a trace: formation, ablation, composition.

Controls stand in the same arrays: the one-layer network beside the two layers, other heads beside the induction heads,
queries and values beside the keys.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.core.runs import Run
from glassworks.interpret.access.hooks import Edit, capture, patch
from glassworks.interpret.transformer.heads import PATTERNS, mass, targets
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import token_losses
from glassworks.reproductions.induction.training import Sights, in_context_scores, look
from glassworks.trace.trace import Trace

Head = tuple[int, int]
"""Layer and number."""

INDUCTION = 0.3
"""A head whose induction score is at least this is called an induction head."""
KINDS: tuple[Literal["zero", "mean"], ...] = ("zero", "mean")
SETS = 10
"""Sets of other heads that are ablated for comparison, at most."""
PARTS = {"queries": "q", "keys": "k", "values": "v"}


def name_of(head: Head) -> str:
    """The head as "layer.number"."""
    return f"{head[0]}.{head[1]}"


def all_heads(model: GPT) -> list[Head]:
    """Every head, in order."""
    return [(layer, head) for layer in range(model.config.n_layer) for head in range(model.config.n_head)]


# ----------------------------------------------------------------------------------------------------------------------
# Formation


def formation(runs: Mapping[str, Run], untrained: Mapping[str, GPT], sights: Sights) -> Trace:
    """What was looked at during training, by step; step 0 is the network with its first weights.

    Arrays:
        text_loss, in_context, first_half, second_half (network, step): nats, see `induction_training.look`.
        previous, duplicate, induction (head, step): scores of all heads of all networks, as "two layers 1.3".
        training_loss (network, logged): of training batches.
    """
    rows = {name: [{"step": 0, **look(untrained[name], sights)}, *evaluations(run)] for name, run in runs.items()}
    losses = [{row["step"]: row["loss"] for row in run.rows("metrics") if "loss" in row} for run in runs.values()]
    logged = sorted(set.intersection(*map(set, losses)))  # where a run was interrupted, it logged one step more
    heads = {f"{name} {head}": (name, head) for name, net in untrained.items() for head in map(name_of, all_heads(net))}
    shared = ("text_loss", "in_context", "first_half", "second_half")
    arrays = {key: np.array([[row[key] for row in rows[name]] for name in runs]) for key in shared}
    for pattern in PATTERNS:
        table = [[row[f"{pattern}/{head}"] for row in rows[name]] for name, head in heads.values()]
        arrays[pattern] = np.array(table)
    arrays["training_loss"] = np.array([[of_run[step] for step in logged] for of_run in losses])
    axes: dict[str, tuple[str, ...]] = {"training_loss": ("network", "logged")}
    return Trace(
        method="induction_formation",
        arrays=arrays,
        axes=axes | dict.fromkeys(shared, ("network", "step")) | dict.fromkeys(PATTERNS, ("head", "step")),
        labels={
            "network": list(runs),
            "head": list(heads),
            "step": [str(row["step"]) for row in rows[next(iter(runs))]],
            "logged": list(map(str, logged)),
        },
        meta={"vocab_size": next(iter(untrained.values())).config.vocab_size},
    )


def evaluations(run: Run) -> list[dict[str, Any]]:
    """The rows of a run at which its network was looked at."""
    return [row for row in run.rows("metrics") if "text_loss" in row]


# ----------------------------------------------------------------------------------------------------------------------
# Ablation


def induction_heads(model: GPT, sights: Sights) -> list[Head]:
    """The heads that score at least `INDUCTION`, the best first; if none does, the best."""
    score_of = scores(model, sights, "induction")
    order = sorted(score_of, key=score_of.__getitem__, reverse=True)
    return [head for head in order if score_of[head] >= INDUCTION] or order[:1]


def scores(model: GPT, sights: Sights, pattern: str) -> dict[Head, float]:
    """Each head's score."""
    numbers = look(model, sights)
    return {head: numbers[f"{pattern}/{name_of(head)}"] for head in all_heads(model)}


@torch.no_grad()
def ablation(model: GPT, sights: Sights, *, seed: int = 0) -> Trace:
    """What the network loses with a head, and with all its induction heads or others.

    Others are as many as there are induction heads, if so many are left (`other_size` says how many): neither induction
    heads nor the previous-token head that feeds them, without which they would fail as well.

    A head is ablated as in Olsson et al. 2022 ("pattern-preserving"): nothing of what it writes is left, while all
    attention patterns stay those of the untouched network, so that what a head does to later patterns does not count.
    `zero` writes nothing in its place, `mean` its average over all tokens.

    Arrays:
        second_half (kind, ablated): rise of the loss on the second half of repeated random tokens, in nats.
        in_context (kind, ablated): change of the in-context score on held-out text, in nats; negative = lost.
        in_context_error (kind, ablated): its standard error over windows; of "others", over sets of heads if there are
            two or more.
        plain_second_half, plain_in_context (): without ablation.
    """
    chosen, feeding = induction_heads(model, sights), previous_head(model, sights)
    rest = [head for head in all_heads(model) if head not in chosen and head != feeding]
    other_size = min(len(chosen), len(rest))
    sets = list(combinations(rest, other_size))
    order = torch.randperm(len(sets), generator=torch.Generator().manual_seed(seed))[:SETS].tolist()
    named = {name_of(head): (head,) for head in all_heads(model)} | {"induction heads": tuple(chosen)}
    groups = [*named.values(), *(sets[i] for i in order)]
    knocks = [Knock((), "zero"), *(Knock(heads, kind) for kind in KINDS for heads in groups)]
    second, in_context = effects(model, sights, knocks)  # (E,), (E, N)
    rise = (second[1:] - second[0]).view(len(KINDS), -1)
    change = (in_context[1:] - in_context[0]).view(len(KINDS), len(groups), -1)
    single = len(named)
    spread = change.std(-1) / change.size(-1) ** 0.5
    of_sets = change[:, single:].mean(-1)
    several = len(order) > 1
    error = of_sets.std(1, keepdim=True) / len(order) ** 0.5 if several else spread[:, single:]
    arrays = {
        "second_half": torch.cat([rise[:, :single], rise[:, single:].mean(1, keepdim=True)], 1),
        "in_context": torch.cat([change[:, :single].mean(-1), of_sets.mean(1, keepdim=True)], 1),
        "in_context_error": torch.cat([spread[:, :single], error], 1),
    }
    return Trace(
        method="induction_ablation",
        arrays={key: value.numpy() for key, value in arrays.items()}
        | {"plain_second_half": second[0].numpy(), "plain_in_context": in_context[0].mean().numpy()},
        axes=dict.fromkeys(arrays, ("kind", "ablated")) | {"plain_second_half": (), "plain_in_context": ()},
        labels={"kind": list(KINDS), "ablated": [*named, "others"]},
        meta={
            "induction_heads": ", ".join(map(name_of, chosen)),
            "previous_token_head": "none" if feeding is None else name_of(feeding),
            "other_sets": len(order),
            "other_size": other_size,
        },
    )


def previous_head(model: GPT, sights: Sights) -> Head | None:
    """The head below the best induction head with the highest previous-token score; None below the first layer."""
    top, score_of = induction_heads(model, sights)[0][0], scores(model, sights, "previous")
    return max((head for head in score_of if head[0] < top), key=score_of.__getitem__, default=None)


class Knock(NamedTuple):
    """Heads to ablate together, and how."""

    heads: tuple[Head, ...]
    kind: Literal["zero", "mean"]


def effects(model: GPT, sights: Sights, knocks: Sequence[Knock]) -> tuple[Float[Tensor, " E"], Float[Tensor, "E N"]]:
    """For each ablation, the loss on the second half of repeats, and the in-context score of each held-out window."""
    tokens = sights.repeats
    second = losses_without(model, tokens[:, :-1], tokens[:, 1:], knocks)[..., tokens.size(1) // 2 :].mean((1, 2))
    in_context = [
        torch.stack([in_context_scores(losses) for losses in losses_without(model, inputs, targets, knocks)])
        for inputs, targets in sights.held_out
    ]
    return second, torch.cat(in_context, 1)


def losses_without(
    model: GPT, inputs: Int[Tensor, "N T"], targets: Int[Tensor, "N T"], knocks: Sequence[Knock]
) -> Float[Tensor, "E N T"]:
    """Each token's loss for each ablation, all attention patterns as they are without any."""
    with capture(model, ["blocks.*.attn.pattern", "blocks.*.attn.z"]) as captured:
        model(inputs)
        plain = dict(captured)
    frozen: dict[str, Edit] = {point: value for point, value in plain.items() if point.endswith("pattern")}
    losses = []
    for knock in knocks:
        edits = dict(frozen)
        for layer in {layer for layer, _ in knock.heads}:
            point = f"blocks.{layer}.attn.z"
            heads = [head for at, head in knock.heads if at == layer]
            instead = plain[point].mean((0, 1)) if knock.kind == "mean" else torch.zeros(plain[point].shape[2:])
            edits[point] = replaced(heads, instead)
        with patch(model, edits):
            losses.append(token_losses(model, (inputs, targets)))
    return torch.stack(losses)


def replaced(heads: Sequence[int], instead: Float[Tensor, "H D"]) -> Callable[[Tensor], Tensor]:
    """An edit of z (N, T, H, D): what some heads write is the same everywhere."""

    def edit(z: Tensor) -> Tensor:
        z = z.clone()
        z[:, :, list(heads)] = instead[list(heads)]
        return z

    return edit


# ----------------------------------------------------------------------------------------------------------------------
# Composition


@torch.no_grad()
def composition(model: GPT, sights: Sights) -> Trace:
    """By which way the heads of the layer below make induction heads: K-composition (Elhage et al. 2021).

    A head of the layer below is ablated as a whole (its output zero), but the layer of the best induction head is given
    only the queries, only the keys or only the values that follow from it, the rest untouched. An induction head finds
    "what came after the same token" by keys that hold the previous token, so its score falls by the keys alone.

    Arrays:
        score (removed, through): mean score of the induction heads of that layer.
        second_half (removed, through): loss on the second half of repeated random tokens.
        plain_score, plain_second_half (): without ablation.
    """
    chosen = induction_heads(model, sights)
    layer = chosen[0][0]
    heads = [head for at, head in chosen if at == layer]
    plain = induction_of(model, sights, layer, heads)
    removed = [head for head in all_heads(model) if head[0] == layer - 1]
    width = model.config.width_of_head
    points = {name: f"blocks.{layer}.attn.{part}" for name, part in PARTS.items()}
    table = []
    for head in removed:
        gone = {f"blocks.{head[0]}.attn.z": replaced([head[1]], torch.zeros(model.config.n_head, width))}
        with patch(model, gone), capture(model, list(points.values())) as after:
            model(sights.repeats[:, :-1])
        row = []
        for chain in (*([name] for name in PARTS), list(PARTS)):
            with patch(model, {points[name]: after[points[name]] for name in chain}):
                row.append(induction_of(model, sights, layer, heads))
        table.append(row)
    values = np.array(table).reshape(len(removed), len(PARTS) + 1, 2)
    return Trace(
        method="induction_composition",
        arrays={"score": values[..., 0], "second_half": values[..., 1]}
        | {"plain_score": np.array(plain[0]), "plain_second_half": np.array(plain[1])},
        axes=dict.fromkeys(("score", "second_half"), ("removed", "through"))
        | {"plain_score": (), "plain_second_half": ()},
        labels={"removed": list(map(name_of, removed)), "through": [*PARTS, "all three"]},
        meta={"induction_heads": ", ".join(name_of((layer, head)) for head in heads)},
    )


def induction_of(model: GPT, sights: Sights, layer: int, heads: Sequence[int]) -> tuple[float, float]:
    """Mean induction score of some heads of a layer, and the loss of the second half."""
    tokens = sights.repeats[:, :-1]
    with capture(model, f"blocks.{layer}.attn.pattern") as captured:
        logits = model(tokens)
    pattern = captured[f"blocks.{layer}.attn.pattern"][:, heads].float()
    scores = mass(pattern, targets(tokens))[:, PATTERNS.index("induction")]  # (N, H)
    losses = F.cross_entropy(logits.transpose(1, 2).float(), sights.repeats[:, 1:], reduction="none")
    return float(scores.mean()), float(losses[:, sights.repeats.size(1) // 2 :].mean())
