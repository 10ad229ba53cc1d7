"""Neurons, their rules, and a sparse autoencoder, on a `Subject`."""

from glassworks.interpret.catalogue.subject import Subject
from glassworks.trace.trace import Trace


def neuron_examples(subject: Subject) -> Trace:
    """Four neurons of the middle layer, evenly chosen, beside those of an untrained network."""
    from glassworks.interpret.control import randomised
    from glassworks.interpret.neurons.examples import neuron_examples

    layer, width = subject.model.config.n_layer // 2, subject.model.config.width_of_mlp
    rows, held_out = subject.fitting[:128], subject.held_out
    return neuron_examples(
        subject.model,
        subject.fewer(rows, max(1, len(rows) // 2)),
        subject.fewer(held_out, max(1, len(held_out) // 2)),
        f"blocks.{layer}.mlp.post",
        neurons=range(0, width, max(1, width // 4)),
        names=subject.texts,
        fresh=randomised(subject.model, seed=subject.seed + 1),
        seed=subject.seed,
    )


def neuron_directions(subject: Subject) -> Trace:
    """What some neurons of the middle layer read and write, by their weights."""
    from glassworks.interpret.neurons.directions import neuron_directions

    layer = subject.model.config.n_layer // 2
    neurons = range(min(8, subject.model.config.width_of_mlp))
    return neuron_directions(subject.model, layer, neurons=neurons, names=subject.texts, k=6, seed=subject.seed)


def neuron_ablation(subject: Subject) -> Trace:
    """What the neurons of the middle layer that write most do to the loss."""
    from glassworks.interpret.neurons.effects import largest_writers, neuron_ablation

    layer, rows = subject.model.config.n_layer // 2, subject.fewer(subject.held_out[:16], 4)
    return neuron_ablation(
        subject.model,
        rows,
        f"blocks.{layer}.mlp.post",
        neurons=largest_writers(subject.model, rows, layer, 16),
        controls=32,
        seed=subject.seed,
    )


def neuron_rules(subject: Subject) -> Trace:
    """Rules for every neuron of the first and last layer: which tokens stand here and just before."""
    from glassworks.interpret.neurons.rule_report import rule_report
    from glassworks.interpret.text_labels import token_features

    rows = subject.fewer(subject.fitting[:128], 32)
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


def rule_swap(subject: Subject) -> Trace:
    """Rules in the place of the neurons of the middle layer that they explain, on the text they were not grown on."""
    from glassworks.interpret.neurons.rule_report import rule_report
    from glassworks.interpret.neurons.rule_swap import swap_in
    from glassworks.interpret.text_labels import token_features

    rows = subject.fewer(subject.fitting[:128], 32)
    features, names = token_features(rows, subject.texts)
    point = f"blocks.{subject.model.config.n_layer // 2}.mlp.post"
    report = rule_report(subject.model, rows, features, point, names=names, depth=4, min_leaf=8, seed=subject.seed)
    test = report.arrays["held_out"]
    return swap_in(subject.model, rows[test], features[test], report, min_r2=0.5, seed=subject.seed)


def sae(subject: Subject) -> Trace:
    """A sparse autoencoder of the middle layer, fitted on the text to fit on."""
    import math

    from glassworks.interpret.neurons.sae import SAEConfig, fit_sae
    from glassworks.interpret.neurons.sae_report import sae_report
    from glassworks.objectives.losses import next_token_loss

    rows, held_out = subject.fitting, subject.held_out
    point = f"blocks.{subject.model.config.n_layer // 2}.resid_post"
    times, steps = (2, 100) if subject.is_large else (4, 200)
    config = SAEConfig(times * subject.model.config.n_embd, k=min(16, subject.model.config.n_embd // 2))
    batches, repeats = lambda step: rows[4 * step % len(rows) :][:4], len(rows) // math.gcd(4, len(rows))
    autoencoder = fit_sae(subject.model, batches, point, config, steps=steps, seed=subject.seed, repeats=repeats)
    return sae_report(
        subject.model,
        autoencoder,
        batches,
        lambda step: held_out[8 * step :][:8],
        point,
        lambda model, tokens: next_token_loss(model, (tokens[:, :-1], tokens[:, 1:])),
        fit_steps=steps,
        steps=max(1, len(held_out) // 8),
        repeats=repeats,
        names=subject.texts,
        seed=subject.seed,
    )
