"""The one renderer of traces: whatever arrays a trace holds, drawn so that a result is seen beside its controls.

The general drawing follows from the trace's legend alone: each array by the kinds of its axes (`draw/arrays/axes.py`),
as lines along what is in order, heat maps of what is not, bars, images, coloured text; what has more axes than a
drawing, as small drawings on one scale; a result with its errors and its controls. Numbers without axes join `meta` in
a table. Some methods have a drawing of their own, which reads its method's names; see `own`.
"""

from dataclasses import replace

from glassworks.draw.markup import Markup, join, tag
from glassworks.trace.drawings.table import OWN
from glassworks.trace.general import Token, general_figure, sentence, words_of
from glassworks.trace.trace import Trace

NO_TOKENIZER: Token = "#{}".format


def trace_figure(trace: Trace, token: Token | None = None) -> Markup:
    """Any trace as figures, after a sentence on what their numbers are of.

    Args:
        trace: what an interpretation returned.
        token: a token's text by its id, for arrays of ids; None = what the trace itself says.
    """
    token = token or texts_in(trace)
    own = OWN.get(trace.method)
    drawn = {} if own is None else own.draws(trace)
    if own is None or not drawn:
        return join([*words_of(trace, token, "measure"), general_figure(unhidden(trace), token)])
    figures = own.draw(without(trace, own.unfit(trace)), token)
    return join([*words_of(trace, token, "measure"), figures, general_figure(trace, token, drawn)])


def explained(trace: Trace, token: Token | None = None) -> Markup:
    """Any trace as figures between what is asked, how they are read, what nothing would look like, and the control."""
    token = token or texts_in(trace)
    after = [
        tag("p", join([tag("b", heading), said]), class_="control")
        for heading, part in (("If there were nothing", "nothing"), ("Control", "control"))
        for said in [sentence(getattr(trace.legend, part), trace, token)]
        if said
    ]
    return join([*words_of(trace, token, "question", "reading"), trace_figure(trace, token), *after])


def texts_in(trace: Trace) -> Token:
    """What a trace itself says of the texts of ids."""
    return lambda id: trace.tokens.get(id, NO_TOKENIZER(id))


def unhidden(trace: Trace) -> Trace:
    """The trace whose arrays that are part of another's figure wait to be opened where no other one has them.

    So do the errors of controls, which the figure of what they are beside has no place for.
    """
    told = {
        name: replace(about, show="folded", error="") if about.show == "beside" else about
        for name, about in trace.legend.quantities.items()
    }
    return replace(trace, legend=replace(trace.legend, quantities=told))


def without(trace: Trace, names: set[str]) -> Trace:
    """The trace less some arrays."""
    axes = {name: of for name, of in trace.axes.items() if name not in names}
    known = {axis for of in axes.values() for axis in of}
    labels = {axis: of for axis, of in trace.labels.items() if axis in known}
    return replace(trace, arrays={name: trace.arrays[name] for name in axes}, axes=axes, labels=labels)
