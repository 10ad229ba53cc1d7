"""Drawings of single methods, and what each of them reads.

All other drawings follow from a trace's legend alone. Those in `OWN` read their method's arrays, axes and labels by
their names, which is said once, in `Own`. A trace that lacks any of them, of an earlier version or of somebody's own
making, is drawn generally instead, so that no name hides an array and none breaks a page.
"""

from functools import partial

from glassworks.draw.markup import join
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
from glassworks.trace.drawings.noise_scale import noise_figure
from glassworks.trace.drawings.occlusion import occlusion_figure
from glassworks.trace.drawings.own import MANY, Axes, Own, connected, counted, each, like, named, numbered
from glassworks.trace.drawings.population import population_figure
from glassworks.trace.drawings.probing import probe_figure
from glassworks.trace.drawings.rollout import rollout_figure
from glassworks.trace.drawings.surface import OTHER, surface_figure
from glassworks.trace.drawings.texts import surprise_figure
from glassworks.trace.neurons.directions import directions_tables
from glassworks.trace.neurons.effects import REPLACEMENTS, ablation_figure, swap_figure
from glassworks.trace.neurons.figures import neuron_figure
from glassworks.trace.neurons.latents import MEASURES, sae_figure
from glassworks.trace.neurons.rules import SHUFFLED, rules_figure
from glassworks.trace.trace import Trace

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
    "noise_scale": Own(
        {
            **like(("noise_scale", "noise_scale_low", "noise_scale_high"), "network"),
            **like(("gradient", "gradient_error", "gradient_chance"), "network"),
            "step_share": ("network", "batch_size"),
        },
        noise_figure,
        labels={"network": named(), "batch_size": numbered},
    ),
    "population": Own(
        {
            "loss": ("second", "first"),
            **like(("member_first", "member_second"), "generation", "member"),
            **like(("centre_first", "centre_second"), "generation"),
        },
        population_figure,
        labels={"first": numbered, "second": numbered, "generation": counted},
    ),
    "loss_surface": Own(
        {"loss": ("second", "first")},
        surface_figure,
        ({OTHER: ("second", "first")}, like(("path_first", "path_second"), "step")),
        labels=dict.fromkeys(("first", "second"), numbered),
        sizes=dict.fromkeys(("first", "second"), MANY),
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
