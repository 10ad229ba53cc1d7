"""Reading a GPT, on a `Subject`: lenses, attention, heads, attribution, health."""

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


def token_saliency(subject: Subject) -> Trace:
    """What each token of the sentence does for the one that comes next."""
    from glassworks.interpret.transformer.saliency import token_saliency

    return token_saliency(subject.model, subject.tokens, subject.labels, seed=subject.seed)
