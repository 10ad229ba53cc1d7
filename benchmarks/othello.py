"""Random Othello games a second: our bitboards beside rules as a user writes them, in turns.

    python benchmarks/othello.py [--size 8] [--games 100000] [--turns 5]

Two plain implementations: Python lists with a loop over directions and squares, and the same on a NumPy array, as the
code published with Othello-GPT has it. They play for a second at each turn. All speeds are games a second of wall-clock
time, the median over the turns. Both are first checked against ours: they must agree with `replay` on the legal moves
of every ply of some games.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from glassworks.data.games.othello import PADDING, perft, play, replay

DIRECTIONS = [(dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if (dr, dc) != (0, 0)]


class Board:
    """A position; `make` turns a list of rows into what the squares are kept in."""

    def __init__(self, size: int, make: Callable[[list[list[int]]], Any]) -> None:
        rows = [[0] * size for _ in range(size)]
        low, high = size // 2 - 1, size // 2
        rows[low][high] = rows[high][low] = 1
        rows[low][low] = rows[high][high] = -1
        self.size, self.mover, self.rows = size, 1, make(rows)

    def flips(self, row: int, column: int, mover: int) -> list[tuple[int, int]]:
        """What a move turns over."""
        found: list[tuple[int, int]] = []
        if self.rows[row][column] != 0:
            return found
        for dr, dc in DIRECTIONS:
            run, r, c = [], row + dr, column + dc
            while 0 <= r < self.size and 0 <= c < self.size and self.rows[r][c] == -mover:
                run.append((r, c))
                r, c = r + dr, c + dc
            if run and 0 <= r < self.size and 0 <= c < self.size and self.rows[r][c] == mover:
                found += run
        return found

    def moves(self, mover: int) -> list[int]:
        """Legal squares."""
        return [n for n in range(self.size**2) if self.flips(n // self.size, n % self.size, mover)]

    def place(self, square: int) -> None:
        """Play a move, or pass (size²)."""
        if square < self.size**2:
            row, column = divmod(square, self.size)
            for r, c in [*self.flips(row, column, self.mover), (row, column)]:
                self.rows[r][c] = self.mover
        self.mover = -self.mover


def game(size: int, rng: random.Random, make: Callable[[list[list[int]]], Any]) -> list[int]:
    """One random game."""
    board, moves = Board(size, make), []
    while choices := board.moves(board.mover) or ([size * size] if board.moves(-board.mover) else []):
        moves.append(rng.choice(choices))
        board.place(moves[-1])
    return moves


def check(size: int, make: Callable[[list[list[int]]], Any]) -> None:
    """Both see the same legal moves."""
    moves = play(5, size, seed=1).moves
    legal = replay(moves, size).legal
    for n, row in enumerate(moves.tolist()):
        board = Board(size, make)
        for ply, move in enumerate(row):
            if move != PADDING:
                ours = legal[n, ply].nonzero().flatten().tolist()
                assert ours == (board.moves(board.mover) or [size * size])
                board.place(move)


def games_per_second(size: int, make: Callable[[list[list[int]]], Any], seed: int) -> float:
    """Of a plain implementation, for about a second."""
    rng, count, began = random.Random(seed), 0, time.perf_counter()
    while time.perf_counter() - began < 1.0:
        game(size, rng, make)
        count += 1
    return count / (time.perf_counter() - began)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--games", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    plain: dict[str, Callable[[list[list[int]]], Any]] = {"Python lists": lambda rows: rows, "NumPy array": np.array}
    for make in plain.values():
        check(args.size, make)
    play(args.games, args.size)
    speeds: dict[str, list[float]] = {name: [] for name in ("glassworks", *plain)}
    for turn in range(args.turns):
        began = time.perf_counter()
        play(args.games, args.size, seed=turn)
        speeds["glassworks"].append(args.games / (time.perf_counter() - began))
        for name, make in plain.items():
            speeds[name].append(games_per_second(args.size, make, turn))
    print(f"{args.size}x{args.size}, {torch.get_num_threads()} threads of torch, {args.turns} turns")
    print(f"{'':<14} {'games/s':>10} {'ours is faster by':>18}")
    ours = statistics.median(speeds["glassworks"])
    for name, values in speeds.items():
        speed = statistics.median(values)
        print(f"{name:<14} {speed:>10,.0f} {ours / speed:>18,.0f}")
    if args.size == 8:
        began = time.perf_counter()
        print(f"perft(8) = {perft(8):,} in {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main()
