"""Whether a loss can still be trusted, and what to do where it cannot."""

import inspect
import math

import torch

from glassworks.core.errors import RunError
from glassworks.optim.gradient_free.search import Search
from glassworks.optim.gradient_free.slopes import Slopes
from glassworks.optim.rules.rule import Rule

OTHERWISE = {"lr": "a lower learning rate (--optimizer.lr)", "sigma": "a smaller --optimizer.sigma"}
"""What to do about a training without a gradient, by what its method is told."""


class Divergence:
    """Raises when a loss can no longer be trusted: not finite, or far above the lowest it has been (smoothed)."""

    def __init__(self, max_rise: float | None, optimizer: torch.optim.Optimizer) -> None:
        self.max_rise, self.advice, self.smooth, self.lowest = max_rise, advice(optimizer), math.nan, math.inf

    def __call__(self, loss: float, step: int) -> None:
        """Look at one more loss."""
        if not math.isfinite(loss):
            raise RunError(f"the loss became {loss} by step {step}; {self.advice}")
        self.smooth = loss if math.isnan(self.smooth) else 0.8 * self.smooth + 0.2 * loss
        self.lowest = min(self.lowest, self.smooth)
        if self.max_rise is not None and self.smooth > self.lowest + self.max_rise:
            raise RunError(f"the loss rose from {self.lowest:.3g} to {self.smooth:.3g} by step {step}; {self.advice}")


def advice(optimizer: torch.optim.Optimizer) -> str:
    """What to do about a training that diverged: of what its optimizer has."""
    remedies = "a lower learning rate, a longer warm-up or clipped gradients"
    if isinstance(optimizer, Search | Slopes | Rule):
        taken = inspect.signature(type(optimizer)).parameters
        remedies = " or ".join(words for name, words in OTHERWISE.items() if name in taken)
    return f"checkpoints are kept. Try a new run with {remedies}"
