"""Attribution patching: activation patching estimated to first order, every place from one gradient.

The estimate is only as good as the model is linear, so the truth is computed beside it and their correlation reported.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_gradients, check_labels, check_room
from glassworks.interpret.access.finite import check_values, run_model
from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.causes.contrast import steady
from glassworks.interpret.causes.legends.places import ATTRIBUTION_PATCHING
from glassworks.interpret.causes.metrics import Metric, facts_of
from glassworks.interpret.causes.restart import (
    ALWAYS,
    BUDGET,
    Stored,
    evaluate,
    in_evaluation,
    needed,
    rotary_of,
    upto,
)
from glassworks.interpret.causes.sites import Site, all_places, find_sites, metrics_of, taps_of
from glassworks.interpret.causes.sweeps import Comparison, Findings, agreement, layout
from glassworks.interpret.tokens import check_pair
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace


@public
def attribution_patching(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    *,
    sites: str | Sequence[str] = "resid_pre",
    by_position: bool = True,
    labels: Sequence[str] | None = None,
    check: int | None = None,
    seed: int = 0,
    max_bytes: int = BUDGET,
) -> Trace:
    """Estimate activation patching at all places from two forward and one backward pass (Nanda 2023).

    The estimate is (clean - corrupt) · d metric / d value at the corrupt run. It is poor where the change is large or
    the model saturates: the residual stream, early MLPs, heads whose attention is sharp.

    `check` says at how many random places of each site, drawn from `seed`, the truth is computed, too: None = all,
    0 = none. The other arguments are those of `patching.activation_patching`.

    Arrays, for each site S:
        S (layer, [head,] [position]): the estimated effect, 0 = corrupt, 1 = clean. Identical inputs give exactly 0.
        S_true: the effect itself; NaN where it was not computed.
        clean, corrupt (pair,): the metric of the plain runs.

    Meta: S_pearson and S_spearman, the correlations of the two, and the control S_shuffled, Pearson's correlation of
    the shuffled estimate; left out where either is constant.

    Raises: ValueError for a metric without a gradient, and for one whose slopes vanish at the corrupt run.
    """
    chosen = find_sites(sites)
    check_pair(model, clean, corrupt)
    check_labels(labels, clean.size(1))
    check_count("check", 0 if check is None else check, 0)
    findings = Findings()
    runs = compare_with_slopes(model, clean, corrupt, metric, taps_of(chosen))
    with in_evaluation(runs.model):
        for i, (name, site) in enumerate(chosen.items()):
            estimate = estimated(runs, site, by_position)
            axes = layout(site, model.config, runs.T if by_position else None)[1]
            findings.add(name, estimate, axes)
            generator = torch.Generator().manual_seed(seed + i)
            drawn, true = truth(runs, name, site, by_position, check, generator, max_bytes)
            if len(drawn):
                whole = np.full(estimate.size, np.nan, np.float32)
                whole[drawn] = true
                findings.add(f"{name}_true", whole.reshape(estimate.shape), axes)
                guess = estimate.flatten()[drawn]
                mixed = guess[torch.randperm(len(guess), generator=generator).numpy()]
                findings.meta |= agreement(f"{name}_", guess, true, mixed)
    findings.add("clean", runs.top, ("pair",))
    findings.add("corrupt", runs.base, ("pair",))
    findings.meta |= {"scale": runs.scale, "pairs": len(clean), "tokens": runs.T, "seed": seed, **facts_of(metric)}
    return findings.trace("attribution_patching", runs.legend(ATTRIBUTION_PATCHING), labels)


def compare_with_slopes(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    taps: Sequence[str],
    *,
    at: Literal["clean", "corrupt"] | None = "corrupt",
) -> Comparison:
    """Both runs, and the metric's gradient at taps of every block of one of them: two forward passes, one backward.

    With `at` None there is no backward pass, and no gradient. Each pair's own gradient is in its row. Parameters get no
    `.grad`. Both passes record a graph, so that identical inputs give identical numbers: with a graph torch takes other
    kernels. Where the contrast is small, all of it is done again with more digits (`contrast.steady`).

    Raises: ValueError if the slopes vanish where the metric does not: it is flat there, and estimates are rounding.
    """
    check_pair(model, clean, corrupt)
    T = clean.size(1)
    reach, judged = needed(metric, T), upto(metric, T)

    def run(network: GPT) -> Comparison:
        first, top, top_slopes = store_with_slopes(network, clean[:, :reach], judged, taps, at == "clean")
        second, base, base_slopes = store_with_slopes(network, corrupt[:, :reach], judged, taps, at == "corrupt")
        return Comparison(first, second, judged, T, top, base, top_slopes | base_slopes)

    runs = steady(model, run)
    if at is not None and flatness(runs) < FLAT:
        raise ValueError(
            f"metric is flat at the {at} run, as a divergence is at its own reference: take the slopes at the other "
            "run, by `at` where there is one or else by exchanging the two, or choose another metric"
        )
    return runs


FLAT = 1e-3
"""The share of the metric's change below which slopes are called flat."""


def flatness(runs: Comparison) -> float:
    """What the slopes at the last stream make of its change, by the change of the metric; 1 if there is none."""
    layers = runs.model.config.n_layer
    change = runs.clean.at(layers, "resid_pre") - runs.corrupt.at(layers, "resid_pre")
    estimate = (change * runs.slopes[f"blocks.{layers - 1}.resid_post"]).sum((1, 2)).abs().sum()
    true = (runs.top - runs.base).abs().sum()
    return float(estimate / true) if true > 0 else 1.0


def store_with_slopes(
    model: GPT,
    tokens: Int[Tensor, "B T"],
    metric: Metric,
    taps: Sequence[str],
    backward: bool = True,
    start: Float[Tensor, "B T C"] | None = None,
) -> tuple[Stored, Float[Tensor, " B"], dict[str, Tensor]]:
    """One run with a graph: what it stored, its metric, and, after the `backward` pass, its gradients.

    `start` is a residual stream that the first block receives instead of the embedding's. ValueError if the run would
    not fit the memory, and for weights, values or slopes that are not finite.
    """
    check_gradients(model)
    check_room(bytes_with_graph(model, tokens, taps), model.embed.weight.device, "give fewer or shorter pairs")
    # A graph begins there even if all parameters are frozen.
    leaf = lambda x: (x if start is None else start).detach().requires_grad_()  # noqa: E731
    kept = [f"blocks.*.{tap}" for tap in dict.fromkeys((*ALWAYS, *taps))]
    with torch.enable_grad(), patch(model, {"blocks.0.resid_pre": leaf}), capture(model, kept) as seen:
        logits = run_model(model, tokens)
        values = evaluate(metric, logits)
        total = values.sum()
    check_values(seen)
    held, slopes = dict(seen), {}
    if backward:
        found = torch.autograd.grad(total, list(held.values()), allow_unused=True, materialize_grads=True)
        slopes = dict(zip(held, found, strict=True))
        check_values({f"the slope at {point}": slope for point, slope in slopes.items()})
    detached = {point: x.detach() for point, x in held.items()}
    return Stored(model, detached, rotary_of(model, tokens), logits.detach()), values.detach(), slopes


def bytes_with_graph(model: GPT, tokens: Int[Tensor, "B T"], taps: Sequence[str]) -> int:
    """About what a run keeps for its gradients, and those: all that a layer computes, and the logits four times."""
    config, T = model.config, tokens.size(1)
    heads = (config.n_head + 2 * config.kv_heads) * config.width_of_head
    layer = 8 * config.n_embd + 4 * heads + 4 * config.width_of_mlp
    pattern = 4 * config.n_head * T if "attn.pattern" in taps else 0
    each = config.n_layer * (layer + pattern) + 4 * config.vocab_size
    return tokens.numel() * each * model.embed.weight.element_size()


def estimated(runs: Comparison, site: Site, by_position: bool) -> Float[np.ndarray, "*places"]:
    """(clean - corrupt) · slope at every place, averaged over pairs, on the scale of effects."""
    layers = []
    for layer in range(runs.model.config.n_layer):
        change = runs.clean.at(layer, site.tap) - runs.corrupt.at(layer, site.tap)
        share = (change * runs.slopes[f"blocks.{layer}.{site.tap}"]).double().sum(-1).mean(0)  # ([H,] T) or (T, H)
        if site.heads is not None and site.tap != "attn.pattern":
            share = share.mT
        layers.append(F.pad(share, (0, runs.T - share.size(-1))))  # later positions do not reach the metric
    whole = torch.stack(layers) / runs.scale
    found: np.ndarray = (whole if by_position else whole.sum(-1)).float().cpu().numpy()
    return found


def truth(
    runs: Comparison,
    name: str,
    site: Site,
    by_position: bool,
    check: int | None,
    generator: torch.Generator,
    max_bytes: int,
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Random places of a site, as indices in order, and the effect of patching them."""
    places = all_places(site, runs.model.config, runs.T if by_position else None)
    count = len(places) if check is None else min(check, len(places))
    drawn = torch.randperm(len(places), generator=generator)[:count].sort().values.numpy()
    some = [places[i] for i in drawn]
    label = f"check {name} by patching it"
    found = metrics_of(runs.corrupt, site, runs.donors(site), some, runs.metric, max_bytes=max_bytes, label=label)
    return drawn, runs.effect(found)
