"""The general drawing of a trace: each array as its legend and its axes say, then single numbers in a table."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Axis
from glassworks.draw.arrays.plot import draw
from glassworks.draw.arrays.texts import texts_figure
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import figure, minus, plain
from glassworks.draw.tokens import visible
from glassworks.trace.legend import Quantity, filled
from glassworks.trace.trace import Trace

Token = Callable[[int], str]
MAX_ARRAYS = 24


def general_figure(trace: Trace, token: Token, without: Collection[str] = ()) -> Markup:
    """Each array by its legend and axes, in the trace's order; then the numbers without axes."""
    left = [name for name in trace.arrays if name not in without]
    about = {name: trace.legend.of(name) for name in left}
    beside = {
        other for one in about.values() for other in (*one.controls, one.error, one.colours, one.captions, one.where)
    }
    captions = {one.captions for one in about.values()}
    figures, folded = list[Markup](), list[Markup]()
    for name in left:
        if trace.arrays[name].size != 1 and name not in beside and about[name].show in ("shown", "folded"):
            (folded if about[name].show == "folded" else figures).append(array_figure(trace, name, token))
    if len(figures) > MAX_ARRAYS:
        figures = [*figures[:MAX_ARRAYS], missing(f"{len(figures) - MAX_ARRAYS} more arrays are not drawn.")]
    if folded:
        figures.append(tag("details", tag("summary", "More numbers"), *folded))
    single = [
        (sentence(about[name].title, trace, token), value_in_words(trace, name, trace.arrays[name].item(), token))
        for name in left
        if trace.arrays[name].size == 1 and about[name].show in ("shown", "folded") and name not in captions
    ]
    meta = [
        (title, value_in_words(trace, name, value, token))
        for name, value in trace.meta.items()
        if (title := trace.legend.numbers.get(name, name.replace("_", " ")))
    ]
    return join([*figures, numbers([*single, *meta])])


def array_figure(trace: Trace, name: str, token: Token) -> Markup:
    """The figure of one array, with what its legend puts beside it."""
    array, about = trace.arrays[name], trace.legend.of(name)
    title, note = (sentence(text, trace, token) for text in (about.title, about.note))
    axes = [axis_of(trace, axis, array.shape[i]) for i, axis in enumerate(trace.axes[name])]
    if not array.size:
        return missing(f"“{title}” is empty: there is nothing to draw.")
    if array.dtype.kind == "U" or name in trace.legend.ids:
        by = trace.legend.of(about.colours)
        colours = trace.arrays.get(about.colours)
        return texts_figure(title, texts_of(array, token), axes, colours, sentence(by.title, trace, token), note)
    if array.dtype.kind not in "fiub":
        return missing(f"“{title}” is of type {array.dtype}: it is not drawn.")
    error = numbers_of(trace, about.error, about)
    values = values_of(trace, name, about)
    drawn = Drawn(title, values, tuple(axes), error, note, least=about.least, ends=about.ends, log=about.log)
    drawn = replace(drawn, captions=captions_of(trace, name, about.captions))
    controls = {other: values_of(trace, other, about) for other in about.controls if other in trace.arrays}
    return draw(beside_controls(drawn, controls, trace, token))


def captions_of(trace: Trace, name: str, texts: str) -> np.ndarray | None:
    """The texts below an array's images, with as many axes as it has."""
    if texts not in trace.arrays:
        return None
    order = sorted(trace.axes[texts], key=trace.axes[name].index)
    array = trace.arrays[texts].transpose([trace.axes[texts].index(axis) for axis in order])
    return array.reshape([array.shape[order.index(axis)] if axis in order else 1 for axis in trace.axes[name]])


def axis_of(trace: Trace, name: str, size: int) -> Axis:
    """An axis as the legend says it is, its labels as they are said on a page."""
    about, labels = trace.legend.dimension(name, trace.labels.get(name)), trace.labels.get(name)
    said = None if labels is None else [trace.legend.entries.get(label, label) for label in about.ticks or labels]
    controls = tuple(trace.legend.entries.get(label, label) for label in about.controls)
    axis = Axis.of(about.title or name.replace("_", " "), about.kind, size, said, controls=controls)
    return replace(axis, places=about.places)


def values_of(trace: Trace, name: str, quantity: Quantity) -> np.ndarray:
    """An array's numbers as floats, in percent if they are shown so, without the entries that there are not."""
    values = numbers_of(trace, name, quantity)
    assert values is not None
    if (where := trace.arrays.get(quantity.where)) is not None:
        values = np.where(where, values, np.nan)
    return values


def numbers_of(trace: Trace, name: str, quantity: Quantity) -> np.ndarray | None:
    """An array as floats; None if there is none of that name."""
    array = trace.arrays.get(name)
    return None if array is None else array.astype(float) * (100.0 if quantity.percent else 1.0)


def beside_controls(drawn: Drawn, controls: Mapping[str, np.ndarray], trace: Trace, token: Token) -> Drawn:
    """The array with its controls, by their names, as one array, whose first axis compares them."""
    if not controls:
        return drawn
    stacked = np.stack([drawn.values, *controls.values()])
    errors = None
    if drawn.errors is not None:
        errors = np.stack([drawn.errors, *(np.full_like(drawn.errors, np.nan) for _ in controls)])
    others = tuple(sentence(trace.legend.of(other).title, trace, token) for other in controls)
    axis = Axis("", "class", (drawn.name, *others), 1 + len(others), controls=others)
    captions = None if drawn.captions is None else drawn.captions[None]
    return replace(drawn, values=stacked, errors=errors, axes=(axis, *drawn.axes), captions=captions)


def texts_of(array: np.ndarray, token: Token) -> np.ndarray:
    """Ids as the tokens' texts, and white space in texts as signs; -1 is no token."""
    if array.dtype.kind == "U":
        texts = [visible(text) for text in array.ravel().tolist()]
    else:
        texts = [visible(token(int(id))) if id >= 0 else "" for id in array.ravel()]
    return np.array(texts, dtype=str).reshape(array.shape)


# ----------------------------------------------------------------------------------------------------------------------
# Words and single numbers


def sentence(text: str, trace: Trace, token: Token) -> str:
    """A text of the legend, its {names} filled with the trace's numbers; tokens as their texts."""

    def say(name: str) -> str | None:
        value: object = trace.meta.get(name)
        if value is None and name in trace.arrays and trace.arrays[name].size == 1:
            value = trace.arrays[name].item()
        if value is None:
            return None
        if name in trace.legend.ids and isinstance(value, int):
            return visible(token(value))
        return as_written(value)

    return filled(text, say)


def value_in_words(trace: Trace, name: str, value: str | float | int, token: Token) -> str | float | int:
    """A single number as it is shown: the text of a token that is given by its id, words as the legend has them."""
    if name in trace.legend.ids and isinstance(value, int) and value >= 0:
        return f"“{visible(token(value))}”"
    return trace.legend.entries.get(value, value) if isinstance(value, str) else value


def words_of(trace: Trace, token: Token, *parts: str) -> Iterator[Markup]:
    """Some of the legend's texts, a paragraph each; those that are empty are left out."""
    for part in parts:
        if text := sentence(getattr(trace.legend, part), trace, token):
            yield tag("p", text, class_=part)


def as_written(value: object) -> str:
    """A single value as it is written: numbers in three digits, counts as they are."""
    if isinstance(value, str):
        return plain(value)
    return figure(value) if isinstance(value, float) else minus(plain(value))


def numbers(values: Sequence[tuple[str, str | float | int]]) -> Markup:
    """Names and values, in as many columns as fit."""
    rows = [tag("div", tag("dt", name), tag("dd", as_written(value))) for name, value in values]
    return tag("dl", *rows, class_="numbers") if rows else Markup("")


def missing(what: str) -> Markup:
    """A line in place of a drawing."""
    return tag("p", f"{what[:1].upper()}{what[1:]}", class_="missing")
