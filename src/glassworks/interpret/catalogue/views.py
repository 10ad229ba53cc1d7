"""Each method on a `Subject`, as a person would type it: the body of each function is what a page shows of it.

Similarity, autoencoders and neurons are in `representation_views`.
"""

from glassworks.interpret.catalogue.subject import Subject
from glassworks.trace.trace import Trace


def surprise(subject: Subject) -> Trace:
    """A passage's surprise."""
    from glassworks.data.tokenizers.spans import in_order
    from glassworks.interpret.transformer.lens import surprise

    return surprise(subject.model, subject.passage, in_order(subject.tokenizer, subject.passage))


def attention(subject: Subject) -> Trace:
    """The sentence's attention patterns."""
    from glassworks.interpret.transformer.lens import attention_patterns

    return attention_patterns(subject.model, subject.tokens, subject.labels)


def logit_lens(subject: Subject) -> Trace:
    """The sentence through the logit lens."""
    from glassworks.interpret.transformer.lens import logit_lens

    return logit_lens(subject.model, subject.tokens, subject.labels, names=subject.texts)


def head_scores(subject: Subject) -> Trace:
    """Heads on repeated random tokens."""
    from glassworks.interpret.transformer.heads import head_scores

    return head_scores(subject.model, seed=subject.seed, first=subject.tokenizer.eot)


def health(subject: Subject) -> Trace:
    """One batch of the text to measure on, in the model and in an untrained one."""
    from glassworks.interpret.control import beside
    from glassworks.interpret.transformer.health import health
    from glassworks.interpret.transformer.lens import untrained

    rows = subject.held_out[: subject.at_once]
    networks = (subject.model, untrained(subject.model, subject.seed))
    return beside(*(health(network, rows[:, :-1], rows[:, 1:], text="held-out text") for network in networks))


def tuned_lens(subject: Subject) -> Trace:
    """The sentence through a lens fitted on the text to fit on; of a large model by least squares."""
    from glassworks.interpret.transformer.regressed_lens import regress_lens
    from glassworks.interpret.transformer.tuned_lens import fit_tuned_lens, tuned_lens

    rows = subject.fitting
    if subject.is_large:
        lens = regress_lens(subject.model, rows)
    else:
        lens = fit_tuned_lens(subject.model, lambda step: rows[8 * step % len(rows) :][:8])
    return tuned_lens(subject.model, lens, subject.tokens, subject.labels, names=subject.texts)


def lens_divergence(subject: Subject) -> Trace:
    """Both lenses on held-out text."""
    from glassworks.interpret.transformer.regressed_lens import regress_lens
    from glassworks.interpret.transformer.tuned_lens import fit_tuned_lens, lens_divergence

    rows = subject.fitting
    if subject.is_large:
        lens = regress_lens(subject.model, rows)
    else:
        lens = fit_tuned_lens(subject.model, lambda step: rows[8 * step % len(rows) :][:8])
    return lens_divergence(subject.model, lens, subject.fewer(subject.held_out, 4), seed=subject.seed)


def activation_patching(subject: Subject) -> Trace:
    """The sentence's values in the run on the contrasting one."""
    from glassworks.interpret.causes.patching import activation_patching

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
    from glassworks.interpret.causes.attribution_patching import attribution_patching

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
    from glassworks.interpret.transformer.attribution import logit_attribution

    return logit_attribution(subject.model, subject.tokens, subject.labels)


def neuron_attribution(subject: Subject) -> Trace:
    """The neurons' shares in what is said after the last token."""
    from glassworks.interpret.transformer.attribution import neuron_attribution

    return neuron_attribution(subject.model, subject.tokens, subject.labels)


def residual_decomposition(subject: Subject) -> Trace:
    """What wrote the last token's residual stream."""
    from glassworks.interpret.transformer.decomposition import residual_decomposition

    return residual_decomposition(subject.model, subject.tokens, subject.labels, seed=subject.seed)


def rollout(subject: Subject) -> Trace:
    """Rollout of the sentence, beside what taking each token away does."""
    from glassworks.interpret.transformer.rollout import attention_rollout

    return attention_rollout(subject.model, subject.tokens, subject.labels, seed=subject.seed)


def ablation(subject: Subject) -> Trace:
    """Heads and MLPs silenced one by one, by the sentence's own answer."""
    import torch

    from glassworks.interpret.causes.ablation import ablation
    from glassworks.interpret.causes.metrics import log_probability

    right, _ = subject.answer
    reference = torch.cat([subject.held_out[:16], subject.fitting[:16]])  # at least one row of each
    return ablation(
        subject.model,
        subject.tokens[None],
        log_probability(torch.tensor([right])),
        reference=reference[:16, : len(subject.tokens)],
        controls=6,
        seed=subject.seed,
    )


def path_patching(subject: Subject) -> Trace:
    """From every component straight to the logits, and to what others read: of a large model, nine readers in all."""
    from glassworks.interpret.causes.edge_attribution import edge_attribution, strongest_readers
    from glassworks.interpret.causes.paths import path_patching

    pair = (subject.tokens[None], subject.against[None], subject.metric)
    readers = ["logits", "a*.v", *(["m*"] if subject.model.config.width_of_mlp else [])]
    if subject.is_large:  # those alone whose incoming edges have the largest estimates
        readers = strongest_readers(edge_attribution(subject.model, *pair, check=0), readers, 9)
    return path_patching(
        subject.model,
        *pair,
        readers=readers,
        seed=subject.seed,
    )


def edge_attribution(subject: Subject) -> Trace:
    """Every edge between components, by one gradient."""
    from glassworks.interpret.causes.edge_attribution import edge_attribution

    return edge_attribution(
        subject.model, subject.tokens[None], subject.against[None], subject.metric, seed=subject.seed
    )


def circuit(subject: Subject) -> Trace:
    """The edges that the contrast needs."""
    from glassworks.interpret.causes.circuits import find_circuit

    return find_circuit(
        subject.model,
        subject.tokens[None],
        subject.against[None],
        subject.metric,
        threshold=0.01 if subject.is_large else 0.05,  # a large model's many edges each carry less
        seed=subject.seed,
    )


def steering(subject: Subject) -> Trace:
    """The contrast's own direction in the middle layer, pushed along at the last token of the contrasting sentence."""
    import torch

    from glassworks.interpret.access.finite import run_model
    from glassworks.interpret.access.hooks import capture
    from glassworks.interpret.causes.steering import steer

    layers = subject.model.config.n_layer
    point = f"blocks.{layers // 2}.resid_post"
    with torch.no_grad(), capture(subject.model, point, positions=[-1]) as seen:
        run_model(subject.model, torch.stack([subject.tokens, subject.against]))
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


def probe(subject: Subject) -> Trace:
    """Questions about the text, asked of every layer."""
    from glassworks.interpret.probing.report import probe
    from glassworks.interpret.text_labels import CLASSES, TARGETS, text_targets

    rows, held_out, size = subject.fewer(subject.fitting[:128], 32), subject.fewer(subject.held_out, 16), 16
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
