"""Othello-GPT's world model: is there a board in the residual stream, from whose view, and does the network use it?

Probes read every square at every layer, once as {empty, mine, yours} of the player to move and once as {empty, black,
white}. Edits then change one square in the stream of the last token, along what the probe of that layer reads, and the
network's moves are compared with the legal moves of the changed board.

Sources: Li et al. 2023 (arXiv 2210.13382); Nanda, Lee and Wattenberg 2023 (arXiv 2309.00941). Their board is 8×8.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from glassworks.core.files import atomic_file
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.access.stream import IGNORE, stream
from glassworks.interpret.probing.probes import fit_probes
from glassworks.interpret.probing.readers import Probes
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello.edit_scores import edit_part, edit_rows
from glassworks.reproductions.othello.edits import Kind
from glassworks.reproductions.othello.games import BATCH, Played, cached, fresh, scrambled

MINE_BY_LAYER = {1: 90.9, 2: 94.8, 3: 97.2, 4: 98.3, 5: 99.0, 6: 99.4, 7: 99.6, 8: 99.5}
"""By stream as `streams` counts them. The paper's row begins with "x0", but no probe reads 90.9 % from an embedding,
which holds one move: it begins after the first block."""
COLOUR_BY_LAYER = {0: 62.2, 1: 74.8, 2: 74.9, 3: 75.0, 4: 75.0, 5: 74.9, 6: 74.8, 7: 74.4}
"""This row, too, begins with "x0", and does so before the first block: 62.2 % is 0.4 above each square's commonest
state, what an embedding gives, and the next figure is what one block gives."""


@dataclass(frozen=True)
class Amount:
    """How many games and positions each part looks at."""

    fitted: int = 1500
    """Games that probes are fitted to; those of a control are fitted to half as many."""
    judged: int = 500
    tuned: int = 250
    """Positions that an edit's layers and size are chosen on."""
    edited: int = 1000
    """Others that it is scored on."""


QUICK = Amount(fitted=300, judged=200, tuned=100, edited=300)


def rows(model: GPT, *, size: int, seed: int, quick: bool, folder: Path) -> list[Row]:
    """The world model's rows; each finished part is kept in `folder`, and not measured again.

    Args:
        model: a GPT trained on games as data/games/othello.py writes them.
        size: of the board.
        seed: of the games and of the controls.
        quick: look at a fifth of the games.
        folder: where parts are kept.
    """
    amount = QUICK if quick else Amount()
    kinds: tuple[Kind, ...] = ("flip", "erase")
    nets = {"": model, "_scrambled": scrambled(model, seed)}
    probes = cached(folder / "probes.json", lambda: probe_part(nets, size, amount, seed, folder))
    read = min(500, amount.fitted)
    settings = {"size": size, "seed": seed, "read": read, "tuned": amount.tuned, "edited": amount.edited}
    edits = {
        f"{kind}{name}": cached(
            folder / f"{kind}{name}.json",
            functools.partial(edit_part, net, probe_weights(folder, name, net), kind, **settings),
        )
        for kind in kinds
        for name, net in nets.items()
    }
    return [*probe_rows(probes), *(row for kind in kinds for row in edit_rows(kind, edits))]


# ----------------------------------------------------------------------------------------------------------------------
# Probes


def streams(model: GPT) -> list[str]:
    """The residual stream x0, as it enters the first block, and x1, x2, ... after each block."""
    return ["blocks.0.resid_pre", *(f"blocks.{layer}.resid_post" for layer in range(model.config.n_layer))]


def labels_of(played: Played, *, colours: bool = False, other: int = 0) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Batches of inputs with the states of all squares as labels, followed by the colours if asked for.

    The labels are those of the game `other` places on: with 0 the right ones.
    """

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rows = slice(step * BATCH, (step + 1) * BATCH)
        parts = [played.board[rows], played.colours[rows]] if colours else [played.board[rows]]
        labels = torch.cat(parts, -1).long().masked_fill(~played.present[rows][..., None], IGNORE)
        return played.inputs[rows], labels.roll(other, 0)

    return batch


def probe_part(nets: Mapping[str, GPT], size: int, amount: Amount, seed: int, folder: Path) -> dict[str, Any]:
    """Fit, judge and keep probes of all streams; accuracies in percent, by row and stream, with standard errors."""
    model = nets[""]
    points = streams(model)
    played = fresh(model, size, games=amount.fitted, seed=seed)
    judged = fresh(model, size, games=amount.judged, seed=seed, first=2**21)
    half = fresh(model, size, games=max(BATCH, amount.fitted // 2), seed=seed)
    both = fit_probes(model, labels_of(played, colours=True), points, steps=played.steps, classes=3)
    floor = fit_probes(nets["_scrambled"], labels_of(half), points, steps=half.steps, classes=3)
    shuffled = fit_probes(model, labels_of(half, other=1), points, steps=half.steps, classes=3)
    S = size * size
    for name, probes in (("", both), ("_scrambled", floor)):
        kept = {point: probes.weight(point)[:S].contiguous() for point in points[1:]}  # x0 holds a move, no board
        kept |= {f"{point}:bias": probes.bias(point)[:S].contiguous() for point in points[1:]}
        with atomic_file(folder / f"probes{name}.safetensors") as temporary:
            save_file(kept, temporary)
    right = judge(both, model, judged, colours=True)
    correct = {"mine": right[..., :S], "colour": right[..., S:]}
    correct |= {"scrambled": judge(floor, nets["_scrambled"], judged), "shuffled": judge(shuffled, model, judged)}
    common = both.common[:S] == judged.board[judged.present]  # (M, S)
    best = int(correct["mine"].mean((1, 2)).argmax())
    return {
        "points": len(points),
        "games": amount.fitted,
        "judged": amount.judged,
        "majority": 100 * float(common.float().mean()),
        **{name: summary(values) for name, values in correct.items()},
        "examples": {"layer": best, "positions": examples(model, both, judged, points[best])},
    }


def examples(model: GPT, probes: Probes, judged: Played, point: str) -> list[dict[str, Any]]:
    """A few positions of games that no probe was fitted to: the board, what is read of it at a point, and the moves.

    Each has the state of every square (0 empty, 1 mine, 2 yours), the same as read, which moves are legal and how
    probable the network thinks each, the pass last.
    """
    positions = []
    for game, share in zip(range(len(judged)), (0.2, 0.4, 0.6, 0.8), strict=False):
        ply = int(share * int(judged.present[game].sum()))
        with torch.no_grad(), capture(model, point) as captured:
            chances = model(judged.inputs[game : game + 1])[0, ply].float().softmax(-1)
        read = probes.predict(point, captured[point][0, ply].float())[: judged.size**2]
        position = {"board": judged.board[game, ply], "read": read, "legal": judged.legal[game, ply].int()}
        listed = {name: numbers.tolist() for name, numbers in position.items()}
        positions.append({"ply": ply, **listed, "chance": chances[: len(listed["legal"])].tolist()})
    return positions


def probe_weights(folder: Path, name: str, model: GPT) -> dict[str, Tensor]:
    """The weights that `probe_part` kept, in the streams' order."""
    weights = load_file(folder / f"probes{name}.safetensors")
    return {point: weights[point] for point in streams(model)[1:]}


def kept_probes(folder: Path, model: GPT) -> Probes | None:
    """The probes of {mine, yours, empty} that `probe_part` kept; None where there are none, or weights alone.

    Earlier versions kept no biases.
    """
    path = folder / "probes.safetensors"
    kept = load_file(path) if path.is_file() else {}
    points = streams(model)[1:]
    if not all(f"{point}:bias" in kept for point in points):
        return None
    squares, states, width = kept[points[0]].shape
    probes = Probes(dict.fromkeys(points, width), squares, states)
    with torch.no_grad():
        for point in points:
            probes.linear(point).weight.copy_(kept[point].flatten(0, 1))
            probes.linear(point).bias.copy_(kept[f"{point}:bias"].flatten())
    return probes


def judge(probes: Probes, model: GPT, played: Played, *, colours: bool = False) -> Tensor:
    """(points, games, targets): the share of each game's positions at which a target is named right."""
    shares = torch.zeros(len(probes.points), len(played), probes.targets)
    count = played.present.sum(1).cpu()
    for rows in stream(model, labels_of(played, colours=colours), probes.points, steps=played.steps):
        for i, point in enumerate(probes.points):
            right = (probes.predict(point, rows.values[point]) == rows.labels).float().cpu()
            shares[i].index_add_(0, rows.example.cpu(), right)
    return shares / count[:, None]


def summary(right: Tensor) -> dict[str, list[float]]:
    """Percent by stream, its standard error (games are the units), and that of the worst square."""
    games = right.mean(-1)  # (points, games)
    return {
        "accuracy": (100 * games.mean(1)).tolist(),
        "error": (100 * games.std(1) / games.size(1) ** 0.5).tolist(),
        "worst": (100 * right.mean(1).amin(1)).tolist(),
    }


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def probe_rows(scores: Mapping[str, Any]) -> Iterator[Row]:
    """Accuracies by layer of both labellings, then the targets and the controls."""
    mine, colour = (scores[name]["accuracy"] for name in ("mine", "colour"))
    for x in range(scores["points"]):
        note = f"± {scores['mine']['error'][x]:.2f}; worst square {scores['mine']['worst'][x]:.1f}"
        note += f"; published as x{x - 1}" if x in MINE_BY_LAYER else "; before any block: it holds the last move"
        yield Row(f"probe {{mine, yours, empty}}, x{x}", MINE_BY_LAYER.get(x), mine[x], "%", "higher", note=note)
    for x in range(scores["points"]):
        note = f"± {scores['colour']['error'][x]:.2f}" + (f"; published as x{x}" if x in COLOUR_BY_LAYER else "")
        yield Row(f"probe {{black, white, empty}}, x{x}", COLOUR_BY_LAYER.get(x), colour[x], "%", "same", note=note)
    theirs = max(COLOUR_BY_LAYER, key=lambda x: MINE_BY_LAYER.get(x, 0.0))
    above = MINE_BY_LAYER[theirs] - COLOUR_BY_LAYER[theirs]
    best = max(range(len(mine)), key=mine.__getitem__)
    note = f"x{best}; {scores['games']:,} games; 97 or more agrees"
    top = max(MINE_BY_LAYER.values())
    yield Row("mine/yours probe, best layer", top, mine[best], "%", "higher", top - 97, note)
    note = f"x{best}; 10 or more agrees"
    more = mine[best] - colour[best]
    yield Row("mine/yours above colours there", above, more, "points", "higher", above - 10, note)
    for name, published, note in (
        ("scrambled", 37.0, "published: a random net, 34 to 37; ours has the trained weights in random order"),
        ("shuffled", None, "labels of another game at the same plies"),
    ):
        at = max(range(len(mine)), key=scores[name]["accuracy"].__getitem__)
        text = "scrambled weights" if name == "scrambled" else "shuffled labels"
        value = scores[name]["accuracy"][at]
        yield Row(f"mine/yours probe, {text}", published, value, "%", "same", note=f"best layer, x{at}; {note}")
    yield Row("each square's commonest state", 61.8, scores["majority"], "%", "same", note="no network at all")
