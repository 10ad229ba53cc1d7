"""Othello-GPT's bag of heuristics: neurons that stand for lines, and neurons in rules.

What is lost without the former is in ablation.py.

Sources: "OthelloGPT learned a bag of heuristics" (jylin04, JackS, Karvonen, Rager, LessWrong, 2 July 2024) with its
notebooks, and "Automatically Finding Rule-Based Neurons in OthelloGPT" (arXiv 2511.00059). Their network is one of 8×8,
with 8 layers of 2,048 neurons.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor

from glassworks.interpret.neurons.rule_report import rule_report
from glassworks.interpret.neurons.rule_swap import swap_in
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello.ablation import ablation, ablation_rows
from glassworks.reproductions.othello.games import Played, activations, cached, fresh, scrambled
from glassworks.reproductions.othello.lines import lines, square_name
from glassworks.reproductions.othello.patterns import confirm, count_firing, published_patterns, strict_patterns

PUBLISHED_NEURONS = (2, 0, 1, 14, 107, 247, 152, 104)
"""Pattern neurons by layer at 0.95."""
PUBLISHED_WIDTH = 2048
LEVELS = (0.95, 0.9)
DEPTH, MIN_R2 = 5, 0.7


@dataclass(frozen=True)
class Amount:
    """How many games each part looks at."""

    patterns: int = 1000
    """As many again confirm what was found."""
    trees: int = 300
    ablation: int = 100


QUICK = Amount(patterns=200, trees=60, ablation=50)


def rows(model: GPT, *, size: int, seed: int, quick: bool, folder: Path) -> list[Row]:
    """The bag's rows; each finished part is kept in `folder`, and not measured again.

    Args:
        model: a GPT trained on games as data/games/othello.py writes them.
        size: of the board.
        seed: of the games and of the controls.
        quick: look at a fifth of the games.
        folder: where parts are kept.
    """
    amount = QUICK if quick else Amount()
    firing = {
        name: cached(folder / f"patterns_{name}.json", functools.partial(patterns, net, size, amount.patterns, seed))
        for name, net in (("trained", model), ("scrambled", scrambled(model, seed)))
    }
    trees = cached(folder / "trees.json", lambda: trees_of(model, size, amount.trees, seed))
    lost = cached(folder / "ablation.json", lambda: ablation(model, size, amount.ablation, seed, firing["trained"]))
    return [*pattern_rows(firing), *tree_rows(trees), *ablation_rows(lost)]


# ----------------------------------------------------------------------------------------------------------------------
# Pattern neurons


def patterns(model: GPT, size: int, games: int, seed: int) -> dict[str, Any]:
    """Pattern neurons of every layer by both definitions at both levels, and the lines that they stand for.

    `published` and `strict` map a level to the number of neurons by layer, `covered` to the number of lines that some
    neuron stands for. `neurons` lists [layer, neuron, lines] of the published ones at the lower level:
    strict ones may be too few to say anything of moves in general.
    """
    table = lines(size).to(model.embed.weight.device)
    chosen, other = (fresh(model, size, games=games, seed=seed, first=at) for at in (0, games))
    present = [table.present(played.board[played.present]) for played in (chosen, other)]
    counts: dict[str, dict[str, list[int]]] = {"published": {}, "strict": {}}
    covered = {kind: {str(level): torch.zeros(len(table), dtype=torch.bool) for level in LEVELS} for kind in counts}
    neurons: list[list[Any]] = []
    for layer in range(model.config.n_layer):
        seen = [activations(model, played, f"blocks.{layer}.mlp.post") for played in (chosen, other)]
        firing = count_firing(seen[0], present[0])
        for level in LEVELS:
            published = published_patterns(firing, table, level)
            sure = confirm(strict_patterns(firing, seen[0], present[0], table, level), seen[1], present[1], level)
            for kind, of_neurons in (("published", published), ("strict", sure.lines)):
                counts[kind].setdefault(str(level), []).append(int(of_neurons.any(1).sum()))
                covered[kind][str(level)] |= of_neurons.any(0).cpu()
            if level == min(LEVELS):
                for neuron in published.any(1).nonzero()[:, 0].tolist():
                    neurons.append([layer, neuron, published[neuron].nonzero()[:, 0].tolist()])
    return {
        **counts,
        "covered": {kind: {level: int(some.sum()) for level, some in by.items()} for kind, by in covered.items()},
        "lines": len(table),
        "possible": int(table.possible.sum()),
        "seen": int((present[0].sum(0) >= 10).sum()),
        "width": model.config.width_of_mlp,
        "neurons": neurons,
    }


# ----------------------------------------------------------------------------------------------------------------------
# Rules


def trees_of(model: GPT, size: int, games: int, seed: int) -> dict[str, Any]:
    """Trees of depth 5 for all neurons: the share explained by layer, and the network with trees in their place."""
    played = fresh(model, size, games=games, seed=seed)
    features, names = features_of(played)
    report = rule_report(
        model,
        played.inputs,
        features,
        "blocks.*.mlp.post",
        names=names,
        keep=played.present,
        depth=DEPTH,
        min_r2=MIN_R2,
        fresh=scrambled(model, seed),
        seed=seed,
    )
    held_out = torch.from_numpy(report.arrays["held_out"])
    legal, present = played.legal[held_out], played.present[held_out]

    def legal_share(logits: Tensor, rows: Tensor) -> Tensor:
        right = legal[rows].gather(-1, logits[..., : legal.size(-1)].argmax(-1, keepdim=True))[..., 0]
        return (right & present[rows]).sum(1) / present[rows].sum(1)

    result: dict[str, Any] = {row: report.arrays["explained"][i].tolist() for i, row in enumerate(report.labels["row"])}
    for others in ("keep", "ablate"):
        swapped = swap_in(
            model,
            played.inputs[held_out],
            features[held_out],
            report,
            keep=present,
            min_r2=MIN_R2,
            rest=others,
            measures={"legal": legal_share},
            seed=seed,
        )
        result[others] = {
            "places": swapped.labels["place"],
            **{
                name: dict(zip(swapped.labels["replacement"], swapped.arrays[name].tolist(), strict=True))
                for name in ("kl", "legal")
            },
        }
    return result


def features_of(played: Played) -> tuple[Bool[Tensor, "N T P"], list[str]]:
    """What rules may ask about: each square's state, the move before, and the squares that it turned over."""
    S = played.size**2
    board = F.one_hot(played.board.long(), 3).flatten(2).bool()
    moved = F.one_hot(played.inputs, S + 2)[..., : S + 1].bool()
    squares = [square_name(square, played.size) for square in range(S)]
    names = [f"{square} {state}" for square in squares for state in ("empty", "mine", "yours")]
    names += [f"{square} played" for square in squares] + ["passed"] + [f"{square} turned" for square in squares]
    return torch.cat([board, moved, played.turned], -1), names


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def pattern_rows(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """Pattern neurons by layer, and the share of lines that they stand for."""
    ours, floor = parts["trained"], parts["scrambled"]
    width, layers = ours["width"], len(ours["strict"]["0.95"])
    for layer in range(layers):
        published = PUBLISHED_NEURONS[layer] if layer < len(PUBLISHED_NEURONS) else None
        yield Row(
            f"pattern neurons at 0.95: block {layer}",
            None if published is None else 100 * published / PUBLISHED_WIDTH,
            100 * ours["published"]["0.95"][layer] / width,
            "% of neurons",
            "higher",
            note=f"{ours['published']['0.95'][layer]} of {width}"
            + ("" if published is None else f"; published {published} of {PUBLISHED_WIDTH:,}, in 8 blocks"),
        )
    every = width * layers
    total, published = sum(ours["published"]["0.95"]), sum(PUBLISHED_NEURONS)
    of_theirs = 100 * published / (PUBLISHED_WIDTH * len(PUBLISHED_NEURONS))
    note, unit = f"{total} of {every:,}; published {published}", "% of neurons"
    yield Row("pattern neurons at 0.95: all blocks", of_theirs, 100 * total / every, unit, "higher", note=note)
    for name, kind, net in (
        ("scrambled weights", "published", floor),
        ("one threshold, other games", "strict", ours),
        ("one threshold, other games, scrambled weights", "strict", floor),
    ):
        for level in ("0.95", "0.9"):
            number = sum(net[kind][level])
            label, note = f"pattern neurons at {level}: {name}", f"{number} of {every:,}"
            if (kind, level) != ("published", "0.9"):
                yield Row(label, None, 100 * number / every, "% of neurons", "higher", note=note)
    for name, kind, net, theirs in (
        ("", "published", ours, 90.6),
        (", scrambled weights", "published", floor, None),
        (", one threshold, other games", "strict", ours, None),
    ):
        number = net["covered"][kind]["0.9"]
        note = f"{number} of {ours['lines']}, of which a game can show {ours['possible']}"
        if theirs:
            note += "; published: blocks 4 to 6, 1,036 lines, of which a game can show 960"
        label = f"lines with a pattern neuron at 0.9{name}"
        yield Row(label, theirs, 100 * number / ours["lines"], "% of lines", "higher", note=note)


def tree_rows(trees: Mapping[str, Any]) -> Iterator[Row]:
    """How many neurons trees explain, and what the network does with trees in their place."""
    explained = trees["trees"]
    for layer, value in enumerate(explained):
        yield Row(f"neurons with a tree of R² ≥ 0.7: block {layer}", None, 100 * value, "% of neurons", "higher")
    best = max(range(len(explained)), key=explained.__getitem__)
    note = f"block {best}; published 913 of 2,048 in block 5, and 30 to 40 % in some blocks (its README)"
    yield Row("neurons with a tree: best block", 44.6, 100 * explained[best], "% of neurons", "higher", note=note)
    for name in ("shuffled features", "untrained network"):
        label = f"neurons with a tree: best block, {'scrambled weights' if name == 'untrained network' else name}"
        yield Row(label, None, 100 * max(trees[name]), "% of neurons", "higher")
    for rest, text in (("keep", "trees in place of these neurons"), ("ablate", "the same, all others at their means")):
        for replacement in ("trees", "random trees", "mean ablation"):
            name = {"trees": "", "random trees": ": random questions", "mean ablation": ": means instead"}[replacement]
            swapped = trees[rest]
            yield Row(f"{text}{name}: KL", None, swapped["kl"][replacement][-1], "nats", note="all blocks at once")
            legal = 100 * swapped["legal"][replacement][-1]
            yield Row(f"{text}{name}: legal", None, legal, "% of moves", "higher", note="most probable move")
    yield Row("no neuron replaced: legal", 99.98, 100 * trees["keep"]["legal"]["reference"][-1], "% of moves", "higher")
