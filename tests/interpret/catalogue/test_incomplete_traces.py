"""Whatever a method's trace lacks, it is drawn, and nothing that is left in it is hidden."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tests.interpret.catalogue.test_methods import TEXTS, make_subject

from glassworks.interpret.catalogue.methods import METHODS, function
from glassworks.interpret.catalogue.subject import Subject
from glassworks.trace.drawings.table import OWN
from glassworks.trace.legend import Legend
from glassworks.trace.render import trace_figure, without
from glassworks.trace.trace import Trace

SLOW = {"activation_patching", "tuned_lens", "lens_divergence", "neuron_rules", "neuron_examples", "sae"}


@pytest.fixture(scope="module")
def subject() -> Subject:
    return make_subject()


def incomplete(trace: Trace) -> Iterator[tuple[str, Trace]]:
    """The trace, and what is left of it without one of its parts."""
    yield "whole", trace
    yield "no legend", replace(trace, legend=Legend())
    yield "no labels", replace(trace, labels={})
    yield "no meta", replace(trace, meta={})
    yield "arrays alone", Trace(trace.method, trace.arrays, trace.axes)
    for name in trace.arrays:
        yield f"no {name}", without(trace, {name})
    for axis in sorted({axis for axes in trace.axes.values() for axis in axes}):
        for size in (0, 1):
            yield f"{axis} of {size}", cut(trace, axis, size)


def cut(trace: Trace, axis: str, size: int) -> Trace:
    """The trace with fewer entries along an axis."""
    arrays = {
        name: array[tuple(slice(size if of == axis else None) for of in trace.axes[name])]
        for name, array in trace.arrays.items()
    }
    labels = {of: known[:size] if of == axis else known for of, known in trace.labels.items()}
    about = trace.legend.axes.get(axis)
    legend = (
        trace.legend if about is None else trace.legend.with_axes(**{axis: replace(about, ticks=about.ticks[:size])})
    )
    return replace(trace, arrays=arrays, labels=labels, legend=legend)


def hidden(trace: Trace) -> list[str]:
    """The arrays whose numbers could be others without any change of the page; but for those that are to be hidden."""
    page, found = trace_figure(trace), []
    drawn = trace.method in OWN and OWN[trace.method].draws(trace)
    titles = [trace.legend.of(name).title for name in trace.arrays]
    for name, array in trace.arrays.items():
        about = trace.legend.of(name)
        if name == "loss_recovered" or "more arrays are not drawn" in page:  # a share of what is nothing; as is said
            continue
        if about.show == "kept" or (about.show == "beside" and drawn) or np.array_equal(array, other(array)):
            continue
        if name not in (drawn or {}) and about.title in page and titles.count(about.title) == 1:
            continue
        if trace_figure(replace(trace, arrays=trace.arrays | {name: other(array)})) == page:
            found.append(name)
    return found


def other(array: np.ndarray) -> np.ndarray:
    """Other values that an array may have."""
    if array.dtype.kind == "U":
        return np.char.add(array, "!")
    if array.dtype.kind == "b":
        return ~array
    if array.dtype.kind == "i":
        return np.where(array > 0, array - 1, array + 1)
    return np.where(np.isfinite(array), 0.5 * array + 0.1, 0.0)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in TEXTS])
def test_an_incomplete_trace_is_drawn_with_all_that_is_left(name: str, subject: Subject) -> None:
    trace = function(METHODS[name])(subject)
    assert {what: found for what, part in incomplete(trace) if (found := hidden(part))} == {}


@pytest.mark.parametrize("method", OWN)
def test_arrays_of_anybody_under_the_name_of_a_method_are_drawn(method: str) -> None:
    trace = Trace(method, {"mine": np.arange(6.0).reshape(2, 3)}, {"mine": ("layer", "other")})
    assert hidden(trace) == []
