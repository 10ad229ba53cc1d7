"""What every method of losses alone is given: weights in one group, and settings that it can work with."""

import math
from collections.abc import Iterable
from typing import Any


def listed(params: Iterable[Any]) -> list[Any]:
    """What is to be moved; ValueError, before torch's own, where that is nothing."""
    found = list(params)
    if not found:
        raise ValueError("params (=[]) has no weights to move: give a module that has some which want gradients")
    return found


def check_settings(groups: list[dict[str, Any]]) -> None:
    """Refuse what none of them can work with: an optimizer's `param_groups`, its settings among them."""
    if len(groups) > 1:
        raise ValueError(
            f"params (of {len(groups)} groups) must be one: a method without gradients has one lr and sigma"
        )
    settings = groups[0]
    if settings.get("population", 1) < 1:
        raise ValueError(f"population (={settings['population']}) must be at least 1")
    if not settings.get("lr", 0) >= 0:
        raise ValueError(f"lr (={settings['lr']}) must be 0 or more")
    if not 0 < settings.get("sigma", 1) < math.inf:
        raise ValueError(f"sigma (={settings['sigma']}) must be above 0: how far candidates lie from the mean")


def check_steepest(steepest: float | None) -> None:
    """Refuse a bound on slopes that lets none through."""
    if steepest is not None and not steepest > 0:
        raise ValueError(f"steepest (={steepest}) must be above 0, or None for no bound on slopes")


def check_pairs(population: int) -> None:
    """Refuse a population that is not made of pairs."""
    if population % 2:
        raise ValueError(f"population (={population}) must be even: candidates come in pairs")


def check_share(name: str, value: float) -> None:
    """Refuse what is no share."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} (={value}) is a share: give a number from 0 to 1")
