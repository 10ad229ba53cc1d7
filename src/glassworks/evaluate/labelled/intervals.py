"""Intervals of figures by the bootstrap: over examples, or over groups of them that belong together.

A figure here is a function of sums over examples, which is what makes a thousand resamples cheap: a resample takes each
example so many times, and all sums of all resamples are one product of a sparse matrix by those numbers. Two figures
are compared on the same resamples (paired): two predictors find the same examples hard, and what is uncertain of their
difference is far less than what is uncertain of either.

Percentile intervals (Efron and Tibshirani 1993, chapter 13). They are too narrow for fewer than about thirty examples,
and know nothing of the choice of the training part or of the seed of a training.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from glassworks.evaluate.ratios import NORMAL

Array = np.ndarray
RESAMPLES = 1000
AT_ONCE = 1 << 22
"""Numbers of a block of resamples: 32 MiB."""
FEW = 30
"""Examples, or groups, below which an interval that holds 0 is no tie: it is wide for want of examples."""
LEAST = 6
"""Examples on which two predictors must differ before one beats the other: of five that all say the same, chance would
make as much in 6 of 100 cases (the sign test)."""
UNKNOWN = "too few examples to tell"
Kind = Literal["proportion", "mean", "distance"]
"""A share of examples; anything else; or what chance alone makes larger than it is, as an ECE."""


@dataclass(frozen=True, eq=False)
class Figure:
    """Something measured of predictions, as a function of sums over examples."""

    columns: Any
    """(S, N) sparse: what each example adds to each sum."""
    of: Callable[[Array], Array]
    """Sums (S, R) to the figure (R,)."""
    kind: Kind = "mean"
    chance: float = 0.0
    """Of a distance: how large chance makes it on the mean where it is truly 0."""


@dataclass(frozen=True)
class Interval:
    """A figure, and where its 95 % interval begins and ends; None where the examples do not tell."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """A network's figure less a rival's on the same examples, and its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None
    units: int
    """Examples, or groups of them."""
    differing: int
    """On how many of these the two differ in what the figure is made of."""
    higher_is_better: bool

    @property
    def verdict(self) -> str:
        """beats, ties, or loses, by whether the interval holds 0; or too few examples to tell."""
        if self.low is None or self.high is None:
            return UNKNOWN
        apart = (self.low > 0 or self.high < 0) and self.differing >= LEAST
        if not apart:
            return "ties" if self.units >= FEW else UNKNOWN
        return "beats" if (self.low > 0) == self.higher_is_better else "loses"

    def figures(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self) | {"verdict": self.verdict}


def mean(values: Float[Array, " N"], *, kind: Kind = "mean", after: Callable[[Array], Array] | None = None) -> Figure:
    """The mean of numbers that examples have; `after` is done to it: `np.sqrt` for an RMSE."""
    columns = sparse.csr_array(np.stack([values, np.ones(len(values))]))
    return Figure(columns, lambda sums: (after or np.asarray)(sums[0] / sums[1]), kind)


def indicators(index: Int[Array, " N"], number: int, values: Float[Array, " N"] | None = None) -> Any:
    """(number, N) sparse: `values` (1) where an example has this index, so that sums are those of each index."""
    data = np.ones(len(index)) if values is None else values
    return sparse.csr_array((data, (index, np.arange(len(index)))), shape=(number, len(index)))


class Resamples:
    """Figures on the examples, and on resamples of them: by name, one name a figure."""

    def __init__(
        self,
        figures: Mapping[str, Figure],
        groups: Int[Array, " N"] | None = None,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        """Compute them all.

        Args:
            figures: of the same N examples, at least one.
            groups: the group of each, which are then taken or left as wholes; None = each by itself.
            resamples: how many; fewer, down to 200, for more than a hundred thousand examples.
            seed: of the resamples.
        """
        number = next(iter(figures.values())).columns.shape[1]
        if not number:
            raise ValueError("there is no example to measure on: give at least one")
        if groups is not None:
            _, index = np.unique(groups, return_inverse=True)
            members = indicators(index, int(index.max()) + 1).T  # (N, G)
        self.columns = {
            name: figure.columns if groups is None else figure.columns @ members for name, figure in figures.items()
        }
        self.kinds = {name: figure.kind for name, figure in figures.items()}
        self.chances = {name: figure.chance for name, figure in figures.items()}
        self.units: int = next(iter(self.columns.values())).shape[1]
        self.values = {
            name: float(figure.of(np.asarray(self.columns[name].sum(axis=1))[:, None])[0])
            for name, figure in figures.items()
        }
        resamples = min(resamples, max(200, int(1e8) // self.units))
        found: dict[str, list[Array]] = {name: [] for name in figures}
        whole = sparse.vstack(list(self.columns.values()), format="csr")  # one product for all
        ends = np.cumsum([columns.shape[0] for columns in self.columns.values()])
        for times in draws(self.units, resamples, seed):
            for name, sums in zip(figures, np.split(whole @ times, ends[:-1]), strict=True):
                found[name].append(figures[name].of(sums))
        self.found = {name: np.concatenate(blocks) for name, blocks in found.items()}

    def interval(self, name: str) -> Interval:
        """A figure's 95 % interval.

        Where all resamples give the same, they tell of no uncertainty. Then a proportion of 0 or 1 has the end of
        Wilson's interval (1927), z^2 / (n + z^2) away, and any other figure has none.

        Chance makes an ECE larger than it is, by `chance` at most: its interval reaches so much further down.
        """
        value, kind = self.values[name], self.kinds[name]
        if np.isnan(value):
            return Interval(None, None, None)
        ends = quantiles(self.found[name])
        if ends is None:
            return Interval(value, None, None)
        low, high = ends
        if kind == "distance":
            away = value - float(self.found[name].mean())  # by which resamples, with chance twice, are too large
            low, high = max(0.0, low + away - self.chances[name]), high + away
        if alike(low, high):
            if kind != "proportion":
                return Interval(value, None, None)
            low, high = max(0.0, low - self.open_end), min(1.0, high + self.open_end)
        return Interval(value, low, high)

    def difference(self, ours: str, theirs: str, *, higher_is_better: bool) -> Difference:
        """One figure less another, resample by resample.

        Where the two never differ, the share on which they would is below Wilson's bound; of one unit nothing is known.
        """
        value = self.values[ours] - self.values[theirs]
        apart = (self.columns[ours] - self.columns[theirs]).tocoo()
        differing = len(np.unique(apart.coords[1][apart.data != 0]))
        ends = quantiles(self.found[ours] - self.found[theirs]) if self.units > 1 else None
        if ends is None or np.isnan(value):
            return Difference(None if np.isnan(value) else value, None, None, self.units, differing, higher_is_better)
        low, high = ends
        if alike(low, high) and self.kinds[ours] == "proportion":
            low, high = max(-1.0, low - self.open_end), min(1.0, high + self.open_end)
        return Difference(value, low, high, self.units, differing, higher_is_better)

    @property
    def open_end(self) -> float:
        """How far from 0 a proportion may be of which no example was seen."""
        return NORMAL**2 / (self.units + NORMAL**2)


def alike(low: float, high: float) -> bool:
    """Whether all resamples gave the same, but for rounding."""
    return high - low <= 1e-12 * max(1.0, abs(low), abs(high))


def wilson(hits: int, number: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a proportion of independent examples (Wilson 1927); None of no example.

    >>> [round(end, 3) for end in wilson(9, 10)]
    [0.596, 0.982]
    """
    if not number:
        return None, None
    middle, square = hits + NORMAL**2 / 2, NORMAL**2
    reach = NORMAL * math.sqrt(hits * (number - hits) / number + square / 4)
    return max(0.0, (middle - reach) / (number + square)), min(1.0, (middle + reach) / (number + square))


def draws(units: int, resamples: int, seed: int) -> Any:
    """How many times each resample takes each unit, (units, R) in blocks of resamples."""
    generator, done = np.random.default_rng(seed), 0
    step = max(1, AT_ONCE // units)
    while done < resamples:
        size = min(step, resamples - done)
        cells = generator.integers(0, units, (units, size)) * size + np.arange(size)
        yield np.bincount(cells.ravel(), minlength=units * size).reshape(units, size).astype(np.float64)
        done += size


def quantiles(values: Float[Array, " R"]) -> tuple[float, float] | None:
    """The 2.5 and 97.5 % quantiles; None where a tenth or more of the resamples have no value."""
    known = values[np.isfinite(values)]
    if len(known) <= 0.9 * len(values):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
