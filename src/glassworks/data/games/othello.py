"""Othello games, random and replayed: the data of Othello-GPT, made as fast as it is read.

A game is a row of moves. Square `row * size + column` is its own number, `size * size` is a pass, `PADDING` (255) fills
the row after the end. Rules: data/games/bitboards.py; board sizes 4, 6 and 8.

Passes are moves here: whoever has no legal move writes one. The data of Li et al. 2023 (arXiv 2210.13382) leave passes
out, so that after one the same player moves at two plies in a row. With them the mover alternates at every ply, and
"mine" and "yours" are a matter of a position's parity; a model need not count passes to know whose disc it places.

Game number g of a seed is a pure function of (seed, g): not of the block it is played in, nor of the device. A batch of
training games is therefore a function of the step, and no data set needs to be kept.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int8, Int64, UInt8
from torch import Tensor

from glassworks.core.machine.memory import free_memory
from glassworks.data.games.bitboards import Choice, Rules, check_size, count_bits, keys_of, legal_moves, planes, start

PADDING = 255
BLOCK = 32768
"""Boards at a time on a CPU: as many as torch works through on one thread, so that calling it costs little."""


@dataclass(frozen=True, eq=False)
class Games:
    """Games from their first move to their end.

    `moves` (N, plies): squares, passes (size²), and `PADDING` after the end; as wide as the longest game.
    `margin` (N,): black's discs minus white's at the end.
    """

    moves: UInt8[Tensor, "N plies"]
    margin: Int8[Tensor, " N"]
    size: int

    @property
    def lengths(self) -> Int64[Tensor, " N"]:
        """Moves of each game, passes counted."""
        return (self.moves != PADDING).sum(1)

    def __len__(self) -> int:
        return len(self.moves)


def play(n_games: int, size: int = 8, seed: int = 0, device: str | torch.device = "cpu", *, first: int = 0) -> Games:
    """Play games number first to first + n_games - 1 of a seed, every move uniformly random among the legal ones.

    (Uniform to 2⁻⁵¹: a 57-bit random number, scaled.) On a CPU, blocks of games are shared out to as many threads as
    torch uses.

    Raises: ValueError for what cannot be played, or does not fit the memory.
    """
    check_size(size)
    if n_games < 1:
        raise ValueError(f"n_games (={n_games}) must be at least 1")
    if first < 0 or first + n_games > 2**62:
        raise ValueError(f"first (={first}) must be at least 0, and first + n_games at most 2**62")
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed (={seed}) must fit 64 bits")
    where = torch.device(device)
    need, free = 2 * n_games * (size * size + 4), free_memory()
    if where.type == "cpu" and free is not None and need > free:
        raise ValueError(
            f"n_games (={n_games:,}) would take {need / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free: play them "
            "in parts, by first"
        )
    block = BLOCK if where.type == "cpu" else 1 << 20
    parts = [(at, min(block, n_games - at)) for at in range(0, n_games, block)]
    workers = min(torch.get_num_threads(), os.cpu_count() or 1, len(parts)) if where.type == "cpu" else 1
    with ThreadPoolExecutor(max(1, workers)) as pool:  # torch lets go of the GIL during an operation
        played = list(pool.map(lambda part: play_block(size, seed, first + part[0], part[1], where), parts))
    plies = max(moves.size(1) for moves, _ in played)
    moves = torch.full((n_games, plies), PADDING, dtype=torch.uint8, device=where)
    for (at, count), (some, _) in zip(parts, played, strict=True):
        moves[at : at + count, : some.size(1)] = some
    return Games(moves, torch.cat([margin for _, margin in played]), size)


@torch.no_grad()
def play_block(size: int, seed: int, first: int, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(moves (count, plies of the longest), margin (count,)) of some games."""
    squares = size * size
    rules, choice, keys = Rules(size, count, device), Choice(size, count, device), keys_of(seed, first, count, device)
    discs = [torch.full((count,), side, dtype=torch.int64, device=device) for side in start(size)]
    legal, move, flipped, square = (torch.empty(count, dtype=torch.int64, device=device) for _ in range(4))
    one = torch.ones_like(move)
    written = torch.empty(2 * squares, count, dtype=torch.uint8, device=device)  # a pass for each move is never reached
    for ply in range(2 * squares):
        mine, yours = discs
        rules.legal(mine, yours, legal)
        choice(legal, keys, ply, square)
        written[ply] = square
        # Beyond the board there is nothing to set: size² is bit 36 of a 6x6 board, and no bit of an 8x8 one.
        torch.bitwise_left_shift(one, square, out=move).bitwise_and_(legal)
        rules.flips(move, flipped)
        mine.bitwise_or_(move).bitwise_or_(flipped)
        yours.bitwise_xor_(flipped)
        discs.reverse()
        if ply > squares - 4 and bool((written[ply - 1 : ply + 1] == squares).all()):
            break
    passed = written[: ply + 1] == squares
    passed[1:] &= passed[:-1].clone()  # the second of two passes in a row: nobody can move any more
    over = passed.clone()
    over[:-1] |= passed[1:]  # and so the first of them was none
    longest = int((~over).sum(0).max())
    moves = written[:longest].masked_fill_(over[:longest], PADDING).t().contiguous()
    black, white = discs if (ply + 1) % 2 == 0 else reversed(discs)
    return moves, (count_bits(black) - count_bits(white)).to(torch.int8)


# ----------------------------------------------------------------------------------------------------------------------
# Replaying


@dataclass(frozen=True, eq=False)
class Replay:
    """What there was before every ply of some games: the position that the ply's move is predicted from.

    Bitboards are (N, plies) int64; planes are made from them when asked for. At and after padding the board is the one
    that the last move left, so the position after a game's beginning is read by padding it with one more ply.
    """

    moves: UInt8[Tensor, "N plies"]
    mine: Int64[Tensor, "N plies"]
    """Discs of whoever moves."""
    yours: Int64[Tensor, "N plies"]
    legal_boards: Int64[Tensor, "N plies"]
    flipped: Int64[Tensor, "N plies"]
    """Discs that the ply's move turns over."""
    black_moves: Bool[Tensor, "N plies"]
    can_pass: Bool[Tensor, "N plies"]
    """Whether a pass is the one legal move: I have no other, and you have one."""
    size: int

    @property
    def present(self) -> Bool[Tensor, "N plies"]:
        """Whether a move was made at the ply."""
        return self.moves != PADDING

    @property
    def board(self) -> Int8[Tensor, "N plies S"]:
        """Each square: 0 empty, 1 mine, 2 yours."""
        return planes(self.mine, self.size).char() + 2 * planes(self.yours, self.size).char()

    @property
    def colours(self) -> Int8[Tensor, "N plies S"]:
        """Each square: 0 empty, 1 black, 2 white."""
        black = torch.where(self.black_moves, self.mine, self.yours)
        white = torch.where(self.black_moves, self.yours, self.mine)
        return planes(black, self.size).char() + 2 * planes(white, self.size).char()

    @property
    def legal(self) -> Bool[Tensor, "N plies moves"]:
        """Each move, the last of them the pass: whether it is legal; none is when the game is over."""
        return torch.cat([planes(self.legal_boards, self.size), self.can_pass.unsqueeze(-1)], -1)


@torch.no_grad()
def replay(moves: UInt8[Tensor, "N plies"], size: int = 8) -> Replay:
    """Play recorded games again, whole ones or beginnings of some, and note every position.

    Raises: ValueError for the first move that is not legal, naming its game and ply (both from 0).
    """
    check_size(size)
    count, plies = moves.shape
    squares, device = size * size, moves.device
    rules = Rules(size, count, device)
    black, white = (torch.full((count,), side, dtype=torch.int64, device=device) for side in start(size))
    mine, yours, blacks = black, white, torch.ones(count, dtype=torch.bool, device=device)
    states = torch.empty(4, plies, count, dtype=torch.int64, device=device)
    flags = torch.empty(2, plies, count, dtype=torch.bool, device=device)
    for ply in range(plies):
        chosen = moves[:, ply].long()
        played = chosen != PADDING
        legal, flipped = rules.legal(mine, yours, torch.empty_like(mine)), torch.empty_like(mine)
        passing = legal == 0
        stuck = passing.nonzero().flatten()
        passing[stuck] = legal_moves(yours[stuck], mine[stuck], size) != 0
        move = (1 << chosen.clamp(max=63)).masked_fill_(chosen >= squares, 0)
        good = torch.where(chosen == squares, passing, (legal & move) != 0)
        if ply:
            good &= moves[:, ply - 1] != PADDING
        if bool((played & ~good).any()):
            refuse(moves, int((played & ~good).nonzero()[0]), ply, size)
        rules.flips(move, flipped)
        for where, value in zip(states[:, ply], (mine, yours, legal, flipped), strict=True):
            where.copy_(value)
        flags[0, ply], flags[1, ply] = blacks, passing
        after = mine | move | flipped
        mine, yours = torch.where(played, yours ^ flipped, mine), torch.where(played, after, yours)
        blacks = blacks ^ played
    mines, yours_, legals, flips = states.transpose(1, 2).unbind()
    black_moves, can_pass = flags.transpose(1, 2).unbind()
    return Replay(moves, mines, yours_, legals, flips, black_moves, can_pass, size)


def refuse(moves: Tensor, game: int, ply: int, size: int) -> None:
    """ValueError for a move that is not legal."""
    move, squares = int(moves[game, ply]), size * size
    where = f"game {game}, ply {ply}: move {move}"
    if move > squares:
        raise ValueError(f"{where} is none: squares are 0 to {squares - 1}, a pass is {squares}, padding {PADDING}")
    if ply and int(moves[game, ply - 1]) == PADDING:
        raise ValueError(f"{where} follows padding: only padding may")
    kind = "is a pass, and there is a legal move or the game is over" if move == squares else "is not legal"
    raise ValueError(f"{where} {kind} (size={size}, moves before it: {moves[game, :ply].tolist()})")


# ----------------------------------------------------------------------------------------------------------------------
# As tokens


def vocab_size(size: int) -> int:
    """Squares, the pass, and the token that stands before a game's first move."""
    return size * size + 2


def tokens_of(moves: UInt8[Tensor, "N plies"], size: int, length: int) -> tuple[Int64[Tensor, "N T"], ...]:
    """Games as (inputs, targets), `length` tokens each: position t is asked for the move of ply t.

    inputs[:, 0] is the beginning (size² + 1), inputs[:, t] the move of ply t - 1; targets[:, t] the move of ply t, or
    -1 after the game's end. Longer games are cut.
    """
    squares = size * size
    targets = torch.full((len(moves), length), -1, dtype=torch.int64, device=moves.device)
    plies = min(length, moves.size(1))
    targets[:, :plies] = moves[:, :plies].long()
    targets.masked_fill_(targets == PADDING, -1)
    inputs = targets.roll(1, 1)
    inputs[:, 0] = squares + 1
    return inputs.masked_fill_(inputs < 0, squares + 1), targets


# ----------------------------------------------------------------------------------------------------------------------
# Counting games


def perft(depth: int, size: int = 8, *, device: str | torch.device = "cpu") -> int:
    """How many sequences of `depth` plies there are from the first position; a pass is a ply, and a game may not end.

    >>> [perft(depth) for depth in range(1, 5)]
    [4, 12, 56, 244]
    """
    check_size(size)
    if depth < 0:
        raise ValueError(f"depth (={depth}) must be at least 0")
    black, white = (torch.tensor([side], device=device) for side in start(size))
    return count_sequences(black, white, depth, size)


def count_sequences(mine: Tensor, yours: Tensor, depth: int, size: int) -> int:
    """The same from some positions, together."""
    if depth == 0:
        return len(mine)
    total = 0
    for at in range(0, len(mine), BLOCK):
        m, y = mine[at : at + BLOCK], yours[at : at + BLOCK]
        if depth == 1:
            total += leaves(m, y, size)
        else:
            total += sum(count_sequences(*part, depth - 1, size) for part in children(m, y, size))
    return total


def leaves(mine: Tensor, yours: Tensor, size: int) -> int:
    """Sequences of one ply: legal moves, and passes."""
    legal = legal_moves(mine, yours, size)
    stuck = legal == 0
    return int(count_bits(legal).sum()) + int((legal_moves(yours[stuck], mine[stuck], size) != 0).sum())


def children(mine: Tensor, yours: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The positions one ply later, as (mine, yours) of whoever moves then."""
    legal = legal_moves(mine, yours, size)
    stuck = legal == 0
    if bool(stuck.any()):
        m, y = mine[stuck], yours[stuck]
        goes_on = legal_moves(y, m, size) != 0
        yield y[goes_on], m[goes_on]
    parent, square = planes(legal, size).nonzero().unbind(1)
    m, y, move = mine[parent], yours[parent], 1 << square
    rules = Rules(size, len(m), m.device)
    rules.legal(m, y, torch.empty_like(m))
    flipped = rules.flips(move, torch.empty_like(m))
    yield y ^ flipped, m | move | flipped
