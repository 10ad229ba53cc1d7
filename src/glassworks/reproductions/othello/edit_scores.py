"""Edits of the board that Othello-GPT keeps: chosen on some positions, scored on others, beside their controls.

Scores are mistakes a position (edits.py). They are of positions in which the change leaves other moves legal:
elsewhere no edit is asked for, and none is the best one. The scores over all positions stand beside them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello.edits import (
    Cases,
    Kind,
    LastToken,
    choose_cases,
    legal_squares,
    mistakes,
    rollout,
)
from glassworks.reproductions.othello.games import fresh
from glassworks.reproductions.othello.probe_edits import Control, Edit, Reader, choose_edit, edits_of, readers

STEPS_AHEAD = 10
PUBLISHED_EDITS = {"flip": (0.10, 2.72), "erase": (0.02, 2.73)}
PUBLISHED_OVERLAP = 94.0
"""Percent, of flips: an unreviewed report."""


def edit_part(
    model: GPT, weights: Mapping[str, Tensor], kind: Kind, size: int, seed: int, *, read: int, tuned: int, edited: int
) -> dict[str, Any]:
    """Choose an edit on `tuned` positions and score it, with its controls, on `edited` others.

    Args:
        model: whose stream is edited.
        weights: of the probe of each stream, in the streams' order.
        kind: what happens to a square.
        size: of the board.
        seed: of games, positions and controls.
        read: games that the streams' means are taken over.
        tuned: positions to choose on.
        edited: positions to score on, and as many again where those whose legal moves stay are not left out.
    """
    weights = {point: weight.to(model.embed.weight.device) for point, weight in weights.items()}
    of_streams = readers(model, weights, fresh(model, size, games=read, seed=seed))
    choosing, scoring, all_of = (
        choose_cases(fresh(model, size, games=2 * number, seed=seed, first=first), kind, number, seed, every=every)
        for number, first, every in ((tuned, 2**22, False), (edited, 2**23, False), (edited, 2**24, True))
    )
    edit, by_first = choose_edit(model, of_streams, choosing)
    return {
        "edit": asdict(edit),
        "tuned_by_first_stream": by_first,
        **score(model, of_streams, scoring, edit, seed),
        **score_all(model, of_streams, all_of, edit),
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
        for name, board, applied in (
            ("before", part.before, {}),
            ("unedited", part.after, {}),
            ("after", part.after, edits),
        ):
            logits = run.logits(applied)
            sums[f"mistakes {name}"] += int(mistakes(logits, old if name == "before" else new).sum())
            illegal, played = rollout(run, board, logits, steps=STEPS_AHEAD)
            sums[f"illegal {name}"] += illegal
            sums[f"moves {name}"] += played
    names = {"null": "mistakes unedited", "own": "mistakes before", "edited": "mistakes after"}
    names |= {control: control for control in controls}
    return {name: sums[of] / len(cases) for name, of in names.items()} | {
        f"rollout_{name}": sums[f"illegal {name}"] / sums[f"moves {name}"] for name in ("before", "unedited", "after")
    }


def score_all(model: GPT, of_streams: Mapping[str, Reader], cases: Cases, edit: Edit) -> dict[str, float]:
    """Mistakes where no position is left out, the share of these in which the change matters, and the overlap."""
    null = edited = 0
    for part in cases.chunks():
        run, new = LastToken(model, part), legal_squares(part.after, part.size)
        null += int(mistakes(run.logits({}), new).sum())
        edited += int(mistakes(run.logits(edits_of(edit, of_streams, part)), new).sum())
    return {
        "all_null": null / len(cases),
        "all_edited": edited / len(cases),
        "matters": float(cases.matters.float().mean()),
        "overlap": float(cases.overlap.mean()),
    }


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def edit_rows(kind: str, edits: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """Mistakes of the edited network beside every control."""
    scores, floor = edits[kind], edits[f"{kind}_scrambled"]
    edited, null = PUBLISHED_EDITS[kind]
    edit = scores["edit"]
    label = (
        f"{edit['how']}, x{edit['first'] + 1} to x{edit['last'] + 1}, size {edit['size']:g}; chosen on other positions"
    )
    unit = "mistakes"
    note = (
        f"{100 - 100 * scores['matters']:.0f} % of positions keep their legal moves and are left out, which raises it"
    )
    yield Row(f"{kind} a square: no edit (null)", null, scores["null"], unit, "same", note=note)
    yield Row(f"{kind} a square: edited", edited, scores["edited"], unit, note=label)
    ratio = scores["edited"] / max(scores["null"], 1e-9)
    note = "1/4 or less agrees"
    yield Row(f"{kind} a square: edited / null", edited / null, ratio, "ratio", "lower", 0.25 - edited / null, note)
    for name, value, note in (
        ("no edit (null), all positions", scores["all_null"], "none is left out"),
        ("edited, all positions", scores["all_edited"], "the same edit"),
        ("random direction", scores["random direction"], "as far, in every edited layer"),
        ("wrong layer", scores["wrong layer"], "as far, along the probe of the layer farthest from each"),
        ("scrambled weights", floor["edited"], f"its own probes and edit; its null is {floor['null']:.2f}"),
        ("no edit, own board", scores["own"], "what the network gets wrong anyway"),
    ):
        yield Row(f"{kind} a square: {name}", None, value, unit, note=note)
    note = "of legal moves, those that stay legal; all positions"
    published = PUBLISHED_OVERLAP if kind == "flip" else None
    yield Row(f"{kind} a square: overlap", published, 100 * scores["overlap"], "%", "same", note=note)
    for name, key, note in (
        ("before", "before", "published: 0 to 0.3, unreviewed"),
        ("on the changed board, no edit", "unedited", ""),
        ("after the edit", "after", "published: 6.8 to 20.4, unreviewed; only one token is edited"),
    ):
        label = f"{kind}: illegal moves in {STEPS_AHEAD} steps, {name}"
        yield Row(label, None, 100 * scores[f"rollout_{key}"], "% of moves", note=note)
