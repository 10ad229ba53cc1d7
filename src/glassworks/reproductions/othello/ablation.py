"""What Othello-GPT loses without the neurons that stand for a move's lines, beside what it loses without others.

Three controls. The same neurons are missing, but another pattern is on the board: the published one (arXiv 2511.00059,
abstract). As many other neurons of the same layers are missing, of any kind. As many neurons are missing that stand for
the lines of other moves: harder, as these, too, are strong and write moves.

Of a move's own neurons some write for it and others against it. Each kind is ablated by itself, too.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.interpret.access.hooks import patch
from glassworks.interpret.neurons.directions import LogitEffects, directions
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello.games import Played, activations, fresh, probabilities
from glassworks.reproductions.othello.lines import lines

Neuron = tuple[int, int]
"""Layer and number."""

CONTROLS = 2
"""Draws of control neurons."""
PUBLISHED_RATIO = (5.0, 10.0)
"""How many times as much a neuron's pattern loses as a control pattern."""
NOTHING = 1e-4
"""A control that changes less than this, in shares, has no ratio."""


def ablation(model: GPT, size: int, games: int, seed: int, patterns: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of a move when the neurons that stand for its lines are set to their means, in all layers at once.

    For each move that has such neurons: how much probability it loses where one of their lines is on the board
    (`matched`, below 0 where it gains; `changed`, either way, position by position); what the other legal moves lose
    there (`beside`) and where the move is not legal (`elsewhere`, the control patterns); and what it loses when as many
    other neurons of the same layers are ablated, of any kind (`control`) or pattern neurons of other moves (`rival`, of
    `rival_neurons`, where there are any). `for` and `against` are of its own neurons that raise and lower its logit,
    where there are any. `missed` and the like are shares of positions in which a legal move is not among as many most
    probable moves as there are legal ones. All are means over moves. `patterns` is what heuristics.patterns gives.
    """
    table = lines(size).to(model.embed.weight.device)
    played = fresh(model, size, games=games, seed=seed, first=2**20)
    present = table.present(played.board.flatten(0, 1)).view(*played.inputs.shape, -1)
    points = [f"blocks.{layer}.mlp.post" for layer in range(model.config.n_layer)]
    means = {point: activations(model, played, point).mean(0) for point in points}
    generator = torch.Generator().manual_seed(seed)
    every = [(layer, neuron) for layer in range(model.config.n_layer) for neuron in range(model.config.width_of_mlp)]
    by_move: dict[int, list[Neuron]] = {}
    matching: dict[int, Tensor] = {}
    for layer, neuron, of in patterns["neurons"]:
        move = int(table.square[of[0]])
        by_move.setdefault(move, []).append((layer, neuron))
        matching[move] = matching.get(move, torch.zeros_like(played.present)) | present[..., of].any(-1)
    effects = LogitEffects(model)
    pools = {"control": every, "rival": [neuron for neurons in by_move.values() for neuron in neurons]}
    measured = []
    with evaluating(model):
        plain = torch.cat(list(probabilities(model, played)))
        for move, neurons in by_move.items():
            there = matching[move] & played.present
            away = played.present & ~played.legal[..., move]
            if not there.any():
                continue
            after = without(model, played, neurons, means)
            ours = effect(plain, after, played, move, there, away) | {"neurons": float(len(neurons))}
            for name, signed in by_sign(model, effects, neurons, move).items():
                ours[f"{name}_neurons"] = float(len(signed))
                if signed:
                    alone = effect(plain, without(model, played, signed, means), played, move, there, away)
                    ours[f"{name}_matched"] = alone["matched"]
            for name, pool in pools.items():
                draws = [draw(neurons, pool, generator) for _ in range(CONTROLS)]
                lost = means_of(
                    [
                        effect(plain, without(model, played, drawn, means), played, move, there, away)
                        | {"neurons": float(len(drawn))}
                        for drawn in draws
                        if drawn
                    ]
                )
                ours |= {f"{name}_{key}": lost[key] for key in ("matched", "changed", "missed", "neurons") if lost}
            measured.append(ours)
    return {"moves": len(measured), **means_of(measured)}


def by_sign(model: GPT, effects: LogitEffects, neurons: Sequence[Neuron], move: int) -> dict[str, list[Neuron]]:
    """The neurons that raise a move's logit above the others' ("for") and those that do not, by their weights alone."""
    raised = {
        (layer, neuron): bool(effects(directions(model, layer, [neuron])["output"])[0, move] > 0)
        for layer, neuron in neurons
    }
    return {
        "for": [each for each in neurons if raised[each]],
        "against": [each for each in neurons if not raised[each]],
    }


def means_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    of = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: sum(values) / len(values) for name, values in of.items()}


def without(
    model: GPT, played: Played, neurons: Sequence[Neuron], means: Mapping[str, Float[Tensor, " F"]]
) -> Float[Tensor, "N T V"]:
    """Probabilities with neurons set to their means at every position."""
    layers: dict[str, list[int]] = {}
    for layer, neuron in neurons:
        layers.setdefault(f"blocks.{layer}.mlp.post", []).append(neuron)
    edits = {point: to_means(means[point], some) for point, some in layers.items()}
    with patch(model, edits):
        return torch.cat(list(probabilities(model, played)))


def to_means(mean: Tensor, neurons: list[int]) -> Callable[[Tensor], Tensor]:
    """An edit that sets some neurons to their means."""
    some = torch.tensor(neurons, device=mean.device)
    return lambda x: x.index_copy(-1, some, mean[some].to(x).expand(*x.shape[:-1], -1))


def draw(neurons: Sequence[Neuron], pool: Sequence[Neuron], generator: torch.Generator) -> list[Neuron]:
    """As many others of each layer, at random from a pool; fewer where it has no more."""
    wanted, chosen = Counter(layer for layer, _ in neurons), []
    for i in torch.randperm(len(pool), generator=generator).tolist():
        layer = pool[i][0]
        if wanted[layer] > 0 and pool[i] not in neurons:
            wanted[layer] -= 1
            chosen.append(pool[i])
    return chosen


def effect(
    plain: Float[Tensor, "N T V"],
    after: Float[Tensor, "N T V"],
    played: Played,
    move: int,
    there: Bool[Tensor, "N T"],
    away: Bool[Tensor, "N T"],
) -> dict[str, float]:
    """What an ablation took away, in shares."""
    legal = played.legal
    S1 = legal.size(-1)
    drop = (plain - after)[..., :S1]
    others = legal.clone()
    others[..., move] = False
    wrong = misses(after[..., :S1], legal).float() - misses(plain[..., :S1], legal).float()
    return {
        "before": float(plain[..., move][there].mean()),
        "matched": float(drop[..., move][there].mean()),
        "changed": float(drop[..., move][there].abs().mean()),
        "changed_elsewhere": float(drop[away][others[away]].abs().mean()),
        "beside": float(drop[there][others[there]].mean()) if others[there].any() else 0.0,
        "elsewhere": float(drop[away][others[away]].mean()),
        "missed": float(wrong[..., move][there].mean()),
        "missed_elsewhere": float(wrong[away][others[away]].mean()),
    }


def misses(probabilities: Float[Tensor, "N T moves"], legal: Bool[Tensor, "N T moves"]) -> Bool[Tensor, "N T moves"]:
    """Legal moves that are not among the n most probable ones, where n are legal."""
    rank = probabilities.argsort(-1, descending=True).argsort(-1)
    return legal & (rank >= legal.sum(-1, keepdim=True))


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def ablation_rows(lost: Mapping[str, Any]) -> Iterator[Row]:
    """What moves lose without the neurons that stand for their lines, and how many times what the controls lose."""
    if not lost["moves"]:
        note = "no neuron fires on one move's lines alone"
        yield Row("p(move) lost without its pattern neurons", None, None, "probability", "same", note=note)
        return
    note = (
        f"mean of {lost['moves']} moves with {lost['neurons']:.1f} neurons each, where p(move) is {lost['before']:.3f}"
        "; neurons at 0.9, by the published definition; below 0 it gains: they held it down"
    )
    yield Row("p(move) lost without its pattern neurons", None, lost["matched"], "probability", "same", note=note)
    for name, what in (("for", "write for it"), ("against", "write against it")):
        label, alone = f"p(move) lost without those that {what}", lost.get(f"{name}_matched")
        note = f"by their weights, through the head alone: {lost.get(f'{name}_neurons', 0.0):.1f} a move"
        yield Row(label, None, alone, "probability", "same", note=note)
    draws = f"{CONTROLS} draws"
    rivals = (
        f"{draws}, {lost['rival_neurons']:.1f} neurons each" if "rival_neurons" in lost else "no other move has any"
    )
    controls = (
        ("without as many others of the same blocks", "control_matched", draws),
        ("without other moves' pattern neurons of the same blocks", "rival_matched", rivals),
        ("other legal moves beside it", "beside", ""),
        ("other legal moves where it is not legal", "elsewhere", "control patterns"),
    )
    for name, key, note in controls:
        yield Row(f"p(move) lost: {name}", None, lost.get(key), "probability", "same", note=note)
    yield Row("moves that drop out of the legal ones' number", None, 100 * lost["missed"], "% of positions", "same")
    for name, key in (
        ("other neurons", "control_missed"),
        ("other moves' pattern neurons", "rival_missed"),
        ("other moves", "missed_elsewhere"),
    ):
        share = 100 * lost[key] if key in lost else None
        yield Row(f"moves that drop out: {name}", None, share, "% of positions", "same")
    yield from ratio_rows(lost)


def ratio_rows(lost: Mapping[str, Any]) -> Iterator[Row]:
    """How many times what each control shows: of moves that drop out, as published, and of changes of p(move)."""
    low, high = PUBLISHED_RATIO
    note = f"published: about {low:g} to {high:g}, of neurons with trees (arXiv 2511.00059)"
    for what, ours, control, published, text in (
        ("moves that drop out, times those of control patterns", "missed", "missed_elsewhere", low, note),
        ("moves that drop out, times those of other neurons", "missed", "control_missed", None, ""),
        ("moves that drop out, times those of other moves' neurons", "missed", "rival_missed", None, ""),
        ("change of p(move), times that of control patterns", "changed", "changed_elsewhere", None, "either way"),
        ("change of p(move), times that of other neurons", "changed", "control_changed", None, "either way"),
        ("change of p(move), times that of other moves' neurons", "changed", "rival_changed", None, "either way"),
    ):
        times = ratio(lost[ours], lost.get(control))
        lacks = f"the control shows less than {NOTHING}" if control in lost else "no other move has any"
        said = [part for part in (text, lacks if times is None else "") if part]
        yield Row(what, published, times, "ratio", "higher", note="; ".join(said))


def ratio(lost: float, control: float | None) -> float | None:
    """How many times as much; None if the control lost next to nothing, or was not measured."""
    return lost / control if control is not None and control >= NOTHING else None
