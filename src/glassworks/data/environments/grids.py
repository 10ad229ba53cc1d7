"""The gridworlds of Sutton & Barto (2018), whose values are known: small Markov decision processes, as tables.

An environment is what is written in its map: S where episodes begin, G where they end, # a wall, C a cliff. The four
actions are up, right, down and left; who would leave the map stays.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
ACTIONS = ("up", "right", "down", "left")


@dataclass(frozen=True, eq=False)
class Process:
    """A Markov decision process: what every action leads to, from every state."""

    what: str
    """In a line, with the place in the book."""
    chances: NDArray[np.float64] = field(repr=False)
    """(S, A, S): the probability of the next state."""
    reward: NDArray[np.float64] = field(repr=False)
    """(S, A, S)"""
    ends: NDArray[np.bool_]
    """(S,): where an episode is over."""
    begins: tuple[int, ...]
    """States in which an episode begins, one as likely as another."""
    cells: tuple[tuple[int, int], ...]
    """Row and column of each state, for pictures."""
    map: tuple[str, ...]
    actions: tuple[str, ...] = ACTIONS
    limit: int = 500
    """Steps after which an episode is truncated."""
    goal: float | None = None
    """The return of the best policy, where it is known."""

    @property
    def states(self) -> int:
        """How many: S."""
        return len(self.ends)


def gridworld(
    what: str,
    rows: tuple[str, ...],
    *,
    step: float = -1.0,
    wind: tuple[int, ...] | None = None,
    cliff: float = -100.0,
    edge: float | None = None,
    jumps: dict[tuple[int, int], tuple[tuple[int, int], float]] | None = None,
    goal: float | None = None,
    limit: int = 500,
) -> Process:
    """A gridworld from its map.

    Args:
        what: in a line.
        rows: of the map, of one length.
        step: the reward of a step.
        wind: of each column, how many rows it carries upwards who leaves a cell of it.
        cliff: the reward of a step onto a C, which leads back to S.
        edge: the reward of a step off the map. None = as any other.
        jumps: cells from which every action leads to another cell, with its reward.
        goal: the return of the best policy.
        limit: steps of an episode at the most.
    """
    cells = tuple((r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell not in "#C")
    index = {cell: i for i, cell in enumerate(cells)}
    begins = tuple(i for (r, c), i in index.items() if rows[r][c] == "S")
    ends = np.array([rows[r][c] == "G" for r, c in cells])
    chances, reward = np.zeros((len(cells), 4, len(cells))), np.zeros((len(cells), 4, len(cells)))
    for (r, c), i in index.items():
        for a, (down, right) in enumerate(MOVES):
            if ends[i]:
                chances[i, a, i] = 1
                continue
            to, worth = (r + down - (wind[c] if wind else 0), c + right), step
            if jumps and (r, c) in jumps:
                to, worth = jumps[r, c]
            elif not (0 <= to[0] < len(rows) and 0 <= to[1] < len(rows[0])):
                worth = step if edge is None else edge
                to = (min(max(to[0], 0), len(rows) - 1), min(max(to[1], 0), len(rows[0]) - 1))
            if rows[to[0]][to[1]] == "C":
                j, worth = begins[0], cliff
            else:
                j = index.get(to, i)
            chances[i, a, j], reward[i, a, j] = 1, worth
    begins = begins or tuple(int(i) for i in np.flatnonzero(~ends))
    return Process(what, chances, reward, ends, begins, cells, rows, goal=goal, limit=limit)


def random_walk(states: int = 5) -> Process:
    """A walk to the left or the right from the middle of a row; only its right end is worth 1 (example 6.2)."""
    row = "G" + "." * (states // 2) + "S" + "." * (states // 2) + "G"
    chances, reward = np.zeros((states + 2, 1, states + 2)), np.zeros((states + 2, 1, states + 2))
    for i in range(states + 2):
        if row[i] == "G":
            chances[i, 0, i] = 1
        else:
            chances[i, 0, [i - 1, i + 1]] = 0.5
    reward[states, 0, states + 1] = 1
    ends = np.array([cell == "G" for cell in row])
    cells = tuple((0, i) for i in range(states + 2))
    what = f"a random walk of {states} states (Sutton & Barto, example 6.2)"
    return Process(what, chances, reward, ends, (1 + states // 2,), cells, (row,), actions=("go",))


GRIDS = {
    "Grid4x4": gridworld(
        "a grid of 4 × 4 with two corners to get to (Sutton & Barto, example 4.1)",
        ("G...", "....", "....", "...G"),
        limit=100,
    ),
    "Grid5x5": gridworld(
        "a grid of 5 × 5 with two cells to jump from, without an end (Sutton & Barto, example 3.5)",
        (".....",) * 5,
        step=0.0,
        edge=-1.0,
        jumps={(0, 1): ((4, 1), 10.0), (0, 3): ((2, 3), 5.0)},
        limit=100,
    ),
    "Windy": gridworld(
        "a windy grid, 15 steps at the best (Sutton & Barto, example 6.5)",
        ("..........",) * 3 + ("S......G..",) + ("..........",) * 3,
        wind=(0, 0, 0, 1, 1, 1, 2, 2, 1, 0),
        goal=-15.0,
        limit=5000,
    ),
    "Cliff": gridworld(
        "a cliff to walk along, 13 steps at the best (Sutton & Barto, example 6.6)",
        ("............",) * 3 + ("SCCCCCCCCCCG",),
        goal=-13.0,
        limit=5000,
    ),
    "Maze": gridworld(
        "a maze, 14 steps at the best (Sutton & Barto, example 8.1)",
        (".......#G", "..#....#.", "S.#....#.", "..#......", ".....#...", "........."),
        goal=-14.0,
        limit=5000,
    ),
    "RandomWalk": random_walk(),
}
"""By name."""


def policy_values(process: Process, policy: NDArray[np.float64], gamma: float = 1.0) -> NDArray[np.float64]:
    """What a policy is worth from each state, (S,): the solution of Bellman's linear equations (Sutton & Barto, 4.4).

    Args:
        process: of S states and A actions.
        policy: (S, A), probabilities.
        gamma: how much a step later counts.

    >>> even = np.full((16, 4), 0.25)
    >>> policy_values(GRIDS["Grid4x4"], even)[:4].round().tolist()
    [0.0, -14.0, -20.0, -22.0]

    Raises: ValueError for a policy that is none, or that never ends where nothing is discounted.
    """
    if policy.shape != process.chances.shape[:2] or not np.allclose(policy.sum(1), 1) or (policy < 0).any():
        raise ValueError(f"policy (of shape {policy.shape}) must be probabilities, {process.chances.shape[:2]}")
    goes = np.einsum("sa,sat->st", policy, process.chances)
    worth = np.einsum("sa,sat,sat->s", policy, process.chances, process.reward)
    inside = ~process.ends
    values = np.zeros(process.states)
    system = np.eye(inside.sum()) - gamma * goes[np.ix_(inside, inside)]
    if np.linalg.cond(system) > 1e12:
        raise ValueError(f"gamma (={gamma}) leaves values without an end: the policy never gets to one. Give less")
    values[inside] = np.linalg.solve(system, worth[inside])
    return values


def best_values(process: Process, gamma: float = 1.0, tolerance: float = 1e-12) -> NDArray[np.float64]:
    """The best values of actions, (S, A), by value iteration (Sutton & Barto, 4.10)."""
    values = np.zeros(process.states)
    while True:
        actions: NDArray[np.float64] = np.einsum(
            "sat,sat->sa", process.chances, process.reward + gamma * np.where(process.ends, 0.0, values)
        )
        better = np.where(process.ends, 0.0, actions.max(1))
        if np.abs(better - values).max() < tolerance:
            return actions
        values = better
