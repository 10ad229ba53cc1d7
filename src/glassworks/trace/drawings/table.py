"""Drawings of single methods, and what each of them reads.

All other drawings follow from a trace's legend alone. Those in `OWN` read their method's arrays, axes and labels by
their names, which is said once, in `Own`. A trace that lacks any of them, of an earlier version or of somebody's own
making, is drawn generally instead, so that no name hides an array and none breaks a page.
"""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from glassworks.draw.arrays.heatmap import is_number
from glassworks.draw.markup import Markup, join
from glassworks.trace.drawings.attention import attention_figure, habits_figure, moved_figure
from glassworks.trace.drawings.attribution import logit_figure, neuron_logit_figure, stream_figure
from glassworks.trace.drawings.circuit import circuit_figure, curve_figure
from glassworks.trace.drawings.edges import guessed_edges_figure, paths_figure
from glassworks.trace.drawings.effects import (
    RANDOM,
    effects_figure,
    effects_of,
    guesses_figure,
    guesses_of,
    steering_figure,
)
from glassworks.trace.drawings.heads import scores_figure
from glassworks.trace.drawings.health import dead_units, scale_figure
from glassworks.trace.drawings.lens import distance_figure, lens_figure
from glassworks.trace.drawings.occlusion import occlusion_figure
from glassworks.trace.drawings.probing import probe_figure
from glassworks.trace.drawings.rollout import rollout_figure
from glassworks.trace.drawings.texts import surprise_figure
from glassworks.trace.general import Token
from glassworks.trace.neurons.directions import directions_tables
from glassworks.trace.neurons.effects import REPLACEMENTS, ablation_figure, swap_figure
from glassworks.trace.neurons.figures import neuron_figure
from glassworks.trace.neurons.latents import MEASURES, sae_figure
from glassworks.trace.neurons.rules import SHUFFLED, rules_figure
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


LOOKS = "layer", "head", "query", "key"


def looks(trace: Trace) -> dict[str, Axes]:
    """The pattern, of as many queries as keys."""
    pattern = trace.arrays.get("pattern")
    return {"pattern": LOOKS} if pattern is not None and len(set(pattern.shape[2:])) == 1 else {}


LENS = {
    **like(("top_ids", "top_probabilities"), "layer", "position", "top"),
    **like(("next_probability", "next_rank"), "layer", "next"),
}
OWN_LENS = Own(
    LENS,
    lambda trace, token: join([lens_figure(trace, token), distance_figure(trace, token)]),
    ({"kl": ("network", "layer", "position")},),
    sizes={"layer": MANY},
)
CURVE = like(("edges", "faithfulness", "complement"), "size")
RANDOM_CURVE = {"random": ("draw", "size")}
EDGES = "writer", "reader"
TERMS = "term", "vocabulary_mean", "vocabulary_std"
PLACE = "split", "neuron", "example"
FIRES: dict[str, Axes] = {**like(("activation", "row", "position"), *PLACE), "window_activation": (*PLACE, "offset")}
FRESH: dict[str, Axes] = {f"untrained_{name}": axes for name, axes in FIRES.items()}
LATENT: dict[str, Axes] = {
    "latent": ("row", "shown"),
    **like(("latent_activation", "latent_row", "latent_position"), "row", "split", "shown", "example"),
    "latent_window_activation": ("row", "split", "shown", "example", "offset"),
}
PROMOTED: dict[str, Axes] = {
    **like(("promoted_ids", "promoted"), "row", "shown", "top"),
    "promoted_control": ("row", "top"),
}
HEALTH: dict[str, Axes] = {
    "activation_rms": ("layer", "site"),
    "gradient_rms": ("layer", "part"),
    "dead_fraction": ("layer",),
}
WINDOWS = "window_row", "window_column"
OCCLUSION: dict[str, Axes] = {
    "picture": ("example", "shown", "colour", "pixel_row", "pixel_column"),
    **like(("unit", "whole_activation"), "feature", "example"),
    "activation": ("feature", "example", *WINDOWS),
    "probability": ("network", "example", *WINDOWS),
    "whole_probability": ("network", "example"),
    "label": ("example", *WINDOWS),
    **like(("whole_label", "target"), "example"),
}
OUTER = {"outer_gradient_rms": ("outer",)}
OWN = {
    "attention": Own(
        looks,
        lambda trace, token: join([attention_figure(trace), moved_figure(trace, token), habits_figure(trace, token)]),
        (
            {"moved": LOOKS},
            {"habit": ("network", "place", "layer", "head")},
            {"entropy": ("network", "layer", "head")},
        ),
    ),
    "head_scores": Own(
        {"score": ("network", "pattern", "layer", "head")},
        scores_figure,
        ({"loss": ("network", "position")},),
        labels={"network": named(), "position": numbered},
    ),
    "logit_lens": OWN_LENS,
    "tuned_lens": OWN_LENS,
    "logit_attribution": Own(
        {**like(TERMS, "component", "position"), "target": ("position",)}, logit_figure, ({"against": ("position",)},)
    ),
    "neuron_attribution": Own(
        like(TERMS, "layer", "neuron"), neuron_logit_figure, ({"activation": ("layer", "neuron")},)
    ),
    "residual_decomposition": Own(
        {"share": ("network", "component", "position")},
        stream_figure,
        tuple(each(("norm", "cosine"), "network", "component", "position")),
        sizes={"network": range(2, 3)},
    ),
    "activation_patching": Own(effects_of, effects_figure),
    "attribution_patching": Own(guesses_of, guesses_figure),
    "ablation": Own(effects_of, effects_figure),
    "steering": Own(
        like(("metric", "deviation"), "row", "scale"), steering_figure, labels={"row": named(RANDOM), "scale": numbered}
    ),
    "faithfulness_curve": Own(CURVE, curve_figure, (RANDOM_CURVE,)),
    "circuit": Own(
        {**CURVE, **like(("kept", "score"), *EDGES)}, circuit_figure, (RANDOM_CURVE, {"same_size": ("pairs", "draw")})
    ),
    "path_patching": Own(
        like(("effect", "control", "edge"), *EDGES), paths_figure, labels=dict.fromkeys(EDGES, named())
    ),
    "edge_attribution": Own(
        like(("score", "edge"), *EDGES),
        guessed_edges_figure,
        (like(("estimate", "true"), "checked"),),
        labels={**dict.fromkeys(EDGES, named()), "checked": connected},
    ),
    "neuron_examples": Own(
        FIRES,
        neuron_figure,
        (
            {"window_token": (*PLACE, "offset")},
            *each(("lowest", "highest", "firing_rate"), "split", "neuron"),
            like(("token_agreement", "token_agreement_control"), "neuron"),
            FRESH,
            {**FRESH, "untrained_window_token": (*PLACE, "offset")},
        ),
        labels={"neuron": counted, "example": named(), "offset": counted},
        sizes={"split": range(2, 3)},
    ),
    "neuron_directions": Own(
        {
            **like(("promoted", "promoted_ids", "suppressed", "suppressed_ids"), "neuron", "top"),
            **like(("nearest", "nearest_ids"), "side", "neuron", "top"),
            **like(("promoted_control", "nearest_control"), "top"),
        },
        directions_tables,
        labels={"side": named()},
    ),
    "neuron_ablation": Own(
        {
            **like(("effect", "effect_error", "kl", "larger"), "neuron"),
            **like(("control_effect", "control_kl"), "control"),
        },
        ablation_figure,
        labels=dict.fromkeys(("neuron", "control"), named()),
    ),
    "neuron_rules_swapped_in": Own(
        {
            **like(("kl", "kl_error", "top1", "top1_error"), "replacement", "place"),
            **like(("num_replaced", "num_neurons"), "place"),
        },
        swap_figure,
        labels={"replacement": named(*REPLACEMENTS), "place": named()},
    ),
    "probe": Own(
        {**like(("accuracy", "error"), "row", "point"), "target_accuracy": ("row", "point", "target")},
        probe_figure,
        labels=dict.fromkeys(("row", "point"), named()),
        sizes={"point": MANY},
    ),
    "sae": Own(
        {**like(MEASURES, "row"), "frequency": ("row", "latent")},
        sae_figure,
        (LATENT, {**LATENT, **PROMOTED}),
        labels={"row": named(), "split": named(), "example": named(), "offset": counted},
        sizes={"row": range(2, 3), "split": range(2, 3)},
    ),
    "neuron_rules": Own(
        {
            "told_neuron": ("point", "told"),
            **like(("told_rule", "told_value", "told_fires", "told_count"), "point", "told", "rule"),
            "r2": ("row", "point", "neuron"),
            **like(("explained", "median_r2", "median_f1"), "row", "point"),
            "f1_always": ("point", "neuron"),
        },
        rules_figure,
        labels={"row": named(SHUFFLED), "point": named(), "told": named()},
        sizes={"neuron": MANY},
    ),
    "rollout": Own(
        {"kl": ("ablation", "source"), "guess": ("guess", "source")},
        rollout_figure,
        ({"correlation": ("guess", "ablation")},),
        labels={"ablation": named()},
        sizes={"source": MANY},
    ),
    "surprise": Own(
        {"nats": ("token",)},
        partial(surprise_figure, beside=True),
        (*each(("nats_alone", "entropy"), "token"), like(("top_ids", "top_probabilities"), "token", "top")),
    ),
    "occlusion": Own(
        OCCLUSION,
        lambda trace, _: occlusion_figure(trace),
        labels={"class": named()},
        sizes={"feature": range(2, 3), "network": range(2, 3), "shown": range(2, 3)},
    ),
    "health": Own(
        HEALTH,
        lambda trace, _: join([scale_figure(trace), dead_units(trace)]),
        (
            OUTER,
            {**OUTER, "outer_gradient_rms_untrained": ("outer",)},
            *({f"{name}_untrained": axes} for name, axes in HEALTH.items()),
        ),
    ),
}
