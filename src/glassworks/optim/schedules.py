"""Learning-rate schedules: plain functions of (step, steps) that return a factor in [0, 1].

The factor multiplies every group's own initial learning rate, so one schedule serves an optimizer with many of them.
Steps are counted from 0; step `steps - 1` is the last one taken, and it still moves the weights unless `final` is 0.
"""

import math
from collections.abc import Callable

import torch

from glassworks.optim.config import ScheduleConfig

Schedule = Callable[[int, int], float]
"""(step, steps) to the factor of the learning rate at that step."""


def make_schedule(config: ScheduleConfig) -> Schedule:
    """The schedule that `config` describes, as a function of (step, steps).

    >>> schedule = make_schedule(ScheduleConfig("wsd", warmup=2, decay=0.5, final=0.0))
    >>> [round(schedule(step, 8), 2) for step in range(8)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    def schedule(step: int, steps: int) -> float:
        warmup = warmup_of(config, steps)
        if step < warmup:
            return (step + 1) / warmup
        if config.name == "cosine":
            return cosine(step - warmup, steps - warmup, final=config.final)
        if config.name == "wsd":
            return stable_then_decay(step, steps, decay=config.decay, final=config.final)
        return constant(step, steps)

    return schedule


def warmup_of(config: ScheduleConfig, steps: int) -> int:
    """Steps of warm-up in so many: half of them at the most, as a short run is to learn, too."""
    return min(config.warmup, steps // 2)


def constant(step: int, steps: int) -> float:
    """1 throughout."""
    return 1.0


def stable_then_decay(step: int, steps: int, *, decay: float, final: float) -> float:
    """1 until the last `decay` of all steps, then a straight line to `final` (Hagele et al. 2024, section 3)."""
    left = (steps - step) / max(1.0, decay * steps)  # share of the decay still ahead
    return 1.0 if left >= 1 else final + (1 - final) * max(0.0, left)


def cosine(step: int, steps: int, *, final: float) -> float:
    """Half a cosine from 1 to `final` (Loshchilov and Hutter 2017, eq. 5)."""
    done = min(1.0, step / max(1, steps))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times the one it began with.

    The one it began with is kept in the group as `initial_lr`, as torch's own schedulers do, so it is saved with it.
    """
    for group in optimizer.param_groups:
        group["lr"] = factor * group.setdefault("initial_lr", group["lr"])
