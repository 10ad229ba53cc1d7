"""The one renderer of traces: whatever arrays a trace holds, drawn so that a result is seen beside its controls.

A method that has a drawing of its own is drawn by that (attention, lenses, surprise, health). Of any other, each array
is drawn by the kinds of its axes (see `draw/arrays/axes.py`): lines along what is in order, heat maps of what is not,
bars, images, coloured text; what has more axes than a drawing, as small drawings on one scale. The trace's legend says
what belongs together: a result, its errors and its controls. Numbers without axes join `meta` in a table.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from glassworks.draw.markup import Markup, join, tag
from glassworks.trace.attention import attention_figure, habits_figure, moved_figure
from glassworks.trace.attribution import logit_figure, neuron_logit_figure, stream_figure
from glassworks.trace.circuit import circuit_figure, curve_figure
from glassworks.trace.edges import guessed_edges_figure, paths_figure
from glassworks.trace.effects import effects_figure, guesses_figure, has_effects, has_guesses, steering_figure
from glassworks.trace.general import Token, general_figure, missing, sentence, words_of
from glassworks.trace.heads import scores_figure
from glassworks.trace.health import CONTROL, dead_units, scale_figure
from glassworks.trace.lens import distance_figure, lens_figure
from glassworks.trace.neurons.directions import directions_tables
from glassworks.trace.neurons.effects import ablation_figure, swap_figure
from glassworks.trace.neurons.figures import neuron_figure
from glassworks.trace.neurons.latents import MEASURES, sae_figure
from glassworks.trace.neurons.rules import rules_figure
from glassworks.trace.probing import probe_figure
from glassworks.trace.rollout import rollout_figure
from glassworks.trace.texts import surprise_figure
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
    if own is None or not own.suits(trace) or any(trace.axes.get(name) != axes for name, axes in own.needs.items()):
        return join([*words_of(trace, token, "measure"), general_figure(trace, token)])
    if all(trace.arrays[name].size for name in own.needs):
        drawn = own.draw(trace, token)
        left_out = trace.arrays if own.without is None else own.without
        return join([*words_of(trace, token, "measure"), drawn, general_figure(trace, token, left_out)])
    return missing("The trace is empty: there is nothing to draw.")


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


@dataclass(frozen=True)
class Own:
    """A method's own drawing, the arrays, with their axes, that it needs, and those it leaves nothing to say about."""

    needs: dict[str, tuple[str, ...]]
    draw: Callable[[Trace, Token], Markup]
    without: Collection[str] | None
    """Arrays; None = all."""
    suits: Callable[[Trace], bool] = lambda trace: True
    """Whether the trace has what is drawn, where that depends on what was asked for."""


LENS = {
    "top_ids": ("layer", "position", "top"),
    "top_probabilities": ("layer", "position", "top"),
    "next_probability": ("layer", "next"),
    "next_rank": ("layer", "next"),
}
CURVE: dict[str, tuple[str, ...]] = dict.fromkeys(("edges", "faithfulness", "complement"), ("size",))
CURVE_PARTS = (*CURVE, "random")
CIRCUIT = {**CURVE, "kept": ("writer", "reader"), "score": ("writer", "reader")}
CIRCUIT_PARTS = (*CURVE_PARTS, "kept", "same_size", "same_size_edges")
NEURONS: dict[str, tuple[str, ...]] = {
    "activation": ("split", "neuron", "example"),
    "window_activation": ("split", "neuron", "example", "offset"),
}
TERMS = ("term", "vocabulary_mean", "vocabulary_std")
LOGIT: dict[str, tuple[str, ...]] = dict.fromkeys(TERMS, ("component", "position")) | {"target": ("position",)}
NEURON_TERMS: dict[str, tuple[str, ...]] = dict.fromkeys(TERMS, ("layer", "neuron"))
STREAM: dict[str, tuple[str, ...]] = {"share": ("network", "component", "position")}
OWN_LENS = Own(
    LENS,
    lambda trace, token: join([lens_figure(trace, token), distance_figure(trace, token)]),
    (*LENS, "entropy", "kl"),
)
TRUTH: dict[str, tuple[str, ...]] = {"kl": ("ablation", "source"), "guess": ("guess", "source")}
SAE: dict[str, tuple[str, ...]] = {**dict.fromkeys(MEASURES, ("row",)), "frequency": ("row", "latent")}
RULES: dict[str, tuple[str, ...]] = {
    "told_neuron": ("point", "told"),
    "told_rule": ("point", "told", "rule"),
    "r2": ("row", "point", "neuron"),
    "explained": ("row", "point"),
}
DIRECTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("promoted", "promoted_ids", "suppressed", "suppressed_ids"), ("neuron", "top")),
    **dict.fromkeys(("nearest", "nearest_ids"), ("side", "neuron", "top")),
    **dict.fromkeys(("promoted_control", "nearest_control"), ("top",)),
}
ABLATION: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("effect", "effect_error", "kl", "larger"), ("neuron",)),
    **dict.fromkeys(("control_effect", "control_kl"), ("control",)),
}
SWAP: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("kl", "kl_error", "top1", "top1_error"), ("replacement", "place")),
    **dict.fromkeys(("num_replaced", "num_neurons"), ("place",)),
}
PROBE: dict[str, tuple[str, ...]] = {
    "accuracy": ("row", "point"),
    "error": ("row", "point"),
    "target_accuracy": ("row", "point", "target"),
}
HEALTH = {"activation_rms": ("layer", "site"), "gradient_rms": ("layer", "part"), "dead_fraction": ("layer",)}
OWN = {
    "attention": Own(
        {"pattern": ("layer", "head", "query", "key")},
        lambda trace, token: join([attention_figure(trace), moved_figure(trace, token), habits_figure(trace, token)]),
        ("pattern", "moved", "habit", "entropy"),
    ),
    "head_scores": Own({"score": ("network", "pattern", "layer", "head")}, scores_figure, ("score", "error", "loss")),
    "logit_lens": OWN_LENS,
    "tuned_lens": OWN_LENS,
    "logit_attribution": Own(LOGIT, logit_figure, (*LOGIT, "against", "logit")),
    "neuron_attribution": Own(NEURON_TERMS, neuron_logit_figure, (*TERMS, "activation")),
    "residual_decomposition": Own(STREAM, stream_figure, ("share", "norm", "cosine", "write", "stream")),
    "activation_patching": Own({}, effects_figure, None, has_effects),
    "attribution_patching": Own({}, guesses_figure, None, has_guesses),
    "ablation": Own({}, effects_figure, None, has_effects),
    "steering": Own({"metric": ("row", "scale"), "deviation": ("row", "scale")}, steering_figure, None),
    "faithfulness_curve": Own(CURVE, curve_figure, CURVE_PARTS),
    "circuit": Own(CIRCUIT, circuit_figure, CIRCUIT_PARTS),
    "path_patching": Own(dict.fromkeys(("effect", "control", "edge"), ("writer", "reader")), paths_figure, None),
    "edge_attribution": Own({"score": ("writer", "reader"), "edge": ("writer", "reader")}, guessed_edges_figure, None),
    "neuron_examples": Own(NEURONS, neuron_figure, tuple(NEURONS)),
    "neuron_directions": Own(DIRECTIONS, directions_tables, tuple(DIRECTIONS)),
    "neuron_ablation": Own(ABLATION, ablation_figure, tuple(ABLATION)),
    "neuron_rules_swapped_in": Own(SWAP, swap_figure, tuple(SWAP)),
    "probe": Own(PROBE, probe_figure, tuple(PROBE)),
    "sae": Own(SAE, sae_figure, tuple(SAE)),
    "neuron_rules": Own(RULES, rules_figure, tuple(RULES)),
    "rollout": Own(TRUTH, rollout_figure, (*TRUTH, "correlation")),
    "surprise": Own({"nats": ("token",)}, partial(surprise_figure, beside=True), ("nats", "entropy", "nats_alone")),
    "health": Own(
        HEALTH,
        lambda trace, _: join([scale_figure(trace), dead_units(trace)]),
        [f"{name}{whose}" for name in (*HEALTH, "outer_gradient_rms") for whose in ("", CONTROL)],
    ),
}
