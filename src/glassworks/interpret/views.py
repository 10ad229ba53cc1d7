"""Each method on a `Subject`, as a person would type it: the body of each function is what a page shows of it."""

from glassworks.core.trace import Trace
from glassworks.interpret.subject import Subject


def surprise(subject: Subject) -> Trace:
    """A passage's surprise."""
    from glassworks.interpret.lens import surprise

    return surprise(subject.model, subject.passage, subject.named(subject.passage))


def attention(subject: Subject) -> Trace:
    """The sentence's attention patterns."""
    from glassworks.interpret.lens import attention_patterns

    return attention_patterns(subject.model, subject.tokens, subject.labels)


def logit_lens(subject: Subject) -> Trace:
    """The sentence through the logit lens."""
    from glassworks.interpret.lens import logit_lens

    return logit_lens(subject.model, subject.tokens, subject.labels)


def head_scores(subject: Subject) -> Trace:
    """Heads on repeated random tokens."""
    from glassworks.interpret.heads import head_scores

    return head_scores(subject.model, seed=subject.seed, first=subject.tokenizer.eot)


def health(subject: Subject) -> Trace:
    """One batch of the text to measure on."""
    from glassworks.interpret.health import health

    rows = subject.held_out[:32]
    return health(subject.model, rows[:, :-1], rows[:, 1:])


def tuned_lens(subject: Subject) -> Trace:
    """The sentence through a lens fitted on the text to fit on."""
    from glassworks.interpret.tuned_lens import fit_tuned_lens, tuned_lens

    rows = subject.fitting
    lens = fit_tuned_lens(subject.model, lambda step: rows[8 * step % len(rows) :][:8])
    return tuned_lens(subject.model, lens, subject.tokens, subject.labels)


def lens_divergence(subject: Subject) -> Trace:
    """Both lenses on held-out text."""
    from glassworks.interpret.tuned_lens import fit_tuned_lens, lens_divergence

    rows = subject.fitting
    lens = fit_tuned_lens(subject.model, lambda step: rows[8 * step % len(rows) :][:8])
    return lens_divergence(subject.model, lens, subject.held_out, seed=subject.seed)


def activation_patching(subject: Subject) -> Trace:
    """The sentence's values in the run on the contrasting one."""
    from glassworks.interpret.patching import activation_patching

    return activation_patching(
        subject.model,
        subject.tokens[None],
        subject.against[None],
        subject.metric,
        sites=["resid_pre", "attn_out", "mlp_out"],
        labels=subject.labels,
        controls=8,
        seed=subject.seed,
    )


def attribution_patching(subject: Subject) -> Trace:
    """The same for heads, by gradients."""
    from glassworks.interpret.attribution_patching import attribution_patching

    return attribution_patching(
        subject.model,
        subject.tokens[None],
        subject.against[None],
        subject.metric,
        sites=["z", "mlp_out"],
        by_position=False,
        seed=subject.seed,
    )


def logit_attribution(subject: Subject) -> Trace:
    """The components' shares in the answer, at the last token and before it."""
    from glassworks.interpret.attribution import logit_attribution

    return logit_attribution(subject.model, subject.tokens, subject.labels)


def neuron_attribution(subject: Subject) -> Trace:
    """The neurons' shares in what is said after the last token."""
    from glassworks.interpret.attribution import neuron_attribution

    return neuron_attribution(subject.model, subject.tokens, subject.labels)


def residual_decomposition(subject: Subject) -> Trace:
    """What wrote the last token's residual stream."""
    from glassworks.interpret.decomposition import residual_decomposition

    return residual_decomposition(subject.model, subject.tokens, subject.labels, seed=subject.seed)


def rollout(subject: Subject) -> Trace:
    """Rollout of the sentence, beside what taking each token away does."""
    from glassworks.interpret.rollout import attention_rollout

    return attention_rollout(subject.model, subject.tokens, subject.labels, seed=subject.seed)


def ablation(subject: Subject) -> Trace:
    """Heads and MLPs silenced one by one, by the sentence's own answer."""
    import torch

    from glassworks.interpret.ablation import ablation
    from glassworks.interpret.metrics import log_probability

    right, _ = subject.answer
    return ablation(
        subject.model,
        subject.tokens[None],
        log_probability(torch.tensor([right])),
        reference=subject.held_out[:16, : len(subject.tokens)],
        controls=6,
        seed=subject.seed,
    )


def path_patching(subject: Subject) -> Trace:
    """From every component straight to the logits, and to every other component's reading."""
    from glassworks.interpret.paths import path_patching

    return path_patching(
        subject.model,
        subject.tokens[None],
        subject.against[None],
        subject.metric,
        readers=["logits", "m*", "a*.v"],
        seed=subject.seed,
    )


def edge_attribution(subject: Subject) -> Trace:
    """Every edge between components, by one gradient."""
    from glassworks.interpret.edge_attribution import edge_attribution

    return edge_attribution(
        subject.model, subject.tokens[None], subject.against[None], subject.metric, seed=subject.seed
    )


def circuit(subject: Subject) -> Trace:
    """The edges that the contrast needs."""
    from glassworks.interpret.circuits import find_circuit

    return find_circuit(
        subject.model, subject.tokens[None], subject.against[None], subject.metric, threshold=0.05, seed=subject.seed
    )


def probe(subject: Subject) -> Trace:
    """Questions about the text, asked of every layer."""
    from glassworks.interpret.probes import probe
    from glassworks.interpret.text_labels import CLASSES, TARGETS, text_targets

    rows, held_out, size = subject.fitting[:128], subject.held_out, 16
    return probe(
        subject.model,
        lambda step: (rows[size * step :][:size], text_targets(rows[size * step :][:size], subject.texts)),
        lambda step: (held_out[size * step :][:size], text_targets(held_out[size * step :][:size], subject.texts)),
        "blocks.*.resid_post",
        steps=-(-len(rows) // size),
        held_out_steps=-(-len(held_out) // size),
        classes=CLASSES,
        targets=TARGETS,
        seed=subject.seed,
    )


def neuron_examples(subject: Subject) -> Trace:
    """Four neurons of the middle layer, evenly chosen."""
    from glassworks.interpret.neurons import neuron_examples

    layer, width = subject.model.config.n_layer // 2, subject.model.config.width_of_mlp
    return neuron_examples(
        subject.model,
        subject.fitting[:128],
        subject.held_out,
        f"blocks.{layer}.mlp.post",
        neurons=range(0, width, max(1, width // 4)),
        names=subject.texts,
        seed=subject.seed,
    )


def neuron_directions(subject: Subject) -> Trace:
    """What some neurons of the middle layer read and write, by their weights."""
    from glassworks.interpret.neuron_directions import neuron_directions

    layer = subject.model.config.n_layer // 2
    neurons = range(min(8, subject.model.config.width_of_mlp))
    return neuron_directions(subject.model, layer, neurons=neurons, names=subject.texts, k=6, seed=subject.seed)


def neuron_ablation(subject: Subject) -> Trace:
    """What some neurons of the middle layer do to the loss."""
    from glassworks.interpret.neuron_effects import neuron_ablation

    layer = subject.model.config.n_layer // 2
    return neuron_ablation(
        subject.model,
        subject.held_out[:16],
        f"blocks.{layer}.mlp.post",
        neurons=range(min(16, subject.model.config.width_of_mlp)),
        controls=32,
        seed=subject.seed,
    )


def neuron_rules(subject: Subject) -> Trace:
    """Rules for every neuron of the first and last layer: which tokens stand here and just before."""
    from glassworks.interpret.rule_report import rule_report
    from glassworks.interpret.text_labels import token_features

    rows = subject.fitting[:128]
    features, names = token_features(rows, subject.texts)
    return rule_report(
        subject.model,
        rows,
        features,
        ["blocks.0.mlp.post", f"blocks.{subject.model.config.n_layer - 1}.mlp.post"],
        names=names,
        depth=4,
        min_leaf=8,
        seed=subject.seed,
    )


def similarity(subject: Subject) -> Trace:
    """Every layer beside every other, on held-out text."""
    from glassworks.interpret.similarity import similarity

    rows = subject.held_out
    return similarity(
        subject.model,
        lambda step: rows[4 * step :][:4],
        "blocks.*.resid_post",
        steps=max(1, len(rows) // 4),
        seed=subject.seed,
    )


def sae(subject: Subject) -> Trace:
    """A sparse autoencoder of the middle layer, fitted on the text to fit on."""
    from glassworks.interpret.sae import SAEConfig, fit_sae
    from glassworks.interpret.sae_report import sae_report
    from glassworks.objectives.losses import next_token_loss

    rows, held_out = subject.fitting, subject.held_out
    point = f"blocks.{subject.model.config.n_layer // 2}.resid_post"
    config = SAEConfig(4 * subject.model.config.n_embd, k=min(16, subject.model.config.n_embd // 2))

    found = fit_sae(
        subject.model, lambda step: rows[4 * step % len(rows) :][:4], point, config, steps=200, seed=subject.seed
    )
    return sae_report(
        subject.model,
        found,
        lambda step: rows[4 * step % len(rows) :][:4],
        lambda step: held_out[8 * step :][:8],
        point,
        lambda model, tokens: next_token_loss(model, (tokens[:, :-1], tokens[:, 1:])),
        fit_steps=200,
        steps=max(1, len(held_out) // 8),
        seed=subject.seed,
    )


def steering(subject: Subject) -> Trace:
    """The contrast's own direction in the middle layer, pushed along at the last token of the contrasting sentence."""
    import torch

    from glassworks.interpret.hooks import capture
    from glassworks.interpret.steering import steer

    layers = subject.model.config.n_layer
    point = f"blocks.{layers // 2}.resid_post"
    with torch.no_grad(), capture(subject.model, point, positions=[-1]) as seen:
        subject.model(torch.stack([subject.tokens, subject.against]))
    return steer(
        subject.model,
        subject.against[None],
        seen[point][0, 0] - seen[point][1, 0],
        point,
        subject.metric,
        scales=[-2, -1, -0.5, 0, 0.5, 1, 2],
        positions=[-1],
        wrong_point="blocks.0.resid_pre",
        seed=subject.seed,
    )
