"""What causes the answer, on a `Subject`: patching, ablation, paths, circuits, steering."""

from glassworks.interpret.catalogue.subject import Subject
from glassworks.trace.trace import Trace


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
        threshold=0.01,
        seed=subject.seed,
    )


def steering(subject: Subject) -> Trace:
    """The contrast's own direction at the last token, at the first layer that holds half of the answer there."""
    import torch

    from glassworks.draw.tokens import visible
    from glassworks.interpret.access.finite import run_model
    from glassworks.interpret.access.hooks import capture
    from glassworks.interpret.causes.steering import steer

    point = f"blocks.{layer_of_half(subject)}.resid_post"
    with torch.no_grad(), capture(subject.model, point, positions=[-1]) as seen:
        logits = run_model(subject.model, torch.stack([subject.tokens, subject.against]))
        goal = float(subject.metric(logits[:1]))
    elsewhere = len(subject.tokens) // 2
    trace = steer(
        subject.model,
        subject.against[None],
        seen[point][0, 0] - seen[point][1, 0],
        point,
        subject.metric,
        scales=[-2, -1, -0.5, 0, 0.5, 1, 1.5, 2],
        positions=[-1],
        wrong_positions=[elsewhere],
        goal=goal,
        seed=subject.seed,
    )
    trace.meta["wrong_place"] = f"the same layer, at token {elsewhere} “{visible(subject.labels[elsewhere])}”"
    return trace


def layer_of_half(subject: Subject) -> int:
    """The first layer behind which the last token's stream, patched, brings back half of the answer.

    Before it a push has little to push: the answer has not come to that token yet. Behind the last one it is all there.
    """
    import numpy as np

    from glassworks.interpret.causes.restart import BUDGET, in_evaluation
    from glassworks.interpret.causes.sites import SITES, Place, metrics_of, taps_of
    from glassworks.interpret.causes.sweeps import compare

    model, site = subject.model, SITES["resid_post"]
    with in_evaluation(model):
        pair = subject.tokens[None], subject.against[None]
        runs = compare(model, *pair, subject.metric, taps_of({"resid_post": site}))
        places = [Place(layer, None, len(subject.tokens) - 1) for layer in range(model.config.n_layer)]
        found = metrics_of(runs.corrupt, site, runs.donors(site), places, runs.metric, max_bytes=BUDGET)
        enough = np.flatnonzero(runs.effect(found) >= 0.5)
    return int(enough[0]) if len(enough) else model.config.n_layer - 1
