"""Positions in which one square is changed, and what a model plays when its residual stream is edited to say so.

Only the last token of a game is edited, so the tokens before it are run once and their keys and values kept: an edit
costs one token. Scores are those of Li et al. 2023 (arXiv 2210.13382): the model's N most probable moves against the N
legal moves of the changed board, false positives plus false negatives.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, Int8, Int64
from torch import Tensor

from glassworks.data.games.bitboards import boards_of, flips, legal_moves, planes
from glassworks.interpret.access.hooks import patch
from glassworks.models.gpt.model import GPT, Cache
from glassworks.models.modes import evaluating
from glassworks.reproductions.othello.games import Played
from glassworks.reproductions.othello.lines import EMPTY, MINE, YOURS, middle

Kind = Literal["flip", "erase"]

CHUNK = 256


# ----------------------------------------------------------------------------------------------------------------------
# Positions


@dataclass(frozen=True, eq=False)
class Cases:
    """Positions with one square changed.

    `inputs` end at the position; shorter games are padded at the left, by `padding` tokens.
    """

    size: int
    inputs: Int64[Tensor, "N T"]
    padding: Int64[Tensor, " N"]
    before: Int8[Tensor, "N S"]
    after: Int8[Tensor, "N S"]

    def __len__(self) -> int:
        return len(self.padding)

    @property
    def square(self) -> Int64[Tensor, " N"]:
        """The square that is changed."""
        return (self.before != self.after).int().argmax(1)

    @property
    def overlap(self) -> Float[Tensor, " N"]:
        """The share of the legal moves that are legal on the changed board, too."""
        old, new = legal_squares(self.before, self.size), legal_squares(self.after, self.size)
        return (old & new).sum(1) / old.sum(1)

    @property
    def matters(self) -> Bool[Tensor, " N"]:
        """Whether the change leaves other moves legal."""
        return (legal_squares(self.before, self.size) != legal_squares(self.after, self.size)).any(1)

    def chunks(self) -> Iterator["Cases"]:
        """Parts whose keys and values fit a modest memory."""
        for at in range(0, len(self), CHUNK):
            rows = slice(at, at + CHUNK)
            yield Cases(self.size, self.inputs[rows], self.padding[rows], self.before[rows], self.after[rows])


def choose_cases(played: Played, kind: Kind, number: int, seed: int, *, every: bool = False) -> Cases:
    """`number` random positions of different games, and in each a random occupied square, flipped or erased.

    Positions without a legal move before or after are passed over, and so, unless `every`, are those in which the
    change leaves the legal moves as they were. The four squares in the middle are not erased: no game shows them empty.

    Raises: ValueError when the games have too few such positions.
    """
    generator, device = torch.Generator().manual_seed(seed), played.present.device
    N, T = played.present.shape
    tries = []
    for _ in range(8):
        share = torch.rand(N, generator=generator).to(device)
        ply = (share * (played.present.sum(1) - 1)).long() + 1  # a game's first board is one
        before = played.board[torch.arange(N, device=device), ply.clamp(max=T - 1)]
        occupied = (before != EMPTY).float()
        if kind == "erase":
            occupied[:, middle(played.size)] = 0
        square = torch.multinomial(occupied.cpu() + 1e-9, 1, generator=generator).to(device)
        after = before.scatter(1, square, change(before.gather(1, square), kind))
        old, new = legal_squares(before, played.size), legal_squares(after, played.size)
        good = old.any(1) & new.any(1) & (occupied.gather(1, square)[:, 0] > 0)
        if not every:
            good &= (old != new).any(1)
        tries.append((good, ply, before, after))
    good, ply, before, after = (torch.stack(part) for part in zip(*tries, strict=True))  # (tries, N, ...)
    which, games = good.int().argmax(0), good.any(0).nonzero()[:, 0][:number]
    if len(games) < number:
        raise ValueError(f"number (={number}) of positions to {kind}: {N} games gave only {len(games)}, play more")
    which = which[games]
    ply, before, after = (part[which, games] for part in (ply, before, after))
    padding = ply.max() - ply
    gathered = (torch.arange(int(ply.max()) + 1, device=device) - padding[:, None]).clamp(min=0)
    inputs = played.inputs[games].gather(1, gathered)
    return Cases(played.size, inputs, padding, before, after)


def change(states: Int8[Tensor, "*N"], kind: Kind) -> Int8[Tensor, "*N"]:
    """Mine to yours and yours to mine, or to empty."""
    return MINE + YOURS - states if kind == "flip" else torch.full_like(states, EMPTY)


def legal_squares(boards: Int[Tensor, "N S"], size: int) -> Bool[Tensor, "N S"]:
    """Legal moves of any boards."""
    return planes(legal_moves(boards_of(boards == MINE), boards_of(boards == YOURS), size), size)


# ----------------------------------------------------------------------------------------------------------------------
# Running


class LastToken:
    """A model that has read all but the last token of some positions, ready to read that one again and again."""

    def __init__(self, model: GPT, cases: Cases, *, ahead: int = 0) -> None:
        self.model, self.cases = model, cases
        N, T = cases.inputs.shape
        like = next(model.parameters())
        self.before = T - 1
        self.cache = Cache(model.config, N, T + ahead, like=like, padding=cases.padding)
        with torch.no_grad(), evaluating(model):
            model(cases.inputs[:, :-1], self.cache, last=True)

    @torch.no_grad()
    def logits(self, edits: Mapping[str, Callable[[Tensor], Tensor]]) -> Float[Tensor, "N V"]:
        """What is predicted with the last token's activations edited; the cache then ends with that token."""
        self.cache.length = self.before
        return self.step(self.cases.inputs[:, -1], edits)

    @torch.no_grad()
    def step(
        self, tokens: Int64[Tensor, " N"], edits: Mapping[str, Callable[[Tensor], Tensor]]
    ) -> Float[Tensor, "N V"]:
        """Read one more token."""
        with evaluating(self.model), patch(self.model, edits):
            out: Tensor = self.model(tokens[:, None], self.cache)[:, -1]
        return out


def mistakes(logits: Float[Tensor, "N V"], legal: Bool[Tensor, "N S"]) -> Int64[Tensor, " N"]:
    """False positives plus false negatives of the N most probable moves, N being the number of legal ones.

    A pass among the N is a false positive: no board here calls for one.
    """
    moves = legal.size(1) + 1
    order = logits[:, :moves].argsort(1, descending=True)
    hits = torch.cat([legal, legal.new_zeros(len(legal), 1)], 1).gather(1, order)
    number = legal.sum(1, keepdim=True)
    return 2 * (number[:, 0] - hits.cumsum(1).gather(1, number - 1)[:, 0])


# ----------------------------------------------------------------------------------------------------------------------
# Playing on


@torch.no_grad()
def rollout(
    runner: LastToken, board: Int8[Tensor, "N S"], logits: Float[Tensor, "N V"], *, steps: int = 10
) -> tuple[int, int]:
    """Let the model play its most probable moves on from `board`; (illegal moves, moves) up to the first illegal one.

    `logits` are those of the position, perhaps edited; what the edit left in the cache stays. A game's end stops it,
    too.
    """
    size = runner.cases.size
    mine, yours = boards_of(board == MINE), boards_of(board == YOURS)
    going = torch.ones(len(board), dtype=torch.bool, device=board.device)
    illegal = played = 0
    for step in range(steps):
        legal = legal_moves(mine, yours, size)
        stuck = legal == 0
        going &= ~stuck | (legal_moves(yours, mine, size) != 0)  # else the game is over
        move = logits[:, : size * size + 1].argmax(1)
        chosen = torch.where(move < size * size, 1 << move.clamp(max=size * size - 1), 0)
        right = torch.where(stuck, move == size * size, (legal & chosen) != 0)
        played += int(going.sum())
        illegal += int((going & ~right).sum())
        going &= right
        room = runner.cache.length < runner.cache.size and runner.cache.length < runner.model.config.n_ctx
        if step + 1 == steps or not going.any() or not room:
            break
        chosen = chosen & legal
        turned = flips(mine, yours, chosen, size)
        mine, yours = yours ^ turned, mine | chosen | turned
        logits = runner.step(move, {})
    return illegal, played
