"""Identifiers as words: what arrays, axes, settings and methods are called on a page."""

WRITTEN = {
    "kl": "KL", "rms": "RMS", "r2": "R²", "f1": "F1", "std": "deviation", "mlp": "MLP", "cka": "CKA", "svcca": "SVCCA",
    "sae": "SAE", "num": "number of", "top1": "same first token",
}  # fmt: skip
"""Words within a name."""

PHRASES = {
    "resid_pre": "stream before the block",
    "attn_out": "what attention writes",
    "resid_mid": "stream after attention",
    "mlp_out": "what the MLP writes",
    "resid_post": "stream after the block",
    "q": "queries",
    "k": "keys",
    "v": "values",
    "pattern": "attention pattern",
    "z": "what each head reads off",
}
"""Places in a network, as the arrays of a sweep over them are named."""

SUFFIXES = {
    "control": "a random change",
    "control_true": "the real change there",
    "metric": "the metric",
    "true": "as measured",
    "draw": "places drawn",
    "pearson": "Pearson’s r with the truth",
    "spearman": "Spearman’s ρ with the truth",
    "shuffled": "the same of a shuffled estimate",
}
"""What an array of such a place is, by the end of its name."""

MEASURES = ("pearson", "spearman", "shuffled")
"""Those that also stand alone."""

PAIR = {
    "clean": "metric of the clean run",
    "corrupt": "metric of the corrupt run",
    "scale": "difference of the two runs' metrics",
}
NAMES: dict[str, dict[str, str]] = {
    "surprise": {
        "nats": "surprise, in nats",
        "nats_alone": "surprise where only the token before is read, in nats",
        "mean": "mean surprise, in nats",
        "mean_alone": "the same where only the token before is read",
    },
    "attention": {"habit": "where heads look on average", "entropy": "entropy of each head's rows, in nats"},
    "head_scores": {
        "score": "how much of its attention each head gives to the pattern",
        "loss": "loss on random tokens that come twice, in nats",
        "batch": "sequences",
        "length": "tokens before they repeat",
        "best_previous": "best previous-token head",
        "best_duplicate": "best duplicate-token head",
        "best_induction": "best induction head",
        "first_half_loss": "loss of the first half",
        "induction_loss": "loss of the second half",
        "first_half_loss_untrained": "loss of the first half, untrained",
        "induction_loss_untrained": "loss of the second half, untrained",
    },
    "logit_lens": {"kl": "how far each layer's guess is from the last, in nats (KL)"},
    "tuned_lens": {"kl": "how far each layer's guess is from the last, in nats (KL)"},
    "lens_divergence": {
        "kl": "how far each layer's reading is from the last, in nats (KL)",
        "loss": "loss of each layer's reading, in nats",
    },
    "logit_attribution": {
        "term": "what each component adds to the logit",
        "vocabulary_mean": "the same for the mean token of the vocabulary",
        "vocabulary_std": "its deviation over the vocabulary",
        "target": "the token predicted, coloured by its logit",
        "logit": "its logit",
        "output": "the logit as the model returns it",
        "scale": "what the final norm divides by",
        "unexplained": "largest part left unexplained",
    },
    "neuron_attribution": {
        "term": "what each neuron adds to the logit",
        "vocabulary_mean": "the same for the mean token of the vocabulary",
        "vocabulary_std": "its deviation over the vocabulary",
        "rest": "what is no neuron adds to the logit",
        "output": "the logit as the model returns it",
        "target": "the token predicted",
    },
    "residual_decomposition": {
        "share": "each component's share of the stream",
        "norm": "length of what each component writes",
        "cosine": "its cosine with the stream",
        "chance_cosine": "cosine by chance",
        "unexplained": "largest part left unexplained",
    },
    "rollout": {
        "guess": "guesses at what each token contributes",
        "kl": "what taking each token away does, in nats (KL)",
        "drop": "by how much the predicted token's log-probability falls",
        "correlation": "how well the guesses agree with that",
        "fusion": "heads are joined by",
        "discard": "share of weights discarded",
        "samples": "replacements drawn",
        "target": "the token predicted",
        "correlation_cut": "correlation of rollout, tokens cut",
        "correlation_replaced": "correlation of rollout, tokens replaced",
    },
    "ablation": {
        "plain": "metric of the untouched run",
        "reference": "other inputs",
        "z": "what silencing each head does",
        "z_control": "a random change of a head, as large",
        "z_control_true": "the head silenced",
        "mlp_out": "what silencing each MLP does",
        "mlp_out_control": "a random change of what an MLP writes, as large",
        "mlp_out_control_true": "the MLP silenced",
    },
    "activation_patching": PAIR,
    "attribution_patching": PAIR,
    "path_patching": {
        **PAIR,
        "writers": "writers tried",
        "readers": "readers tried",
    },
    "edge_attribution": {
        **PAIR,
        "score": "estimated effect of each edge",
        "estimate": "edges that were checked: estimate",
        "true": "as measured",
        "at": "slopes are those of the run that is",
    },
    "circuit": {
        **PAIR,
        "kept": "edges of the circuit",
        "score": "estimated effect of each edge",
        "same_size": "faithfulness of random circuits of the same size",
        "same_size_edges": "their edges",
        "kept_edges": "edges kept",
        "total": "edges in all",
        "runs": "runs it took",
        "circuit_faithfulness": "faithfulness of the circuit",
        "circuit_complement": "faithfulness of everything else",
    },
    "probe": {
        "accuracy": "accuracy on held-out labels",
        "target_accuracy": "accuracy by question",
        "class_recall": "share of each class that is named right",
        "class_share": "how common each class is",
    },
    "similarity_cka": {"similarity": "similarity of representations (CKA)", "steps": "batches"},
    "similarity_svcca": {
        "similarity": "similarity of representations (SVCCA)",
        "directions": "directions that hold 99 % of the variance",
        "other_directions": "those of the other network",
        "steps": "batches",
    },
    "sae": {
        "l0": "latents that fire at a place (L0)",
        "variance_explained": "share of the variance explained",
        "loss_spliced": "loss with the reconstruction in place",
        "loss_ablated": "loss with zeros in place",
        "loss_recovered": "share of the loss recovered",
        "loss": "loss of the network",
        "dead_share": "latents that never fire, in %",
        "frequency": "how often each latent fires, in %",
        "kind": "kind of autoencoder",
        "steps": "batches judged on",
    },
    "steering": {
        "metric": "metric by the length of the push",
        "deviation": "deviation over random directions",
        "metric_of_pair": "metric of each input",
        "plain": "metric without a push",
        "beyond_random": "effect beyond random directions, in deviations",
        "draws": "random directions",
        "how": "how it is pushed",
        "wrong_point": "wrong place",
    },
    "neuron_examples": {
        "zeros": "share of activations that are exactly 0",
        "token_agreement": "held-out strongest at a token that is among the strongest",
        "token_agreement_control": "the same beside another neuron's strongest",
        "vocabulary_count": "how often each token occurs",
        "above": "a neuron fires above",
    },
    "neuron_directions": {
        "promoted": "by how much it raises logits most",
        "promoted_ids": "tokens whose logits it raises most",
        "promoted_control": "the same for random directions",
        "suppressed": "by how much it lowers logits most",
        "suppressed_ids": "tokens whose logits it lowers most",
        "nearest": "cosines of the nearest embeddings",
        "nearest_ids": "tokens with the nearest embeddings",
        "nearest_control": "nearest cosine for random directions",
        "length": "length of the direction",
        "in_out_cosine": "cosine of what it reads and what it writes",
    },
    "neuron_ablation": {
        "effect": "rise of the loss without the neuron, in nats",
        "kl": "change of the predictions without it, in nats (KL)",
        "mean": "mean activation, to which it is set",
        "control_effect": "rise of the loss without other neurons, drawn at random",
        "control_kl": "change of the predictions without those",
        "larger": "share of those that matter as much",
    },
    "neuron_rules": {
        "explained": "neurons that rules explain, in %",
        "median_r2": "how well rules tell how strongly a neuron fires: median R²",
        "median_f1": "how well they tell whether it fires: median F1",
        "r2": "how well rules tell how strongly each neuron fires (R²)",
        "f1": "how well rules tell whether each neuron fires (F1)",
        "f1_always": "F1 of saying that it fires everywhere",
        "firing_rate": "how often each neuron fires, in %",
        "feature_mean": "means of the features",
        "held_out": "which inputs were held out",
        "min_r2": "least R² that counts as explained",
        "above": "a neuron fires above",
        "num_places_fitted": "places fitted on",
        "num_places_scored": "places scored on",
    },
    "neuron_rules_swapped_in": {
        "num_replaced": "neurons replaced",
        "judged": "inputs judged on",
        "num_inputs": "inputs judged on",
        "rest": "what becomes of other neurons",
        "min_r2": "least R² that counts as explained",
        "kl": "change of the predictions, in nats (KL)",
        "top1": "how often the first token stays the same",
    },
}  # fmt: skip
"""What a method's arrays and settings are called, where their own words do not tell."""


def words(name: str) -> str:
    """An identifier's parts as words."""
    return " ".join(WRITTEN.get(word, word) for word in name.split("_")).strip() or name


def name_of(name: str, method: str) -> str:
    """What an array or a setting of a method's trace is called."""
    if (known := NAMES.get(method, {}).get(name)) is not None:
        return known
    place = next((place for place in PHRASES if name == place or name.startswith(f"{place}_")), None)
    if place is not None and (rest := name[len(place) + 1 :]) in ("", *SUFFIXES):
        return f"{PHRASES[place]}{f': {SUFFIXES[rest]}' if rest else ''}"
    return SUFFIXES[name] if name in MEASURES else words(name)


def capital(text: str) -> str:
    """A text with a capital letter first."""
    return f"{text[:1].upper()}{text[1:]}"
