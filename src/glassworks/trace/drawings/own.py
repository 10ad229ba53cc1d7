"""What a drawing of a single method reads by name, said once: the arrays, their axes, labels and sizes."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from glassworks.draw.arrays.heatmap import is_number
from glassworks.draw.markup import Markup
from glassworks.trace.general import Token
from glassworks.trace.trace import Trace

Axes = tuple[str, ...]
Arrays = Mapping[str, Axes]
"""Names of arrays, with their axes."""
Labels = Callable[[Sequence[str]], bool]
MANY = range(2, sys.maxsize)


def named(*wanted: str) -> Labels:
    """Labels, whatever they are, with some among them."""
    return lambda labels: set(wanted) <= set(labels)


def numbered(labels: Sequence[str]) -> bool:
    """Labels that are numbers."""
    return all(is_number(label) and math.isfinite(float(label)) for label in labels)


def counted(labels: Sequence[str]) -> bool:
    """Labels that are whole numbers."""
    return all(label.removeprefix("-").isdecimal() for label in labels)


def connected(labels: Sequence[str]) -> bool:
    """Labels from one to another."""
    return all(" → " in label for label in labels)


@dataclass(frozen=True)
class Own:
    """A method's own drawing, and all that it reads by name: a trace that lacks it is drawn generally."""

    needs: Arrays | Callable[[Trace], Arrays]
    """The arrays that it draws; a function, where names follow from the trace's: of none, there is nothing to draw."""
    draw: Callable[[Trace, Token], Markup]
    also: tuple[Arrays, ...] = ()
    """Arrays that it draws too, each group where all of it is there; what does not fit is drawn generally."""
    labels: Mapping[str, Labels] = field(default_factory=dict)
    """Axes whose labels it reads, and what they must be."""
    sizes: Mapping[str, range] = field(default_factory=dict)
    """Sizes that an axis may have, where it is not any from 1 on."""

    def draws(self, trace: Trace) -> Arrays:
        """The arrays that it draws, and leaves nothing to say about; none, if the trace lacks what it needs."""
        needs = self.needs(trace) if callable(self.needs) else self.needs
        if not needs or not self.fit(trace, needs):
            return {}
        return {**needs, **{name: axes for more in self.also if self.fit(trace, more) for name, axes in more.items()}}

    def unfit(self, trace: Trace) -> set[str]:
        """Arrays that it would read, and that are not as it reads them."""
        return {name for more in self.also for name in more} - self.draws(trace).keys()

    def fit(self, trace: Trace, arrays: Arrays) -> bool:
        """Whether all the arrays are there, with axes, labels and sizes as they are read."""
        return all(
            trace.axes.get(name) == axes and all(map(self.suits, [trace] * len(axes), axes, trace.arrays[name].shape))
            for name, axes in arrays.items()
        )

    def suits(self, trace: Trace, axis: str, size: int) -> bool:
        """Whether an axis has a size and labels that are read."""
        labels, wanted = trace.labels.get(axis), self.labels.get(axis)
        told = wanted is None or (labels is not None and wanted(labels))
        return told and (size in self.sizes[axis] if axis in self.sizes else size > 0)


def like(names: Sequence[str], *axes: str) -> dict[str, Axes]:
    """Arrays of the same axes."""
    return dict.fromkeys(names, axes)


def each(names: Sequence[str], *axes: str) -> Iterator[dict[str, Axes]]:
    """Arrays of the same axes, each for itself."""
    return ({name: axes} for name in names)
