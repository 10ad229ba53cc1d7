"""A network that plays Othello: what it plays, the board that probes read in it, edits of that board, its neurons."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from glassworks.data.games.othello import PADDING, Replay, replay, tokens_of
from glassworks.interpret.access.hooks import capture
from glassworks.models.modes import evaluating
from glassworks.reproductions.othello.edits import Cases, LastToken, legal_squares, mistakes
from glassworks.reproductions.othello.lines import EMPTY, lines, middle
from glassworks.reproductions.othello.probe_edits import Edit, edits_of
from glassworks.studio.networks.boards import LOOKED_AT, Neurons, Table, opened
from glassworks.studio.studio import Studio


def network(studio: Studio, run: str) -> dict[str, Any]:
    """A run's network: its board, how well probes read it by layer, the edits it chose, its neurons with lines."""
    table = opened(studio, run)
    scores, patterns = table.part("world/probes"), table.part("heuristics/patterns_trained")
    config, names = table.opened.model.config, lines(table.size).names
    return {
        "run": run,
        "size": table.size,
        "layers": config.n_layer,
        "width": config.width_of_mlp,
        "parameters": table.opened.model.num_params(),
        "plies": config.n_ctx,
        "games": len(table.opened.data),
        "kept": table.kept is not None,
        "accuracy": {
            "trained": scores["mine"]["accuracy"][1:],
            "scrambled": scores["scrambled"]["accuracy"][1:],
            "majority": scores["majority"],
        }
        if scores
        else None,
        "edits": {kind: asdict(table.edit(kind)) for kind in ("flip", "erase")},
        "scores": {
            kind: {name: found.get(name) for name in ("null", "edited", "random direction")}
            for kind in ("flip", "erase")
            if (found := table.part(f"world/{kind}"))
        },
        "neurons": [
            {"layer": layer, "neuron": neuron, "lines": [names[line] for line in of]}
            for layer, neuron, of in patterns.get("neurons", [])
        ],
    }


def game(studio: Studio, run: str, number: int) -> list[int]:
    """The moves of a game that training did not read."""
    games = opened(studio, run).opened.data
    if not isinstance(number, int) or not 0 <= number < len(games):
        raise ValueError(f"number (={number}) must be below {len(games)}, the games there are")
    return [move for move in games[number].tolist() if move != PADDING]


def position(studio: Studio, run: str, moves: Sequence[Any]) -> dict[str, Any]:
    """The position after some moves: the board, what may be played, what the network plays, what probes read by layer.

    Boards are 0 empty, 1 mine, 2 yours, of whoever moves; `colours` 0 empty, 1 black, 2 white. Moves are the squares
    row by row, the pass behind them. `says` (layers, squares, 3) is the probability of each state by that layer's
    probe.
    """
    table = opened(studio, run)
    model, played = table.opened.model, replayed(table, moves)
    inputs, _ = tokens_of(played.moves, table.size, len(moves) + 1)
    legal = played.legal[0, -1]
    probes = table.probes
    with studio.computing(), evaluating(model), torch.no_grad(), capture(model, table.points) as seen:
        chances = model(inputs)[0, -1].float().softmax(-1)
        says = torch.stack([probes(point, seen[point][0, -1]).softmax(-1) for point in table.points])
    return {
        "ply": len(moves),
        "black": bool(played.black_moves[0, -1]),
        "board": played.board[0, -1],
        "colours": played.colours[0, -1],
        "legal": legal,
        "over": not bool(legal.any()),
        "chances": chances[: len(legal)],
        "illegal": float(chances.sum() - chances[: len(legal)][legal].sum()),
        "says": says,
    }


def edit(
    studio: Studio,
    run: str,
    moves: Sequence[Any],
    square: int,
    state: int,
    how: str = "set",
    first: int = 0,
    last: int = 0,
    strength: int | float = 1.0,
) -> dict[str, Any]:
    """What the network plays where its stream is edited so that a square is read otherwise, beside two controls.

    `chances` (3, moves) are without an edit, with it, and with one of the same length along random directions; `right`
    are the legal moves of the changed board, and `mistakes` those among the network's as many likeliest moves
    (Li et al. 2023), `moved` how far each stream was moved.
    """
    table = opened(studio, run)
    cases = with_change(table, moves, square, state)
    chosen = checked(table, how, first, last, strength)
    legal, far = legal_squares(cases.after, table.size), dict[str, float]()
    readers = table.readers
    with studio.computing():
        runner = LastToken(table.opened.model, cases)
        edits = edits_of(chosen, readers, cases)
        found = [
            runner.logits({}),
            runner.logits({point: measured(move, far, point) for point, move in edits.items()}),
            runner.logits({point: at_random(far, point, table.seed + i) for i, point in enumerate(edits)}),
        ]
    return {
        "chances": torch.cat([logits.float().softmax(-1)[:, : legal.size(1) + 1] for logits in found]),
        "mistakes": [int(mistakes(logits, legal)) if legal.any() else None for logits in found],
        "right": legal[0],
        "before": legal_squares(cases.before, table.size)[0],
        "moved": list(far.values()),
    }


def neuron(studio: Studio, run: str, layer: int, neuron: int, moves: Sequence[Any]) -> dict[str, Any]:
    """A neuron: by which squares' states it fires, which moves it raises, and how it fires in this position."""
    table = opened(studio, run)
    model = table.opened.model
    for name, value, most in (("layer", layer, model.config.n_layer), ("neuron", neuron, model.config.width_of_mlp)):
        if not isinstance(value, int) or not 0 <= value < most:
            raise ValueError(f"{name} (={value}) must be from 0 to {most - 1}")
    inputs, _ = tokens_of(replayed(table, moves).moves, table.size, len(moves) + 1)
    point = f"blocks.{layer}.mlp.post"
    known = Neurons(table, layer)
    told, over_games = known.rules(neuron), known.seen[:, neuron]
    with studio.computing(), evaluating(model), torch.no_grad(), capture(model, point) as seen:
        model(inputs)
    return {
        "value": float(seen[point][0, -1, neuron]),
        "mean": float(over_games.mean()),
        "highest": float(over_games.max()),
        "states": known.by_state[neuron],
        "writes": known.writes[neuron, : table.size**2],
        "games": LOOKED_AT,
        **told,
    }


# ----------------------------------------------------------------------------------------------------------------------


def replayed(table: Table, moves: Sequence[Any]) -> Replay:
    """The game so far, and one ply more that is not played; ValueError for moves that are none or not legal."""
    most = table.opened.model.config.n_ctx - 1
    if len(moves) > most:
        raise ValueError(f"moves ({len(moves)}) are more than the {most} that this network reads: take some back")
    if not all(type(move) is int and 0 <= move <= table.size**2 for move in moves):
        raise ValueError(f"moves must be whole numbers from 0 to {table.size**2}, the pass")
    row: UInt8[Tensor, "1 plies"] = torch.tensor([[*moves, PADDING]], dtype=torch.uint8)
    return replay(row, table.size)


def with_change(table: Table, moves: Sequence[Any], square: int, state: int) -> Cases:
    """The position with one square in another state; ValueError for what is no change, or one that no game shows."""
    squares = table.size**2
    if not moves:
        raise ValueError("edit a position with at least one move: before it the network has read nothing")
    if not isinstance(square, int) or not 0 <= square < squares or state not in (0, 1, 2):
        raise ValueError(f"square (={square}) must be below {squares}, and state (={state}) 0 empty, 1 mine or 2 yours")
    played = replayed(table, moves)
    before = played.board[:, -1]
    if int(before[0, square]) == state:
        raise ValueError("the square is in that state already: choose another one")
    if state == EMPTY and square in middle(table.size):
        raise ValueError("the four squares in the middle are never empty, so no probe knows them so: choose another")
    after = before.clone()
    after[0, square] = state
    inputs, _ = tokens_of(played.moves, table.size, len(moves) + 1)
    return Cases(table.size, inputs, torch.zeros(1, dtype=torch.int64), before, after)


def checked(table: Table, how: str, first: int, last: int, strength: int | float) -> Edit:
    """The edit, if it is one."""
    layers = len(table.points)
    if how not in ("add", "set") or not 0 <= first <= last < layers or not 0 <= strength <= 100:
        raise ValueError(f"an edit goes from a layer to a later one of {layers}, with a strength from 0 to 100")
    return Edit(how, int(first), int(last), float(strength))  # type: ignore[arg-type]


def measured(move: Callable[[Tensor], Tensor], far: dict[str, float], point: str) -> Callable[[Tensor], Tensor]:
    """The same edit, which notes how far it moved the stream."""

    def moving(x: Tensor) -> Tensor:
        to = move(x)
        far[point] = float((to - x).norm())
        return to

    return moving


def at_random(far: dict[str, float], point: str, seed: int) -> Callable[[Tensor], Tensor]:
    """An edit that moves a stream as far as another one did, in a direction drawn at random."""

    def moving(x: Tensor) -> Tensor:
        drawn = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
        return x + far[point] * F.normalize(drawn, dim=-1)

    return moving
