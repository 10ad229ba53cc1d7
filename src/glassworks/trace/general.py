"""The general drawing of a trace: each array by its axes, a result beside its controls, single numbers in a table."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Axis
from glassworks.draw.arrays.plot import draw
from glassworks.draw.arrays.texts import written_figure
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.names import name_of
from glassworks.draw.scales import minus, plain
from glassworks.draw.tokens import visible
from glassworks.trace.pairing import controls_of, errors_of, note_of, value_of
from glassworks.trace.trace import Trace

Token = Callable[[int], str]
IDS = re.compile(r"(.*_)?(ids?|tokens?)|target|against")
ID = re.compile(r"(.*_)?token(_id)?|target|against")
"""Settings that are a token's id."""
EDGE = "edge"
"""An array of whether two things are joined at all."""
FOR_USE = {
    "activation_patching": ".*_metric",
    "ablation": ".*_metric",
    "path_patching": "metric",
    "residual_decomposition": "write|stream",
    "neuron_directions": "logit_effect",
    "neuron_rules": "held_out|feature_mean",
    "neuron_rules_swapped_in": "judged",
}
"""By method, the names of arrays that are there to be computed with, or said by others."""
BESIDE = {
    "logit_attribution": {"term": ["vocabulary_mean"]},
    "neuron_attribution": {"term": ["vocabulary_mean"]},
    "sae": {"loss": ["loss_spliced", "loss_ablated"]},
}
"""By method, what stands beside an array without its name giving it away."""
FOLDED = {
    "logit_attribution": "vocabulary_std|output|scale",
    "neuron_attribution": "activation|vocabulary_std",
    "residual_decomposition": "norm|cosine",
    "rollout": "drop",
}
"""By method, the names of arrays that wait to be opened."""
PERCENT = {"neuron_rules": "explained|firing_rate", "sae": "dead_share|frequency"}
"""By method, the names of shares that are mostly small, and shown in percent."""
MAX_ARRAYS = 24


def general_figure(trace: Trace, token: Token, notes: Mapping[str, str], without: Collection[str] = ()) -> Markup:
    """Each array by its axes, in the trace's order; then the numbers without axes, and what is not drawn."""
    said = partial(name_of, method=trace.method)
    percent = PERCENT.get(trace.method, "$^")
    arrays = {
        name: readable(name, 100.0 * array if re.fullmatch(percent, name) else array, token)
        for name, array in trace.arrays.items()
        if name not in without
    }
    shown = replace(trace, arrays=arrays, axes={name: trace.axes[name] for name in arrays}, labels={})
    kept = [name for name in arrays if is_for_use(trace.method, name, trace.axes[name])]
    kept = kept if len(kept) < len(arrays) else []
    single = {said(name): array.item() for name, array in arrays.items() if array.size == 1 and name not in kept}
    figures: list[Markup] = []
    folded: list[Markup] = []
    for name, figure in figures_of(trace, shown, notes, kept):
        (folded if re.fullmatch(FOLDED.get(trace.method, "$^"), name) else figures).append(figure)
    if len(figures) > MAX_ARRAYS:
        figures = [*figures[:MAX_ARRAYS], missing(f"{len(figures) - MAX_ARRAYS} more arrays are not drawn.")]
    if folded:
        figures.append(tag("details", tag("summary", "More numbers"), *folded))
    unsaid = ", ".join(said(name) for name in kept if name != EDGE)
    if unsaid:
        figures.append(missing(f"Kept in the trace for further use, and not drawn: {unsaid}."))
    meta = {
        said(key): named(key, value, token) for key, value in trace.meta.items() if not re.match("metric($|_)", key)
    }
    return join([*figures, numbers({**single, **meta})])


def figures_of(
    trace: Trace, shown: Trace, notes: Mapping[str, str], kept: Collection[str]
) -> Iterator[tuple[str, Markup]]:
    """The figures of the arrays of `shown`, each by the name of its first array."""
    said = partial(name_of, method=trace.method)
    arrays, errors = shown.arrays, errors_of(shown)
    controls = {**controls_of(shown), **BESIDE.get(trace.method, {})}
    partner = {name: value_of(name, shown) for name, array in arrays.items() if array.dtype.kind == "U"}
    masked = {name: hide(name, array, trace) for name, array in arrays.items()}
    others = (name for found in controls.values() for name in found)
    done = {*errors.values(), *others, *partner.values(), *kept}
    for name, array in arrays.items():
        if name in done or array.size == 1:
            continue
        axes = [Axis.of(axis, array.shape[i], trace.labels.get(axis)) for i, axis in enumerate(trace.axes[name])]
        note = note_of(name, notes)
        if not array.size:
            yield name, missing(f"“{said(name)}” is empty: there is nothing to draw.")
        elif array.dtype.kind == "U":
            by = partner[name] or ""
            yield name, written_figure(said(name), array, axes, arrays.get(by), said(by), note)
        elif array.dtype.kind not in "fiub":
            yield name, missing(f"“{said(name)}” is of type {array.dtype}: it is not drawn.")
        else:
            error = arrays.get(errors.get(name, ""))
            drawn = Drawn(said(name), masked[name], tuple(axes), None if error is None else error.astype(float), note)
            beside = [other for other in controls.get(name, []) if other in arrays]
            yield name, draw(beside_controls(drawn, {said(other): masked[other] for other in beside}))


def named(key: str, value: str | float | int, token: Token) -> str | float | int:
    """A setting as it is shown: the text of a token that is given by its id."""
    return f"“{visible(token(value))}”" if isinstance(value, int) and ID.fullmatch(key) and value >= 0 else value


def readable(name: str, array: np.ndarray, token: Token) -> np.ndarray:
    """Ids as the tokens' texts, white space in tokens as signs; other arrays as they are."""
    if array.dtype.kind == "U" and any(part in ("token", "tokens", "piece", "pieces") for part in name.split("_")):
        return np.array([visible(text) for text in array.ravel().tolist()], dtype=str).reshape(array.shape)
    if array.dtype.kind in "iu" and IDS.fullmatch(name):
        texts = [visible(token(int(id))) if id >= 0 else "" for id in array.ravel()]
        return np.array(texts, dtype=str).reshape(array.shape)
    return array


def is_for_use(method: str, name: str, axes: tuple[str, ...]) -> bool:
    """Whether an array is there to be computed with: weights, trees, what can be told from its neighbours."""
    return bool(re.fullmatch(FOR_USE.get(method, "$^"), name)) or name == EDGE or "node" in axes


def hide(name: str, array: np.ndarray, trace: Trace) -> np.ndarray:
    """The numbers as floats, without those of pairs that no edge joins, if the trace says which do."""
    if array.dtype.kind not in "fiub":
        return array
    values = array.astype(float)
    if name != EDGE and trace.axes.get(EDGE) == trace.axes[name] and trace.arrays[EDGE].dtype.kind == "b":
        values[~trace.arrays[EDGE]] = np.nan
    return values


def beside_controls(drawn: Drawn, controls: Mapping[str, np.ndarray]) -> Drawn:
    """The array with its controls, by their names, as one array, whose first axis compares them."""
    if not controls:
        return drawn
    stacked = np.stack([drawn.values, *controls.values()])
    errors = None
    if drawn.errors is not None:
        errors = np.stack([drawn.errors, *(np.full_like(drawn.errors, np.nan) for _ in controls)])
    labels = (drawn.name, *controls)
    axis = Axis("array", "named", labels, len(labels))
    return replace(drawn, values=stacked, errors=errors, axes=(axis, *drawn.axes))


def metric_said(trace: Trace, token: Token) -> Markup:
    """A sentence on the metric that the numbers are of, where the trace names it."""
    meta = trace.meta
    if not isinstance(name := meta.get("metric"), str):
        return Markup("")
    first, second = (
        f"“{visible(token(which))}”" if isinstance(which, int) else ""
        for which in (meta.get("metric_token"), meta.get("metric_less_token"))
    )
    what = {
        "logit difference": f"the logit of {first or 'the one answer'} less that of {second or 'the other'}",
        "log-probability": f"the log-probability of {first or 'the answer'}",
    }.get(name, f"the {name}")
    at = meta.get("metric_position", -1)
    where = "the last token" if at == -1 else f"position {at}"
    return tag("p", f"The metric is {what}, as what follows {where}, in nats.", class_="about")


def numbers(values: Mapping[str, str | float | int]) -> Markup:
    """Names and values, in as many columns as fit."""
    shown = {name: minus(plain(value)) if isinstance(value, int | float) else value for name, value in values.items()}
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in shown.items()]
    return tag("dl", *rows, class_="numbers") if rows else Markup("")


def missing(what: str) -> Markup:
    """A line in place of a drawing."""
    return tag("p", f"{what[:1].upper()}{what[1:]}", class_="missing")
