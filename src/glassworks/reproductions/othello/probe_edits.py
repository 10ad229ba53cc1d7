"""Edits along what probes read: the residual stream of the last token is moved until it says another board.

At each stream a probe has, for every square, one direction a state. An edit moves along the unit vector d from the
state that is there to the state that is wanted. How far is told in the stream's own terms: along d, positions that have
the wanted state lie `gap` further than those that have the present one, on average, and `middle` is halfway.

    "add"  x + size · gap · d                         (Nanda, Lee and Wattenberg 2023, section 4.1)
    "set"  x + (middle + size · gap / 2 - x·d) · d    the same, wherever x was; over several layers it does not add up
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.interpret.access.hooks import capture
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.othello.edits import Cases, LastToken, legal_squares, mistakes
from glassworks.reproductions.othello.games import BATCH, Played

Control = Literal["random direction", "wrong layer"]
SIZES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


@dataclass(frozen=True)
class Edit:
    """Which streams are edited, and how."""

    how: Literal["add", "set"]
    first: int
    """Of the streams that are edited, as an index among those that have readers."""
    last: int
    size: float


@dataclass(frozen=True, eq=False)
class Reader:
    """What a stream's probe reads, and what the stream is like on average."""

    weight: Float[Tensor, "S 3 C"]
    mean: Float[Tensor, "S 3 C"]
    """Of the positions in which a square has a state; 0 if there are none."""


def readers(model: GPT, weights: Mapping[str, Float[Tensor, "S 3 C"]], played: Played) -> dict[str, Reader]:
    """The readers of the streams whose probes' weights are given, the means taken over some games."""
    points = list(weights)
    S, C = played.size**2, weights[points[0]].size(2)
    sums = torch.zeros(len(points), 3 * S, C, device=played.inputs.device)
    counts = torch.zeros(3 * S, device=played.inputs.device)
    for step in range(played.steps):
        inputs, keep = played.batch(step)
        board = played.board[step * BATCH : (step + 1) * BATCH]
        states = F.one_hot(board[keep].long(), 3).flatten(1).float()
        counts += states.sum(0)
        with torch.no_grad(), capture(model, points) as seen:
            model(inputs)
        sums += torch.stack([states.T @ seen[point][keep].float() for point in points])
    means = torch.unflatten(sums / counts.clamp(min=1)[:, None], 1, (S, 3))
    return {point: Reader(weights[point], mean) for point, mean in zip(points, means, strict=True)}


@dataclass(frozen=True, eq=False)
class Way:
    """Where one stream is moved, for each case."""

    direction: Float[Tensor, "N C"]
    middle: Float[Tensor, " N"]
    gap: Float[Tensor, " N"]


def way(reader: Reader, cases: Cases) -> Way:
    """From the state that each case's square has to the one that is wanted."""
    square, rows = cases.square, torch.arange(len(cases), device=cases.square.device)
    present, wanted = cases.before[rows, square].long(), cases.after[rows, square].long()
    direction = F.normalize(reader.weight[square, wanted] - reader.weight[square, present], dim=1)
    here, there = ((reader.mean[square, state] * direction).sum(1) for state in (present, wanted))
    return Way(direction, (here + there) / 2, there - here)


def edits_of(
    edit: Edit, of_streams: Mapping[str, Reader], cases: Cases, *, control: Control | None = None, seed: int = 0
) -> dict[str, Callable[[Tensor], Tensor]]:
    """An edit of some cases as `patch` takes it.

    Controls move every stream just as far: along a random direction, or along the direction that the probe of another
    stream reads, the one farthest from it.

    Raises: ValueError for a wrong layer where there is one stream only.
    """
    points = list(of_streams)
    if control == "wrong layer" and len(points) < 2:
        raise ValueError(f"of_streams (={points}) has no other layer to edit along: give two streams or more")
    edits: dict[str, Callable[[Tensor], Tensor]] = {}
    for at in range(edit.first, edit.last + 1):
        target = way(of_streams[points[at]], cases)
        along = target.direction
        if control == "random direction":
            generator = torch.Generator().manual_seed(seed + at)
            along = F.normalize(torch.randn(along.shape, generator=generator), dim=1).to(along)
        elif control == "wrong layer":
            far = max(range(len(points)), key=lambda other: abs(other - at))
            along = way(of_streams[points[far]], cases).direction
        edits[points[at]] = mover(edit, target, along)
    return edits


def mover(edit: Edit, target: Way, along: Float[Tensor, "N C"]) -> Callable[[Tensor], Tensor]:
    """The edit of one stream."""

    def move(x: Tensor) -> Tensor:
        if edit.how == "add":
            far = edit.size * target.gap
        else:
            far = target.middle + edit.size * target.gap / 2 - (x[:, 0] * target.direction).sum(1)
        return x + (far[:, None] * along)[:, None]

    return move


# ----------------------------------------------------------------------------------------------------------------------
# Choosing


def candidates(streams: int) -> Iterator[Edit]:
    """All edits that are tried: from any stream on, up to it, up to the last, or up to the last but one."""
    for how in ("add", "set"):
        for first in range(streams):
            for last in sorted({first, max(first, streams - 2), streams - 1}):
                for size in SIZES:
                    yield Edit(how, first, last, size)


def choose_edit(model: GPT, of_streams: Mapping[str, Reader], cases: Cases) -> tuple[Edit, list[float]]:
    """The edit that leaves the fewest mistakes on these positions, and the fewest for each first stream.

    It is chosen for them: score it on others.
    """
    tried = list(candidates(len(of_streams)))
    runs = [LastToken(model, part) for part in cases.chunks()]
    remaining = torch.zeros(len(tried))
    for run in runs:
        legal = legal_squares(run.cases.after, cases.size)
        for i, edit in enumerate(tried):
            remaining[i] += mistakes(run.logits(edits_of(edit, of_streams, run.cases)), legal).sum().cpu()
    remaining /= len(cases)
    by_first = [
        min(remaining[i].item() for i, edit in enumerate(tried) if edit.first == at) for at in range(len(of_streams))
    ]
    return tried[int(remaining.argmin())], by_first
