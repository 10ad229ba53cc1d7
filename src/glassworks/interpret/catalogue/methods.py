"""Every method of `look` by name: its legend, where it is, and what it reads of a `Subject`.

The table is read without torch, so that a list of it is there at once; `function` finds a method when it is run.
"""

import difflib
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from glassworks.core.called import command
from glassworks.interpret.causes.legends import edges as edges
from glassworks.interpret.causes.legends import places as causes
from glassworks.interpret.images.legends import ascent, correspondence, features, invariance, occlusion, training
from glassworks.interpret.images.legends import attribution as attributions
from glassworks.interpret.landscapes.legends import hessian as curvature
from glassworks.interpret.landscapes.legends import signals, steps, surfaces
from glassworks.interpret.neurons import fit_legends as fits
from glassworks.interpret.neurons import legends as neurons
from glassworks.interpret.probing import legends as probing
from glassworks.interpret.transformer.legends import attribution, heads, health, predictions
from glassworks.trace.legend import Legend

Of = Literal["text", "images", "table"]
EVERY: tuple[Of, ...] = ("text", "images", "table")
READS: dict[Of, str] = {"text": "text", "images": "images", "table": "rows of a table"}
"""What a network reads, in words."""


@dataclass(frozen=True)
class Method:
    """A way to look into a model."""

    legend: Legend
    """What it asks, what it shows, what nothing would look like, and its control."""
    run: str
    """The function from a `Subject` to a `Trace`, as "module:function" of `interpret.catalogue`."""
    made_of: str
    """The function that it calls, which takes any model that suits it, as "module:function" of `interpret`."""
    reads: tuple[Literal["against", "data", "checkpoints"], ...] = ()
    """What it reads of a subject beside what is looked at: the contrasting sentence, the data to fit and measure on,
    the checkpoints of the run."""
    quick: bool = False
    """Whether it is part of a first look: a few seconds on a small model."""
    slow: str = ""
    """Where it takes long, and how much processor time (see docs/pretrained.md); empty = about a minute at most."""

    @property
    def wing(self) -> str:
        """Which of `WINGS` it belongs to."""
        return self.run.partition(":")[0]

    @property
    def of(self) -> tuple[Of, ...]:
        """What the networks read that it looks into."""
        return EVERY if self.wing == "landscapes" else ("images",) if self.wing == "images" else ("text",)

    @property
    def code(self) -> str:
        """Python that makes `trace` from a `subject`."""
        module, name = self.run.split(":")
        return f"from glassworks.interpret.catalogue.{module} import {name}\n\ntrace = {name}(subject)"


WINGS = {
    "transformer": "How the network computes",
    "causes": "What causes the answer",
    "probing": "What is in the layers",
    "neurons": "Single neurons",
    "images": "What it sees in an image",
    "landscapes": "Why it trains",
}
"""What the methods of each wing of `interpret` are about, in the order of a page."""

METHODS: dict[str, Method] = {
    "surprise": Method(
        predictions.SURPRISE, "transformer:surprise", "transformer.lens:surprise", reads=("data",), quick=True
    ),
    "attention": Method(heads.ATTENTION, "transformer:attention", "transformer.lens:attention_patterns", quick=True),
    "head_scores": Method(heads.HEAD_SCORES, "transformer:head_scores", "transformer.heads:head_scores", quick=True),
    "logit_lens": Method(predictions.LOGIT_LENS, "transformer:logit_lens", "transformer.lens:logit_lens", quick=True),
    "tuned_lens": Method(
        predictions.TUNED_LENS,
        "transformer:tuned_lens",
        "transformer.tuned_lens:tuned_lens",
        reads=("data",),
        slow="2 minutes on the demo's model, whose lens is fitted by gradient",
    ),
    "lens_divergence": Method(
        predictions.LENS_DIVERGENCE,
        "transformer:lens_divergence",
        "transformer.tuned_lens:lens_divergence",
        reads=("data",),
        slow="2 minutes on the demo's model, and on one of 135 million weights, where every layer reads the vocabulary",
    ),
    "logit_attribution": Method(
        attribution.LOGIT_ATTRIBUTION,
        "transformer:logit_attribution",
        "transformer.attribution:logit_attribution",
        quick=True,
    ),
    "neuron_attribution": Method(
        attribution.NEURON_ATTRIBUTION, "transformer:neuron_attribution", "transformer.attribution:neuron_attribution"
    ),
    "residual_decomposition": Method(
        attribution.RESIDUAL_DECOMPOSITION,
        "transformer:residual_decomposition",
        "transformer.decomposition:residual_decomposition",
    ),
    "rollout": Method(heads.ROLLOUT, "transformer:rollout", "transformer.rollout:attention_rollout"),
    "token_saliency": Method(heads.TOKEN_SALIENCY, "transformer:token_saliency", "transformer.saliency:token_saliency"),
    "activation_patching": Method(
        causes.ACTIVATION_PATCHING,
        "causes:activation_patching",
        "causes.patching:activation_patching",
        reads=("against",),
        quick=True,
    ),
    "attribution_patching": Method(
        causes.ATTRIBUTION_PATCHING,
        "causes:attribution_patching",
        "causes.attribution_patching:attribution_patching",
        reads=("against",),
    ),
    "ablation": Method(causes.ABLATION, "causes:ablation", "causes.ablation:ablation", reads=("data",)),
    "path_patching": Method(
        edges.PATH_PATCHING, "causes:path_patching", "causes.paths:path_patching", reads=("against",)
    ),
    "edge_attribution": Method(
        edges.EDGE_ATTRIBUTION,
        "causes:edge_attribution",
        "causes.edge_attribution:edge_attribution",
        reads=("against",),
    ),
    "circuit": Method(
        edges.CIRCUIT,
        "causes:circuit",
        "causes.circuits:find_circuit",
        reads=("against",),
        slow="over a minute on a model of 135 million weights, of whose edges it cuts groups 900 times",
    ),
    "probe": Method(probing.PROBE, "probing:probe", "probing.report:probe", reads=("data",)),
    "mlp_probe": Method(
        probing.MLP_PROBE,
        "probing:mlp_probe",
        "probing.report:probe",
        reads=("data",),
        slow="over a minute on a model of 135 million weights",
    ),
    "similarity": Method(probing.SIMILARITY, "probing:similarity", "probing.similarity:similarity", reads=("data",)),
    "svcca": Method(
        probing.SVCCA,
        "probing:svcca",
        "probing.similarity:similarity",
        reads=("data",),
        slow="over a minute on a model of 135 million weights",
    ),
    "sae": Method(
        fits.SAE,
        "neurons:sae",
        "neurons.sae_report:sae_report",
        reads=("data",),
        slow="2 minutes on a model of 135 million weights",
    ),
    "steering": Method(causes.STEERING, "causes:steering", "causes.steering:steer", reads=("against",)),
    "neuron_examples": Method(
        neurons.NEURON_EXAMPLES, "neurons:neuron_examples", "neurons.examples:neuron_examples", reads=("data",)
    ),
    "neuron_directions": Method(
        neurons.NEURON_DIRECTIONS, "neurons:neuron_directions", "neurons.directions:neuron_directions"
    ),
    "neuron_ablation": Method(
        neurons.NEURON_ABLATION,
        "neurons:neuron_ablation",
        "neurons.effects:neuron_ablation",
        reads=("data",),
        slow="over a minute on a model of 135 million weights",
    ),
    "neuron_rules": Method(
        fits.NEURON_RULES, "neurons:neuron_rules", "neurons.rule_report:rule_report", reads=("data",)
    ),
    "rule_swap": Method(fits.RULE_SWAP, "neurons:rule_swap", "neurons.rule_swap:swap_in", reads=("data",)),
    "grad_cam": Method(
        attributions.CAMS["grad"], "images:grad_cam", "images.attribution.methods:class_activation", quick=True
    ),
    "grad_cam_plus_plus": Method(
        attributions.CAMS["grad++"], "images:grad_cam_plus_plus", "images.attribution.methods:class_activation"
    ),
    "hires_cam": Method(attributions.CAMS["hires"], "images:hires_cam", "images.attribution.methods:class_activation"),
    "integrated_gradients": Method(
        attributions.INTEGRATED_GRADIENTS,
        "images:integrated_gradients",
        "images.attribution.methods:integrated_gradients",
        quick=True,
    ),
    "saliency": Method(attributions.SALIENCY, "images:saliency", "images.attribution.methods:saliency"),
    "smooth_grad": Method(attributions.SMOOTH_GRAD, "images:smooth_grad", "images.attribution.methods:smooth_grad"),
    "guided_backprop": Method(
        attributions.GUIDED_BACKPROP, "images:guided_backprop", "images.attribution.methods:guided_backprop"
    ),
    "guided_grad_cam": Method(
        attributions.GUIDED_GRAD_CAM, "images:guided_grad_cam", "images.attribution.methods:guided_grad_cam"
    ),
    "occlusion": Method(occlusion.OCCLUSION, "images:occlusion", "images.occlusion.four_maps:occlusion", quick=True),
    "strongest_examples": Method(
        features.STRONGEST,
        "images:strongest_examples",
        "images.features.strongest:strongest_examples",
        reads=("data",),
        quick=True,
    ),
    "projections": Method(
        features.PROJECTIONS, "images:projections", "images.features.deconvnet:projections", quick=True
    ),
    "feature_visualisation": Method(
        ascent.FEATURE_VISUALISATION,
        "images:feature_visualisation",
        "images.features.feature_visualisation:feature_visualisation",
        reads=("data",),
    ),
    "neighbours": Method(ascent.NEIGHBOURS, "images:neighbours", "images.neighbours:neighbours", reads=("data",)),
    "evolution": Method(
        training.EVOLUTION, "images:evolution", "images.features.evolution:evolution", reads=("checkpoints",)
    ),
    "invariance": Method(invariance.INVARIANCE, "images:invariance", "images.invariance:invariance", reads=("data",)),
    "correspondence": Method(
        correspondence.CORRESPONDENCE, "images:correspondence", "images.correspondence:correspondence", reads=("data",)
    ),
    "loss_surface": Method(
        surfaces.LOSS_SURFACE,
        "landscapes:loss_surface",
        "landscapes.surface:loss_surface",
        reads=("data", "checkpoints"),
    ),
    "along_step": Method(
        steps.ALONG_STEP, "landscapes:along_step", "landscapes.along_step:along_step", reads=("data",)
    ),
    "covariate_shift": Method(
        steps.COVARIATE_SHIFT,
        "landscapes:covariate_shift",
        "landscapes.covariate_shift:covariate_shift",
        reads=("data",),
        slow="minutes on a model of 135 million weights, a pass for each of its matrices",
    ),
    "hessian": Method(curvature.HESSIAN, "landscapes:hessian", "landscapes.hessian:hessian", reads=("data",)),
    "noise_scale": Method(
        signals.NOISE, "landscapes:noise_scale", "landscapes.noise_scale:noise_scale", reads=("data",)
    ),
    "signal": Method(signals.signal_legend(), "landscapes:signal", "landscapes.signals:signal", reads=("data",)),
    "health": Method(health.HEALTH, "transformer:health", "transformer.health:health", reads=("data",), quick=True),
}

LANDSCAPES = "glassworks.interpret.landscapes."
FROM_PYTHON = {
    "coordinate_check": ("a network at several widths", f"{LANDSCAPES}signals.coordinate_check"),
    "initialise": ("a network before its training", f"{LANDSCAPES}initialisation.initialise"),
    "initialisation": ("a network before its training", f"{LANDSCAPES}initialisation.initialise"),
    "loss_line": ("lines of your own choice", f"{LANDSCAPES}surface.loss_line"),
    "over_training": ("a training as it goes", f"{LANDSCAPES}along_step.watching"),
    "watching": ("a training as it goes", f"{LANDSCAPES}along_step.watching"),
}
"""Looks that no finished run can be given to: what each needs, and the function to call from Python."""


def choose(names: Sequence[str], of: Of = "text") -> list[str]:
    """Methods by name, with hyphens or commas too; none = the quick ones for text and images, all for a table.

    Raises: ValueError for a name that is not known, with the nearest, for one of Python alone, with where it is, and
        for a method of other networks.
    """
    ours = [name for name, method in METHODS.items() if of in method.of]
    chosen = [part.strip().replace("-", "_") for name in names for part in name.split(",") if part.strip()]
    for name in chosen:
        if name in FROM_PYTHON:
            needs, where = FROM_PYTHON[name]
            raise ValueError(f"method (={name!r}) needs {needs}, which a run is not: call {where} from Python")
        if name not in METHODS:
            near = difflib.get_close_matches(name, ours, n=3, cutoff=0.0)
            raise ValueError(
                f"method (={name!r}) is not known; nearest: {', '.join(near)} ({command('look', '--list')})"
            )
        if name not in ours:
            raise ValueError(
                f"method (={name!r}) looks into networks that read {METHODS[name].of[0]}, and this one reads "
                f"{READS[of]} ({command('look', '--list')})"
            )
    return list(dict.fromkeys(chosen)) or [name for name in ours if METHODS[name].quick or of == "table"]


def function(method: Method) -> Callable[[Any], Any]:
    """A method's function from a `Subject` to a `Trace`."""
    module, name = method.run.split(":")
    found: Callable[[Any], Any] = getattr(importlib.import_module(f"glassworks.interpret.catalogue.{module}"), name)
    return found
