"""Othello's rules on whole batches of boards: one bit a square, one int64 a colour, nothing but bitwise operations.

A position is a pair (mine, yours) of int64 tensors: the discs of whoever moves, and of the other. Square `row * size +
column` is bit number `row * size + column`; size is 4, 6 or 8. All is seen from the mover, so no rule asks for colours.

A move must end a line: a run of your discs with one of mine at its far end. Such runs are found for all squares at once
by a parallel-prefix fill from my discs through yours, one a direction (Kogge and Stone 1973; used on chess boards since
Kannan 2007). The runs are kept, since the discs that a move turns over are those of them that begin beside it.

Every operation writes into memory that is there already, and a block of boards fits into a core's cache: a position
costs about 250 operations of a quarter of a nanosecond each.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor

SIZES = (4, 6, 8)


def check_size(size: int) -> None:
    """ValueError unless boards of this size fit 64 bits and have a middle."""
    if size not in SIZES:
        raise ValueError(f"size (={size}) must be 4, 6 or 8: squares along an edge of the board")


def bitboard(squares: Iterator[int] | list[int]) -> int:
    """The squares as bits of a signed 64-bit number.

    >>> bitboard([0, 3])
    9
    """
    bits = sum({1 << square for square in squares})
    return bits - (1 << 64) if bits >= 1 << 63 else bits


def start(size: int = 8) -> tuple[int, int]:
    """Black's and white's discs at the beginning; black moves first, with its discs on the rising diagonal.

    >>> [bin(discs).count("1") for discs in start(6)]
    [2, 2]
    """
    check_size(size)
    middle = size // 2
    black = [(middle - 1) * size + middle, middle * size + middle - 1]
    white = [(middle - 1) * size + middle - 1, middle * size + middle]
    return bitboard(black), bitboard(white)


def legal_moves(mine: Int64[Tensor, "*N"], yours: Int64[Tensor, "..."], size: int = 8) -> Int64[Tensor, "*N"]:
    """The squares where a disc of mine would turn over at least one of yours. ValueError if discs overlap."""
    check_boards(mine, yours, size)
    rules = Rules(size, mine.numel(), mine.device)
    out = torch.empty(mine.numel(), dtype=torch.int64, device=mine.device)
    return rules.legal(mine.flatten(), yours.flatten(), out).view(mine.shape)


def flips(
    mine: Int64[Tensor, "*N"], yours: Int64[Tensor, "..."], move: Int64[Tensor, "..."], size: int = 8
) -> Int64[Tensor, "*N"]:
    """The discs of yours that become mine when I play on the square `move`: a bitboard of one bit, or of none (a pass).

    0 where the move is not legal. The board after it is (mine | move | flips, yours ^ flips).
    """
    check_boards(mine, yours, size)
    if move.shape != mine.shape:
        raise ValueError(f"move {tuple(move.shape)} and boards {tuple(mine.shape)} must have one shape")
    rules, count = Rules(size, mine.numel(), mine.device), mine.numel()
    out = torch.empty(count, dtype=torch.int64, device=mine.device)
    allowed = rules.legal(mine.flatten(), yours.flatten(), torch.empty_like(out))
    return rules.flips(move.flatten() & allowed, out).view(mine.shape)


def planes(boards: Int64[Tensor, "*N"], size: int = 8) -> Bool[Tensor, "*N S"]:
    """Bitboards as one truth value a square."""
    check_size(size)
    return (boards.unsqueeze(-1) >> torch.arange(size * size, device=boards.device)).bitwise_and_(1).bool()


def boards_of(squares: Shaped[Tensor, "*N S"]) -> Int64[Tensor, "*N"]:
    """The reverse of `planes`: what is not 0 becomes a bit."""
    side = round(squares.size(-1) ** 0.5)
    if side * side != squares.size(-1):
        raise ValueError(f"squares {tuple(squares.shape)} must end in 16, 36 or 64 of them")
    check_size(side)
    return ((squares != 0).long() << torch.arange(side * side, device=squares.device)).sum(-1)


def count_bits(boards: Int64[Tensor, "*N"]) -> Int64[Tensor, "*N"]:
    """How many squares are set."""
    pairs = boards - ((boards >> 1) & EVERY_2ND)
    fours = (pairs & EVERY_2ND_PAIR) + ((pairs >> 2) & EVERY_2ND_PAIR)
    return (((fours + (fours >> 4)) & LOW_NIBBLES) * LOW_BITS) >> 56


EVERY_2ND, EVERY_2ND_PAIR = 0x5555555555555555, 0x3333333333333333
LOW_NIBBLES, LOW_BITS = 0x0F0F0F0F0F0F0F0F, 0x0101010101010101
HIGH_BITS = 0x80 * LOW_BITS - (1 << 64)
LOW_SEVENS, DIAGONAL = 0x7F * LOW_BITS, 0x8040201008040201 - (1 << 64)


def check_boards(mine: Tensor, yours: Tensor, size: int) -> None:
    """ValueError for boards that are none."""
    check_size(size)
    if mine.shape != yours.shape:
        raise ValueError(f"mine {tuple(mine.shape)} and yours {tuple(yours.shape)} must have one shape")
    if bool((mine & yours).any()):
        where = (mine & yours).flatten().nonzero()[0].item()
        raise ValueError(f"board {where} has two discs on one square: mine and yours must not overlap")
    if size < 8 and bool(((mine | yours) >> (size * size)).any()):
        raise ValueError(f"boards have bits beyond the {size * size} squares of size {size}: give the right size")


class Rules:
    """Legal moves and flips of `count` boards at a time, in scratch memory that is made once.

    >>> black, white = (torch.tensor([discs]) for discs in start(6))
    >>> rules = Rules(6, 1)
    >>> planes(rules.legal(black, white, torch.empty_like(black)), 6).nonzero()[:, 1].tolist()
    [8, 13, 22, 27]
    """

    def __init__(self, size: int, count: int, device: torch.device | str = "cpu") -> None:
        check_size(size)
        self.size = size
        self.lines, self.spare = (torch.empty(k, count, dtype=torch.int64, device=device) for k in (8, 3))
        self.full = torch.tensor(bitboard(list(range(size * size))))
        inner = range(1, size - 1)
        # A disc on the border has no square behind it in some directions, so it is in no run there. As runs then never
        # touch the border, no shift carries a bit around an edge, and none moves the sign bit's copies into a run.
        rows = torch.tensor(bitboard([r * size + c for r in inner for c in range(size)]))
        columns = torch.tensor(bitboard([r * size + c for r in range(size) for c in inner]))
        self.directions = [(columns, 1), (columns, -1), (rows, size), (rows, -size)]
        self.directions += [(rows & columns, sign * (size + turn)) for turn in (1, -1) for sign in (1, -1)]
        # Shifts by a tensor of no axes: torch would wrap a number in one at every call.
        self.by = {n: torch.tensor(n) for n in {k * abs(shift) for _, shift in self.directions for k in (1, 2)}}

    def legal(self, mine: Tensor, yours: Tensor, out: Tensor) -> Tensor:
        """Write legal moves, as a bitboard, to `out`, and remember the runs for `flips`."""
        through, ends = self.spare[1], self.spare[2]
        out.zero_()
        before = None
        for i, (mask, shift) in enumerate(self.directions):
            if mask is not before:
                torch.bitwise_and(yours, mask, out=through)
                before = mask
            run = self.fill(mine, through, shift, self.lines[i], ends)
            out.bitwise_or_(self.shifted(run, shift, ends))
        empty = torch.bitwise_or(mine, yours, out=ends).bitwise_not_()
        return out.bitwise_and_(empty.bitwise_and_(self.full))

    def flips(self, move: Tensor, out: Tensor) -> Tensor:
        """Write to `out` what each legal move (one bit; 0 = none) turns over, on the boards last given to `legal`."""
        run, pair = self.spare[1], self.spare[2]
        out.zero_()
        for line, (_, shift) in zip(self.lines, self.directions, strict=True):
            out.bitwise_or_(self.fill(move, line, -shift, run, pair))
        return out

    def fill(self, begin: Tensor, through: Tensor, shift: int, run: Tensor, pair: Tensor) -> Tensor:
        """Write to `run` the unbroken runs of `through` that start one step from `begin`, in a direction.

        Twice as far with every step: a square is reached from two squares before if it and the one between are free.
        """
        step = self.spare[0]
        self.shifted(begin, shift, run).bitwise_and_(through)
        run.bitwise_or_(self.shifted(run, shift, step).bitwise_and_(through))
        if self.size > 4:
            self.shifted(through, shift, pair).bitwise_and_(through)
        for _ in range(self.size // 2 - 2):  # runs of at most size - 2 discs can be turned over
            run.bitwise_or_(self.shifted(run, 2 * shift, step).bitwise_and_(pair))
        return run

    def shifted(self, x: Tensor, shift: int, out: Tensor) -> Tensor:
        """Write to `out` every square moved by `shift` places."""
        if shift > 0:
            return torch.bitwise_left_shift(x, self.by[shift], out=out)
        return torch.bitwise_right_shift(x, self.by[-shift], out=out)


class Choice:
    """Draws one of each board's set squares, all equally likely, for `count` boards at a time.

    The k-th set bit is found in its byte by comparing k with the counts of bits up to each byte, all eight in one
    number, and in the byte in the same way (Vigna 2008, "Broadword implementation of rank/select queries", section 4).
    """

    def __init__(self, size: int, count: int, device: torch.device | str = "cpu") -> None:
        self.size = size
        self.spare = torch.empty(5, count, dtype=torch.int64, device=device)
        self.number = {n: torch.tensor(n) for n in (*range(9), 56, 57, 255, *MULTIPLIERS, *SHIFT_MASKS, *BROADWORDS)}

    def __call__(self, boards: Tensor, keys: Tensor, ply: int, square: Tensor) -> Tensor:
        """Write to `square` the number of one set square each, or size² where there is none.

        Args:
            boards: (count,) bitboards.
            keys: (count,) one number a board, see `keys_of`.
            ply: the draw's number: (key, ply) decide it.
            square: (count,) int64, written to.
        """
        n, (u, sums, place, bits, work) = self.number, self.spare
        random57(keys, ply, u, work, n)
        # Counts of set bits, byte by byte, then up to and with each byte
        torch.bitwise_right_shift(boards, n[1], out=work).bitwise_and_(n[EVERY_2ND])
        torch.sub(boards, work, out=sums)
        torch.bitwise_right_shift(sums, n[2], out=work).bitwise_and_(n[EVERY_2ND_PAIR])
        sums.bitwise_and_(n[EVERY_2ND_PAIR]).add_(work)
        sums.add_(torch.bitwise_right_shift(sums, n[4], out=work)).bitwise_and_(n[LOW_NIBBLES]).mul_(n[LOW_BITS])
        # k in [0, number of bits): a board has at most 2^6, and u < 2^57
        u.mul_(torch.bitwise_right_shift(sums, n[56], out=work)).bitwise_right_shift_(n[57])
        self.bytes_below(sums, u, place, work).bitwise_left_shift_(n[3])  # where k's byte begins
        torch.bitwise_left_shift(sums, n[8], out=sums).bitwise_right_shift_(place).bitwise_and_(n[255])
        u.sub_(sums)  # k within the byte
        torch.bitwise_right_shift(boards, place, out=bits).bitwise_and_(n[255])
        bits.mul_(n[LOW_BITS]).bitwise_and_(n[DIAGONAL])  # bit i alone in byte i
        bits.add_(n[LOW_SEVENS]).bitwise_right_shift_(n[7]).bitwise_and_(n[LOW_BITS]).mul_(n[LOW_BITS])
        torch.add(place, self.bytes_below(bits, u, square, work), out=square)
        return square.clamp_(max=self.size**2)  # without a set bit both places are beyond the board

    def bytes_below(self, sums: Tensor, k: Tensor, out: Tensor, work: Tensor) -> Tensor:
        """Write to `out` how many of the eight bytes of `sums` are at most k; each is below 128."""
        n = self.number
        torch.mul(k, n[LOW_BITS], out=out).bitwise_or_(n[HIGH_BITS]).sub_(sums)
        out.bitwise_right_shift_(n[7]).bitwise_and_(n[LOW_BITS]).mul_(n[LOW_BITS])
        return out.bitwise_right_shift_(n[56])


# ----------------------------------------------------------------------------------------------------------------------
# Random numbers that are a function of (seed, game, ply): any block of games, on any device, gets the same

GOLDEN, MIX_1, MIX_2 = (n - (1 << 64) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
MULTIPLIERS = (GOLDEN, MIX_1, MIX_2)
SHIFT_MASKS = (30, 27, 31, *((1 << 64 - n) - 1 for n in (30, 27, 31, 7)))
BROADWORDS = (EVERY_2ND, EVERY_2ND_PAIR, LOW_NIBBLES, LOW_BITS, HIGH_BITS, LOW_SEVENS, DIAGONAL)


def keys_of(seed: int, first: int, count: int, device: torch.device | str = "cpu") -> Int64[Tensor, " count"]:
    """One 64-bit key for each of the games number first, first + 1, ... of a seed."""
    n = {k: torch.tensor(k) for k in (*MULTIPLIERS, *SHIFT_MASKS)}
    work = torch.empty(1, dtype=torch.int64)
    of_seed = mix(torch.tensor([seed]).mul_(GOLDEN).add_(GOLDEN), work, n).to(device)
    keys = torch.arange(first, first + count, device=device).mul_(n[MIX_1]).add_(of_seed)
    return mix(keys, torch.empty_like(keys), n)


def random57(keys: Tensor, ply: int, out: Tensor, work: Tensor, n: dict[int, Tensor]) -> Tensor:
    """Write to `out` a number below 2^57 for each key and this ply."""
    torch.add(keys, (ply + 1) * (GOLDEN % (1 << 64)) % (1 << 63), out=out)
    return mix(out, work, n).bitwise_right_shift_(n[7]).bitwise_and_(n[(1 << 57) - 1])


def mix(z: Tensor, work: Tensor, n: dict[int, Tensor]) -> Tensor:
    """Stafford's variant 13 of the murmur3 finaliser, as SplitMix64 has it (Steele et al. 2014, fig. 16), in place."""
    for shift, multiplier in ((30, MIX_1), (27, MIX_2), (31, None)):
        # int64 shifts copy the sign bit, and the mask takes the copies away
        torch.bitwise_right_shift(z, n[shift], out=work).bitwise_and_(n[(1 << 64 - shift) - 1])
        z.bitwise_xor_(work)
        if multiplier is not None:
            z.mul_(n[multiplier])
    return z
