"""Othello-GPT's world model: is there a board in the residual stream, from whose view, and does the network use it?

Probes read every square at every layer, once as {empty, mine, yours} of the player to move and once as {empty, black,
white}. Edits then change one square in the stream of the last token, along what the probe of that layer reads, and the
network's moves are compared with the legal moves of the changed board.

Sources: Li et al. 2023 (arXiv 2210.13382); Nanda, Lee and Wattenberg 2023 (arXiv 2309.00941). Their board is 8×8.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from glassworks.core.files import atomic_file
from glassworks.interpret.probes import Probes, fit_probes
from glassworks.interpret.stream import IGNORE, stream
from glassworks.models.gpt import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello_edits import (
    Cases,
    Kind,
    LastToken,
    choose_cases,
    legal_squares,
    mistakes,
    rollout,
)
from glassworks.reproductions.othello_games import BATCH, Played, fresh, kept, scrambled
from glassworks.reproductions.othello_probe_edits import Control, Edit, Reader, choose_edit, edits_of, readers

MINE_BY_LAYER = (90.9, 94.8, 97.2, 98.3, 99.0, 99.4, 99.6, 99.5)
COLOUR_BY_LAYER = (62.2, 74.8, 74.9, 75.0, 75.0, 74.9, 74.8, 74.4)
STEPS_AHEAD = 10


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
        model: a GPT trained on games as data/othello.py writes them.
        size: of the board.
        seed: of the games and of the controls.
        quick: look at a fifth of the games.
        folder: where parts are kept.
    """
    amount = QUICK if quick else Amount()
    kinds: tuple[Kind, ...] = ("flip", "erase")
    nets = {"": model, "_scrambled": scrambled(model, seed)}
    found = kept(folder / "probes.json", lambda: probe_part(nets, size, amount, seed, folder))
    edits = {
        f"{kind}{name}": kept(
            folder / f"{kind}{name}.json",
            functools.partial(
                edit_part, nets[name], load_file(folder / f"probes{name}.safetensors"), kind, size, amount, seed
            ),
        )
        for kind in kinds
        for name in nets
    }
    return [*probe_rows(found), *(row for kind in kinds for row in edit_rows(kind, edits))]


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
        some = slice(step * BATCH, (step + 1) * BATCH)
        parts = [played.board[some], played.colours[some]] if colours else [played.board[some]]
        labels = torch.cat(parts, -1).long().masked_fill(~played.present[some][..., None], IGNORE)
        return played.inputs[some], labels.roll(other, 0)

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
        weights = {point: probes.weight(point)[:S].contiguous() for point in points[1:]}  # x0 holds a move, no board
        with atomic_file(folder / f"probes{name}.safetensors") as temporary:
            save_file(weights, temporary)
    right = judge(both, model, judged, colours=True)
    found = {"mine": right[..., :S], "colour": right[..., S:]}
    found |= {"scrambled": judge(floor, nets["_scrambled"], judged), "shuffled": judge(shuffled, model, judged)}
    common = both.common[:S] == judged.board[judged.present]  # (M, S)
    return {
        "points": len(points),
        "games": amount.fitted,
        "judged": amount.judged,
        "majority": 100 * float(common.float().mean()),
        **{name: summary(values) for name, values in found.items()},
    }


def judge(probes: Probes, model: GPT, played: Played, *, colours: bool = False) -> Tensor:
    """(points, games, targets): the share of each game's positions at which a target is named right."""
    found = torch.zeros(len(probes.points), len(played), probes.targets)
    count = played.present.sum(1).cpu()
    for rows in stream(model, labels_of(played, colours=colours), probes.points, steps=played.steps):
        for i, point in enumerate(probes.points):
            right = (probes.predict(point, rows.values[point]) == rows.labels).float().cpu()
            found[i].index_add_(0, rows.example.cpu(), right)
    return found / count[:, None]


def summary(right: Tensor) -> dict[str, list[float]]:
    """Percent by stream, its standard error (games are the units), and that of the worst square."""
    games = right.mean(-1)  # (points, games)
    return {
        "accuracy": (100 * games.mean(1)).tolist(),
        "error": (100 * games.std(1) / games.size(1) ** 0.5).tolist(),
        "worst": (100 * right.mean(1).amin(1)).tolist(),
    }


# ----------------------------------------------------------------------------------------------------------------------
# Edits


def edit_part(
    model: GPT, weights: Mapping[str, Tensor], kind: Kind, size: int, amount: Amount, seed: int
) -> dict[str, Any]:
    """Choose an edit on some positions and score it, with its controls, on others."""
    weights = {point: weights[point].to(model.embed.weight.device) for point in streams(model)[1:]}
    of_streams = readers(model, weights, fresh(model, size, games=min(500, amount.fitted), seed=seed))
    tuned, edited = (
        choose_cases(fresh(model, size, games=2 * number, seed=seed, first=first), kind, number, seed)
        for number, first in ((amount.tuned, 2**22), (amount.edited, 2**23))
    )
    edit, by_first = choose_edit(model, of_streams, tuned)
    return {
        "edit": asdict(edit),
        "tuned_by_first_stream": by_first,
        "overlap": float(edited.overlap.mean()),
        **score(model, of_streams, edited, edit, seed),
    }


def score(model: GPT, of_streams: Mapping[str, Reader], cases: Cases, edit: Edit, seed: int) -> dict[str, float]:
    """Mistakes a position, and the share of illegal moves when the model plays on, with an edit and without."""
    controls: tuple[Control, ...] = ("random direction", "wrong layer")
    sums: Counter[str] = Counter()
    for part in cases.chunks():
        run = LastToken(model, part, ahead=STEPS_AHEAD)
        new, old = legal_squares(part.after, part.size), legal_squares(part.before, part.size)
        for control in controls:
            moved = run.logits(edits_of(edit, of_streams, part, control=control, seed=seed))
            sums[control] += int(mistakes(moved, new).sum())
        edits = edits_of(edit, of_streams, part)
        for name, board, some in (
            ("before", part.before, {}),
            ("unedited", part.after, {}),
            ("after", part.after, edits),
        ):
            logits = run.logits(some)
            sums[f"mistakes {name}"] += int(mistakes(logits, old if name == "before" else new).sum())
            illegal, made = rollout(run, board, logits, steps=STEPS_AHEAD)
            sums[f"illegal {name}"] += illegal
            sums[f"moves {name}"] += made
    names = {"null": "mistakes unedited", "own": "mistakes before", "edited": "mistakes after"}
    names |= {control: control for control in controls}
    return {name: sums[of] / len(cases) for name, of in names.items()} | {
        f"rollout_{name}": sums[f"illegal {name}"] / sums[f"moves {name}"] for name in ("before", "unedited", "after")
    }


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def probe_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Accuracies by layer of both labellings, then the targets and the controls."""
    mine, colour = (found[name]["accuracy"] for name in ("mine", "colour"))
    for x in range(found["points"]):
        published = MINE_BY_LAYER[x - 1] if 1 <= x <= len(MINE_BY_LAYER) else None
        note = f"± {found['mine']['error'][x]:.2f}; worst square {found['mine']['worst'][x]:.1f}"
        note += f"; published as x{x - 1}" if published else "; before any block: it holds the last move"
        yield Row(f"probe {{mine, yours, empty}}, x{x}", published, mine[x], "%", "higher", note=note)
    for x in range(found["points"]):
        published = COLOUR_BY_LAYER[x] if x < len(COLOUR_BY_LAYER) else None
        note = f"± {found['colour']['error'][x]:.2f}"
        yield Row(f"probe {{black, white, empty}}, x{x}", published, colour[x], "%", "same", note=note)
    best = max(range(len(mine)), key=mine.__getitem__)
    note = f"x{best}; {found['games']:,} games; 97 or more agrees"
    yield Row("mine/yours probe, best layer", 99.6, mine[best], "%", "higher", 2.6, note)
    note = f"x{best}; 10 or more agrees"
    yield Row("mine/yours above colours there", 24.7, mine[best] - colour[best], "points", "higher", 14.7, note)
    for name, published, note in (
        ("scrambled", 37.0, "published: a random net, 34 to 37; ours has the trained weights in random order"),
        ("shuffled", None, "labels of another game at the same plies"),
    ):
        at = max(range(len(mine)), key=found[name]["accuracy"].__getitem__)
        text = "scrambled weights" if name == "scrambled" else "shuffled labels"
        value = found[name]["accuracy"][at]
        yield Row(f"mine/yours probe, {text}", published, value, "%", "same", note=f"best layer, x{at}; {note}")
    yield Row("each square's commonest state", 61.8, found["majority"], "%", "same", note="no network at all")


PUBLISHED_EDITS = {"flip": (0.10, 2.72), "erase": (0.02, 2.73)}


def edit_rows(kind: str, edits: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """Mistakes of the edited network beside every control."""
    found, floor = edits[kind], edits[f"{kind}_scrambled"]
    edited, null = PUBLISHED_EDITS[kind]
    edit = found["edit"]
    what = (
        f"{edit['how']}, x{edit['first'] + 1} to x{edit['last'] + 1}, size {edit['size']:g}; chosen on other positions"
    )
    unit = "mistakes"
    yield Row(
        f"{kind} a square: no edit (null)", null, found["null"], unit, "same", note="of the changed board's moves"
    )
    yield Row(f"{kind} a square: edited", edited, found["edited"], unit, note=what)
    ratio = found["edited"] / max(found["null"], 1e-9)
    note = "1/4 or less agrees"
    yield Row(f"{kind} a square: edited / null", edited / null, ratio, "ratio", "lower", 0.25 - edited / null, note)
    for name, value, note in (
        ("random direction", found["random direction"], "as far, in every edited layer"),
        ("wrong layer", found["wrong layer"], "as far, along another layer's probe"),
        ("scrambled weights", floor["edited"], f"its own probes and edit; its null is {floor['null']:.2f}"),
        ("no edit, own board", found["own"], "what the network gets wrong anyway"),
    ):
        yield Row(f"{kind} a square: {name}", None, value, unit, note=note)
    note = "of legal moves, the unchanged board's with the changed one's"
    published = 94.0 if kind == "flip" else None
    yield Row(f"{kind} a square: overlap", published, 100 * found["overlap"], "%", "same", note=note)
    for name, key, note in (
        ("before", "before", "published: 0 to 0.3, unreviewed"),
        ("on the changed board, no edit", "unedited", ""),
        ("after the edit", "after", "published: 6.8 to 20.4, unreviewed; only one token is edited"),
    ):
        what = f"{kind}: illegal moves in {STEPS_AHEAD} steps, {name}"
        yield Row(what, None, 100 * found[f"rollout_{key}"], "% of moves", note=note)
