"""Asking a reward: whatever it does wrong for one completion is said by name, and the others keep theirs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.core.errors import RunError

Reward = Callable[[Sequence[str], Sequence[str]], Any]
"""Prompts and completions to a number for each: a tensor (B,), an array, or a list of numbers."""


@dataclass(frozen=True)
class Scores:
    """What completions got."""

    values: Float[Tensor, " B"]
    """nan where there is none."""
    faults: tuple[str, ...] = ()
    """A line for each completion without one: which it is, and why."""


def ask(reward: Reward, prompts: Sequence[str], completions: Sequence[str]) -> Scores:
    """The rewards of some completions, in one call; where that fails, of each by itself.

    A number that is nan or infinite, and what raises, is a fault: nan, and a line that names the completion.

    Raises: RunError where every completion fails: then it is the reward that is wrong. ValueError for unequal lists.

    >>> ask(lambda prompts, completions: [len(x) for x in completions], ["a", "a"], ["b", "cd"])
    Scores(values=tensor([1., 2.]), faults=())
    """
    if len(prompts) != len(completions):
        raise ValueError(f"{len(prompts)} prompts and {len(completions)} completions must be as many")
    if not completions:
        return Scores(torch.zeros(0))
    try:
        values = as_numbers(reward(prompts, completions), len(completions))
        reasons: list[str | None] = [None] * len(completions)
    except Exception:  # whatever a stranger's function may do wrong
        values, reasons = one_by_one(reward, prompts, completions)
    reasons = [
        reason or (None if value.isfinite() else f"the reward is {float(value)}")
        for value, reason in zip(values, reasons, strict=True)
    ]
    faults = tuple(
        f"completion {place} ({completions[place]!r:.60}): {reason}" for place, reason in enumerate(reasons) if reason
    )
    if len(faults) == len(completions):
        raise RunError(f"the reward fails for all of {len(completions)} completions; {faults[0]}")
    return Scores(torch.where(values.isfinite(), values, torch.nan), faults)


def one_by_one(
    reward: Reward, prompts: Sequence[str], completions: Sequence[str]
) -> tuple[Float[Tensor, " B"], list[str | None]]:
    """Each completion asked alone: its number, or nan and why there is none."""
    values, reasons = torch.full((len(completions),), torch.nan), list[str | None]()
    for place, pair in enumerate(zip(prompts, completions, strict=True)):
        try:
            values[place] = as_numbers(reward([pair[0]], [pair[1]]), 1)[0]
            reasons.append(None)
        except Exception as error:
            said = str(error).strip().splitlines()
            reasons.append(f"{type(error).__name__}: {said[0] if said else 'no more is said'}")
    return values, reasons


def as_numbers(found: Any, number: int) -> Float[Tensor, " B"]:
    """What a reward has returned as so many numbers in float32."""
    values = torch.as_tensor(found, dtype=torch.float32).detach().cpu()
    if values.shape != (number,):
        raise ValueError(f"the reward gives shape {tuple(values.shape)} for {number} completions: give ({number},)")
    return values
