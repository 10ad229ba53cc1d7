"""Othello's rule as a table of lines: what must lie where for a move to be legal.

A *line* is (square, direction, k): the square is empty, the next k in that direction are yours (the opponent's) and the
one after them is mine (the player's to move). A move is legal exactly when one of its lines is present. So the table is
the list of local patterns that a network must tell apart if it finds legal moves by a bag of heuristics.

Boards are (N, S) whole numbers, EMPTY, MINE or YOURS, from the view of the player to move, as `Replay.board` has them.
"""

from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.data.games.bitboards import check_size

EMPTY, MINE, YOURS = 0, 1, 2
DIRECTIONS = {
    "N": (-1, 0),
    "NE": (-1, 1),
    "E": (0, 1),
    "SE": (1, 1),
    "S": (1, 0),
    "SW": (1, -1),
    "W": (0, -1),
    "NW": (-1, -1),
}


@dataclass(frozen=True, eq=False)
class Lines:
    """The L lines of a board of `size` × `size`, in the order square, direction, k."""

    size: int
    square: Int[Tensor, " L"]
    """The square that the move goes to."""
    names: tuple[str, ...]
    """Such as "c1 S 2": from c1 southwards over two."""
    needs: Float[Tensor, "L S 3"]
    """1 where a square must have a state."""

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> "Lines":
        """The same on another device."""
        return replace(self, square=self.square.to(device), needs=self.needs.to(device))

    @property
    def possible(self) -> Bool[Tensor, " L"]:
        """Which lines a game can show: the four squares in the middle are occupied from the start."""
        return ~torch.isin(self.square, torch.tensor(middle(self.size), device=self.square.device))

    def present(self, boards: Int[Tensor, "N S"]) -> Bool[Tensor, "N L"]:
        """Which lines each board shows."""
        seen = F.one_hot(boards.long(), 3).flatten(1).float()  # (N, 3S)
        return seen @ self.needs.flatten(1).T == self.needs.sum((1, 2))

    def of_squares(self, lines: Bool[Tensor, "N L"]) -> Bool[Tensor, "N S"]:
        """For each square whether any of its lines is set: of the lines that a board shows, its legal moves."""
        return lines.float() @ F.one_hot(self.square, self.size**2).float() > 0


@cache
def lines(size: int) -> Lines:
    """All lines of a board.

    >>> len(lines(8)), len(lines(6))
    (1036, 360)
    """
    check_size(size)
    squares, names, needs = [], [], []
    for start in range(size * size):
        for point, (down, right) in DIRECTIONS.items():
            way = ray(start, down, right, size)
            for k in range(1, len(way) - 1):
                need = torch.zeros(size * size, 3)
                need[start, EMPTY] = need[way[k + 1], MINE] = 1
                need[way[1 : k + 1], YOURS] = 1
                squares.append(start)
                names.append(f"{square_name(start, size)} {point} {k}")
                needs.append(need)
    return Lines(size, torch.tensor(squares), tuple(names), torch.stack(needs))


def ray(start: int, down: int, right: int, size: int) -> list[int]:
    """The squares from one to the edge, itself first."""
    row, column = divmod(start, size)
    way = []
    while 0 <= row < size and 0 <= column < size:
        way.append(row * size + column)
        row, column = row + down, column + right
    return way


def middle(size: int) -> list[int]:
    """The four squares that are occupied from the start, so that no move goes there and no game shows their lines."""
    low, high = size // 2 - 1, size // 2
    return [row * size + column for row in (low, high) for column in (low, high)]


def square_name(square: int, size: int) -> str:
    """Column as a letter, row from 1 at the top.

    >>> square_name(8, 6)
    'c2'
    """
    row, column = divmod(square, size)
    return f"{chr(ord('a') + column)}{row + 1}"
