"""A stated human, who errs: what is liked, how choices are made of it, and a reward that mistakes it.

What a function's body is worth, in points:

    + 1  it ends by returning something     + 1  it has one to three lines
    - 2  a line stands in it twice, or a word more than three times

Of two the better is chosen with σ(2 · difference), a little oftener where it stands left, and one choice in ten is made
without looking.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.data.choices.comparison import Choice, Comparison, Option, with_places

SHARPNESS, LEFT, ERRORS = 2.0, 0.2, 0.1
"""Of a choice: how sure it is a point apart, how much more the left one is liked, and the share made blindly."""
WORD = re.compile(r"\w+")
MOST = 8
"""Returns that the flawed reward counts."""


def worth(text: str) -> float:
    """What a body is worth to the stated human: -2 to 2."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    returns = bool(lines) and lines[-1].startswith("return ")
    repeats = len(set(lines)) < len(lines) or max(Counter(WORD.findall(text)).values(), default=0) > 3
    return float(returns) + float(1 <= len(lines) <= 3) - 2 * float(repeats)


def gold(prompts: Sequence[str], completions: Sequence[str]) -> Float[Tensor, " B"]:
    """The same as a reward."""
    return torch.tensor([worth(text) for text in completions])


def flawed(prompts: Sequence[str], completions: Sequence[str]) -> Float[Tensor, " B"]:
    """A reward that somebody may think means the same: how often `return` stands in it, up to eight times."""
    return torch.tensor([float(min(text.count("return"), MOST)) for text in completions])


def chooses_left(left: float, right: float, draw: np.random.Generator) -> bool:
    """Which of two is chosen, by what they are worth."""
    if draw.random() < ERRORS:
        return bool(draw.random() < 0.5)
    return bool(draw.random() < 1 / (1 + np.exp(-SHARPNESS * (left - right) - LEFT)))


def compared(
    prompts: Sequence[str], first: Sequence[str], second: Sequence[str], seed: int
) -> list[tuple[Comparison, Choice]]:
    """A choice between two completions of each prompt, as the store of choices keeps it; equal ones are left out."""
    draw, found = np.random.default_rng(seed), []
    for number, (prompt, *two) in enumerate(zip(prompts, first, second, strict=True)):
        if two[0] == two[1]:
            continue
        comparison, places = Comparison.of(prompt, [Option({"text": text}, "sft") for text in two])
        left = int(draw.integers(2))
        chosen = left if chooses_left(worth(two[left]), worth(two[1 - left]), draw) else 1 - left
        choice = Choice(
            f"simulated-{seed}-{number}",
            0,
            "stated human",
            "ranked",
            ((chosen,), (1 - chosen,)),
            (left, 1 - left),
            why="random",
        )
        found.append((comparison, with_places(choice, places)))
    return found


def ceiling(first: Sequence[str], second: Sequence[str], seed: int) -> tuple[float, float]:
    """How often the human says the same twice, and how often what is worth more, of those that differ in worth."""
    draw = np.random.default_rng([seed, 1])
    same, right = list[bool](), list[bool]()
    for a, b in zip(first, second, strict=True):
        one, other = (chooses_left(worth(a), worth(b), draw) for _ in range(2))
        same.append(one == other)
        if worth(a) != worth(b):
            right.append(one == (worth(a) > worth(b)))
    return float(np.mean(same)), float(np.mean(right)) if right else float("nan")
