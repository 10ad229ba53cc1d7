"""Running tallies over activations that pass by once: the places of the highest score, moments, and a histogram."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glassworks.interpret.access.axes import axes_of
from glassworks.interpret.access.finite import run_for, where_it_begins
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.access.maps import finding_maps

BINS = 128


def activations_of(
    model: nn.Module, inputs: Tensor, point: str, neurons: Sequence[int] | None = None
) -> Float[Tensor, "b T F"]:
    """One forward pass's activations at a point, float32. ValueError if any is not finite.

    A matrix (b, F) becomes (b, 1, F), a convolution's map (b, F, H, W) becomes (b, H·W, F), row of places by row, and
    what our heads say, (b, T, H, D), becomes (b, T, H·D); other axes are told by `axes.describe`.
    """
    device = next((p.device for p in model.parameters()), inputs.device)
    with torch.no_grad(), capture(model, point) as seen, finding_maps(model, point) as maps:
        run_for(model, inputs.to(device), point)
    if len(seen) != 1:
        raise ValueError(f"point (={point!r}) must stand for one place, not {len(seen)}: {', '.join(seen)}")
    ((key, value),) = seen.items()
    a = axes_of(model, key, value, maps).rows(value)
    if value.ndim < 2 or len(a) != len(inputs):
        raise ValueError(f"{point} has shape {tuple(value.shape)}: it must be ({len(inputs)}, positions, neurons)")
    if neurons is not None:
        if not len(neurons) or not all(0 <= i < a.size(-1) for i in neurons):
            raise ValueError(f"neurons (={list(neurons)[:5]}, ...) must be numbers below the {a.size(-1)} of {point}")
        a = a[..., torch.tensor(neurons, device=a.device)]
    if not torch.isfinite(a).all():
        raise ValueError(f"{point} holds NaN or infinities, which begin at {where_it_begins(model, inputs.to(device))}")
    return a.float()


class Best:
    """For each of F neurons the k inputs of the highest score so far, with the activations around the place.

    Equal scores keep the order in which they came.
    """

    def __init__(self, F: int, k: int, before: int, after: int, device: torch.device) -> None:
        self.k, self.before = k, before
        self.offsets = torch.arange(-before, after + 1, device=device)
        self.score = torch.full((F, k), -torch.inf, device=device)
        self.value = torch.full((F, k), torch.nan, device=device)
        self.row = torch.full((F, k), -1, device=device)
        self.position = torch.full((F, k), -1, device=device)
        self.window = torch.full((F, k, len(self.offsets)), torch.nan, device=device)

    def offer(self, score: Float[Tensor, "b T _"], a: Float[Tensor, "b T F"], first: int) -> None:
        """Consider a batch, of which the first input is number `first`. A score of -inf is none; F or 1 of them."""
        T, F = a.shape[1:]
        highest, at = (x.expand(-1, F) for x in score.max(1))  # (b, F)
        top, which = highest.T.sort(dim=1, descending=True, stable=True)
        top, which = top[:, : self.k], which[:, : self.k]  # (F, k)
        where = at.T.gather(1, which)
        neuron = torch.arange(F, device=a.device)[:, None]
        places = where[..., None] + self.offsets
        inside = (places >= 0) & (places < T)
        window = a[which[..., None], places.clamp(0, T - 1), neuron[..., None]]
        none = top == -torch.inf
        new = (
            top,
            a[which, where, neuron].masked_fill(none, torch.nan),
            (which + first).masked_fill(none, -1),
            where.masked_fill(none, -1),
            window.masked_fill(~inside | none[..., None], torch.nan),
        )
        old = (self.score, self.value, self.row, self.position, self.window)
        both = [torch.cat(pair, 1) for pair in zip(old, new, strict=True)]
        order = both[0].sort(dim=1, descending=True, stable=True).indices[:, : self.k]
        self.score, self.value, self.row, self.position = (x.gather(1, order) for x in both[:4])
        self.window = both[4].gather(1, order[..., None].expand(-1, -1, len(self.offsets)))

    def arrays(self) -> dict[str, np.ndarray]:
        """The activations (F, k), their inputs and positions, and the windows (F, k, W)."""
        return {
            "activation": self.value.cpu().numpy(),
            "row": self.row.int().cpu().numpy(),
            "position": self.position.int().cpu().numpy(),
            "window_activation": self.window.cpu().numpy(),
        }


class Tally:
    """Moments, extremes and a histogram of each of F neurons.

    The bins divide [-scale, scale]; when an activation falls outside, the scale doubles and neighbouring bins are
    joined, so every count stays exact.
    """

    def __init__(self, F: int, above: float, device: torch.device) -> None:
        self.above, self.number = above, 0
        self.total, self.square = torch.zeros(2, F, dtype=torch.float64, device=device)
        self.fired, self.zero = torch.zeros(2, F, dtype=torch.int64, device=device)
        self.lowest, self.highest = (torch.full((F,), x, device=device) for x in (torch.inf, -torch.inf))
        self.scale = torch.zeros(F, device=device)
        self.bins = torch.zeros(F, BINS, dtype=torch.int64, device=device)

    def add(self, a: Float[Tensor, "b T F"], mask: Bool[Tensor, "b T 1"]) -> None:
        """Count a batch, where the mask is true."""
        x = a[mask[..., 0]]  # (places, F)
        if not len(x):
            return
        self.number += len(x)
        self.total += x.sum(0, dtype=torch.float64)
        self.square += x.double().square().sum(0)
        self.fired += (x > self.above).sum(0)
        self.zero += (x == 0).sum(0)
        self.lowest = torch.minimum(self.lowest, x.min(0).values)
        self.highest = torch.maximum(self.highest, x.max(0).values)
        self.widen(x.abs().max(0).values)
        at = ((x / self.scale.clamp(min=1e-38) + 1) * (BINS // 2)).long().clamp_(0, BINS - 1)
        at += torch.arange(x.size(1), device=x.device) * BINS
        self.bins += torch.bincount(at.flatten(), minlength=self.bins.numel()).view_as(self.bins)

    def widen(self, largest: Tensor) -> None:
        """Double scales until the largest activations are inside."""
        fresh = (self.scale == 0) & (largest > 0)
        power = torch.exp2(torch.floor(torch.log2(largest.clamp(min=1e-37))) + 1)
        self.scale = torch.where(fresh, power, self.scale)
        while bool((outside := largest >= self.scale.where(largest > 0, torch.inf)).any()):
            joined = torch.zeros_like(self.bins)
            joined[:, BINS // 4 : 3 * BINS // 4] = self.bins.view(len(self.bins), BINS // 2, 2).sum(2)
            self.bins = torch.where(outside[:, None], joined, self.bins)
            self.scale = torch.where(outside, 2 * self.scale, self.scale)

    def arrays(self) -> dict[str, np.ndarray]:
        """The numbers, by name."""
        n = max(self.number, 1)
        mean = self.total / n
        bins = self.bins.clone()
        bins[:, BINS // 2] -= self.zero
        deviation = (self.square / n - mean.square()).clamp(min=0).sqrt()
        numbers = {
            "firing_rate": self.fired / n,
            "zeros": self.zero / n,
            "mean": mean.float(),
            "deviation": deviation.float(),
            "lowest": self.lowest,
            "highest": self.highest,
            "scale": self.scale,
            "histogram": bins,
        }
        return {name: x.cpu().numpy() for name, x in numbers.items()}
