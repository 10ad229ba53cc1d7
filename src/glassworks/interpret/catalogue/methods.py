"""Every method by name: one line on what it shows, one on the control that stands beside it, and where it is.

The table is read without torch, so that a list of it is there at once; `trace` finds a method's function when it is
run. Each function of the views takes a `Subject` and is as short as what a person would type; its body is what a page
shows as the way to repeat it.
"""

import difflib
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from glassworks.core.called import command

VIEWS = "glassworks.interpret.catalogue.views"
REPRESENTATIONS = "glassworks.interpret.catalogue.representation_views"


@dataclass(frozen=True)
class Method:
    """A way to look into a model."""

    summary: str
    """What it shows, in one line."""
    control: str
    """What stands beside it, or is checked, so that it can be believed; in one line."""
    run: str
    """The function from a `Subject` to a `Trace`, as "module:function"."""
    quick: bool = False
    """Whether it is part of a first look: a few seconds on a small model."""
    slow: str = ""
    """Where it takes long, and how much processor time (see docs/pretrained.md); empty = about a minute at most."""
    source: str = ""
    """The function whose docstring says what the arrays are, as "module:function"."""


METHODS: dict[str, Method] = {
    "surprise": Method(
        "a text coloured by how little the model expected each token",
        "the model reading only the one token before: what is lower, the context told; and its own expected surprise",
        f"{VIEWS}:surprise",
        quick=True,
        source="glassworks.interpret.transformer.lens:surprise",
    ),
    "attention": Method(
        "where each head looks, and how much it takes from there",
        "an untrained network's heads and one that looks everywhere alike; the norm of what is moved beside the weight",
        f"{VIEWS}:attention",
        quick=True,
        source="glassworks.interpret.transformer.lens:attention_patterns",
    ),
    "head_scores": Method(
        "which heads look at the token before, at duplicates, and at what came after them (induction)",
        "an untrained network of the same shape, and a head that looks everywhere alike",
        f"{VIEWS}:head_scores",
        quick=True,
        source="glassworks.interpret.transformer.heads:head_scores",
    ),
    "logit_lens": Method(
        "what each layer would predict if it were the last",
        "the last layer is the model's own output exactly; an untrained network's layers beside it",
        f"{VIEWS}:logit_lens",
        quick=True,
        source="glassworks.interpret.transformer.lens:logit_lens",
    ),
    "tuned_lens": Method(
        "the logit lens with a change of basis learned for each layer",
        "an untrained network's layers beside it; lens_divergence judges the lens on text that it was not fitted on",
        f"{VIEWS}:tuned_lens",
        slow="2 minutes on the demo's model, whose lens is fitted by gradient",
        source="glassworks.interpret.transformer.lens:logit_lens",
    ),
    "lens_divergence": Method(
        "how far each layer's reading is from the model's prediction on held-out text, by lens",
        "the logit lens, a prediction that never changes, and an untrained network",
        f"{VIEWS}:lens_divergence",
        slow="2 minutes on the demo's model, and on one of 135 million weights, where every layer reads the vocabulary",
        source="glassworks.interpret.transformer.tuned_lens:lens_divergence",
    ),
    "logit_attribution": Method(
        "how much each component adds, directly, to the logit of the predicted token",
        "the terms sum to the logit, and beside each stands what the same write adds to the other tokens",
        f"{VIEWS}:logit_attribution",
        quick=True,
        source="glassworks.interpret.transformer.attribution:logit_attribution",
    ),
    "neuron_attribution": Method(
        "how much each neuron adds, directly, to what is predicted after the last token",
        "with the other components' shares the terms sum to the logit; the mean over the vocabulary stands beside them",
        f"{VIEWS}:neuron_attribution",
        source="glassworks.interpret.transformer.attribution:neuron_attribution",
    ),
    "residual_decomposition": Method(
        "what each component wrote into the last token's residual stream",
        "an untrained network; the writes sum to the stream",
        f"{VIEWS}:residual_decomposition",
        source="glassworks.interpret.transformer.decomposition:residual_decomposition",
    ),
    "rollout": Method(
        "attention followed through all layers, as a guess at what each token contributes",
        "what taking the token away really does; uniform attention, an untrained network and the last layer alone",
        f"{VIEWS}:rollout",
        source="glassworks.interpret.transformer.rollout:attention_rollout",
    ),
    "activation_patching": Method(
        "which places carry what makes the model answer one text differently from another",
        "random changes of the same size; 0 is the plain corrupt run and 1 the plain clean one",
        f"{VIEWS}:activation_patching",
        quick=True,
        source="glassworks.interpret.causes.patching:activation_patching",
    ),
    "attribution_patching": Method(
        "activation patching by head, estimated from one gradient",
        "the true patching at every place, their correlation, and that of a shuffled estimate",
        f"{VIEWS}:attribution_patching",
        source="glassworks.interpret.causes.attribution_patching:attribution_patching",
    ),
    "ablation": Method(
        "how the log-probability of the model's next word changes when a head or an MLP is silenced, in three ways",
        "random changes of the same size at some of the same places",
        f"{VIEWS}:ablation",
        source="glassworks.interpret.causes.ablation:ablation",
    ),
    "path_patching": Method(
        "what each component tells another directly; in a large model, to the nine that are told most",
        "random changes of the same size along the same paths",
        f"{VIEWS}:path_patching",
        source="glassworks.interpret.causes.paths:path_patching",
    ),
    "edge_attribution": Method(
        "every path between components, estimated from one gradient",
        "some edges truly removed, their correlation with the estimate, and that of a shuffled one",
        f"{VIEWS}:edge_attribution",
        source="glassworks.interpret.causes.edge_attribution:edge_attribution",
    ),
    "circuit": Method(
        "the few paths that carry the contrast between two texts, found by true cuts",
        "faithfulness of as many edges in random order, of random connected circuits, and of everything else",
        f"{VIEWS}:circuit",
        slow="over a minute on a model of 135 million weights, of whose edges it cuts groups 900 times",
        source="glassworks.interpret.causes.circuits:find_circuit",
    ),
    "probe": Method(
        "what a linear probe reads off each layer about the text: white space, capitals, place",
        "a random network, shuffled labels and the majority, on held-out text",
        f"{VIEWS}:probe",
        source="glassworks.interpret.probing.report:probe",
    ),
    "mlp_probe": Method(
        "what a probe with a hidden layer reads off each layer, beside the linear one",
        "both probes on a random network and on shuffled labels, and the majority, on held-out text",
        f"{REPRESENTATIONS}:mlp_probe",
        slow="over a minute on a model of 135 million weights",
        source="glassworks.interpret.probing.report:probe",
    ),
    "similarity": Method(
        "how alike the layers' representations are (CKA)",
        "the same layers beside those of a random network, and rows in random order",
        f"{REPRESENTATIONS}:similarity",
        source="glassworks.interpret.probing.similarity:similarity",
    ),
    "svcca": Method(
        "how alike the layers' representations are, by canonical correlation (SVCCA)",
        "the same layers beside those of a random network, and rows in random order",
        f"{REPRESENTATIONS}:svcca",
        slow="over a minute on a model of 135 million weights",
        source="glassworks.interpret.probing.similarity:similarity",
    ),
    "sae": Method(
        "how few directions at a time make up the middle layer's values, and what is lost by them",
        "an autoencoder of the same size fitted to a random network, on held-out text",
        f"{REPRESENTATIONS}:sae",
        slow="2 minutes on a model of 135 million weights",
        source="glassworks.interpret.neurons.sae_report:sae_report",
    ),
    "steering": Method(
        "what pushing the middle layer towards the other text's values does to the answer",
        "random directions of the same length, the same push at the wrong layer, and no push",
        f"{VIEWS}:steering",
        source="glassworks.interpret.causes.steering:steer",
    ),
    "neuron_examples": Method(
        "what four neurons of the middle layer fire on: strongest, typical, random and weakest",
        "the same on held-out text; how far the strongest tokens agree, beside another neuron's",
        f"{REPRESENTATIONS}:neuron_examples",
        source="glassworks.interpret.neurons.examples:neuron_examples",
    ),
    "neuron_directions": Method(
        "which tokens some neurons read and promote, by their weights",
        "random directions as long as the neurons'",
        f"{REPRESENTATIONS}:neuron_directions",
        source="glassworks.interpret.neurons.directions:neuron_directions",
    ),
    "neuron_ablation": Method(
        "how much worse the model gets without each of some neurons",
        "other neurons of the layer, drawn at random",
        f"{REPRESENTATIONS}:neuron_ablation",
        slow="over a minute on a model of 135 million weights",
        source="glassworks.interpret.neurons.effects:neuron_ablation",
    ),
    "neuron_rules": Method(
        "how much of every neuron small rules explain: which tokens stand here and before",
        "rules on shuffled features, and rules of an untrained network, on held-out text",
        f"{REPRESENTATIONS}:neuron_rules",
        source="glassworks.interpret.neurons.rule_report:rule_report",
    ),
    "rule_swap": Method(
        "what the model still says with small rules in the place of the neurons that they explain",
        "rules with their questions dealt out anew, and the same neurons set to their means, on held-out text",
        f"{REPRESENTATIONS}:rule_swap",
        source="glassworks.interpret.neurons.rule_swap:swap_in",
    ),
    "health": Method(
        "scales of activations and gradients by layer, and units that never fire",
        "the same batch in an untrained network of the same shape",
        f"{VIEWS}:health",
        quick=True,
        source="glassworks.interpret.transformer.health:health",
    ),
}


def choose(names: Sequence[str]) -> list[str]:
    """Methods by name, with hyphens or commas too; none = the quick ones. A wrong name is refused with the nearest."""
    wanted = [part.strip().replace("-", "_") for name in names for part in name.split(",") if part.strip()]
    for name in wanted:
        if name not in METHODS:
            near = difflib.get_close_matches(name, METHODS, n=3, cutoff=0.0)
            raise ValueError(
                f"method (={name!r}) is not known; nearest: {', '.join(near)} ({command('look', '--list')})"
            )
    return list(dict.fromkeys(wanted)) or [name for name, method in METHODS.items() if method.quick]


def function(where: str) -> Callable[..., Any]:
    """The function that a "module:function" names."""
    module, name = where.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def code(method: Method) -> str:
    """What a method's function does with a `subject`, as lines of Python that end in `trace = ...`."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function(method.run))))
    body = re.sub(r'^def .*?:\n    """.*?"""\n', "", source, count=1, flags=re.DOTALL)
    return re.sub(r"^return ", "trace = ", textwrap.dedent(body), flags=re.MULTILINE).strip()


def array_notes(method: Method) -> dict[str, str]:
    """What each array of a method's trace is, by name, from the part "Arrays:" of its function's docstring."""
    if not method.source:
        return {}
    text = inspect.getdoc(inspect.unwrap(function(method.source))) or ""
    match = re.search(r"^Arrays(?:.*\n(?=\S))*?.*:\n((?:    .*\n?|\n)*)", text, re.MULTILINE)
    notes: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(match[1]).strip()) if match else []:
        names, _, note = entry.partition(":")
        for name in re.sub(r"\([^)]*\)", "", names).split(","):
            said = re.sub(r"(?<=\. )NaN\b", "No number", " ".join(note.split()))
            notes[name.strip()] = re.sub(r"\bNaN\b", "no number", said)
    return notes
