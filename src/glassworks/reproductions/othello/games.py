"""What the Othello reproductions share: fresh games with all that is known of them, a control, parts that are kept."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int8, Int64
from torch import Tensor

from glassworks.core.files import read_sealed_json, write_sealed_json
from glassworks.core.progress import say, seconds
from glassworks.data.games.bitboards import planes
from glassworks.data.games.othello import play, replay, tokens_of
from glassworks.interpret.access.hooks import capture
from glassworks.models.gpt.model import GPT

FRESH = 2**40
"""Games are counted from here: training, which counts from 0, does not reach them."""
BATCH = 100


@dataclass(frozen=True, eq=False)
class Played:
    """Games as a model reads them: position t stands before the move of ply t. Letters: N games, T plies, S squares."""

    size: int
    inputs: Int64[Tensor, "N T"]
    board: Int8[Tensor, "N T S"]
    """0 empty, 1 mine, 2 yours, of the player to move."""
    colours: Int8[Tensor, "N T S"]
    """0 empty, 1 black, 2 white."""
    turned: Bool[Tensor, "N T S"]
    """The squares that the move before turned over."""
    legal: Bool[Tensor, "N T moves"]
    """The last is the pass."""
    present: Bool[Tensor, "N T"]
    """Whether the game was still going on."""

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, step: int) -> tuple[Int64[Tensor, "B T"], Bool[Tensor, "B T"]]:
        """Inputs, and the positions that count."""
        rows = slice(step * BATCH, (step + 1) * BATCH)
        return self.inputs[rows], self.present[rows]

    @property
    def steps(self) -> int:
        """How many batches there are."""
        return -(-len(self) // BATCH)


def fresh(model: GPT, size: int, *, games: int, seed: int, first: int = 0) -> Played:
    """Random games that no training has seen, from number `first` of the fresh ones on, on the model's device."""
    moves = play(games, size, seed, first=FRESH + first).moves[:, : model.config.n_ctx]
    replayed = replay(moves, size)
    inputs, _ = tokens_of(moves, size, moves.size(1))
    turned = planes(replayed.flipped, size).roll(1, 1)
    turned[:, 0] = False
    parts = (inputs, replayed.board, replayed.colours, turned, replayed.legal, replayed.present)
    return Played(size, *(part.to(model.embed.weight.device) for part in parts))


def activations(model: GPT, played: Played, point: str) -> Float[Tensor, "M F"]:
    """What passes a point, at the positions that count."""
    parts = []
    for step in range(played.steps):
        inputs, keep = played.batch(step)
        with torch.no_grad(), capture(model, point) as captured:
            model(inputs)
        parts.append(captured[point][keep].float())
    return torch.cat(parts)


def probabilities(model: GPT, played: Played) -> Iterator[Float[Tensor, "B T V"]]:
    """What the model expects, batch by batch. The caller sees to evaluation mode."""
    for step in range(played.steps):
        with torch.no_grad():
            yield model(played.batch(step)[0]).float().softmax(-1)


def scrambled(model: GPT, seed: int) -> GPT:
    """A copy whose every weight matrix has its numbers in random order: of the same scales, and it knows nothing.

    Harder to beat than fresh weights, of which some architectures' are zero where a block writes its result: this one
    mixes what earlier tokens say into every position, as any network does.
    """
    generator = torch.Generator().manual_seed(seed)
    other = GPT(model.config, seed=seed).to(model.embed.weight).eval()
    with torch.no_grad():
        for mixed, trained in zip(other.parameters(), model.parameters(), strict=True):
            order = torch.randperm(trained.numel(), generator=generator).to(trained.device)
            mixed.copy_(trained.flatten()[order].view_as(trained))
    return other


def cached(path: Path, part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part measures; from its file if an earlier process finished it."""
    if path.exists():
        return read_sealed_json(path, "delete it, and the same command measures it again")
    began = time.perf_counter()
    result = part()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed_json(path, result)
    say(f"{path.stem}: done  {seconds(time.perf_counter() - began)}")
    return result
