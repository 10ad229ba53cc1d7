"""Attention rollout, and the test of whether it explains anything: what happens without the token.

Rollout (Abnar and Zuidema 2020) follows attention through the layers, as if the values did not matter: with Â half of
a layer's attention and half identity (the residual stream), R_l = Â_l R_{l-1}, and the last row of R says how much of
the last position comes from each token. That is a guess. What a token does is measured by taking it away:

  cut       no later position may attend to it, in any layer (attention knockout, Geva et al. 2023)
  replaced  another token, drawn at random, stands in its place

and the two are compared by rank. So are the guesses that cost nothing: attention that is the same to all tokens, an
untrained network's rollout, and the last layer's attention alone. A rollout that ranks no better than these shows
where the tokens are, not what the model does with them.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import run_model
from glassworks.interpret.correlation import spearman
from glassworks.interpret.tokens import check, check_logits
from glassworks.interpret.transformer.legends.heads import ROLLOUT
from glassworks.interpret.transformer.lens import attention_of, divergence, to_numpy, untrained
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.trace.trace import Trace

Fusion = Literal["mean", "max", "min"]
MAX_NUMBERS = 2**23  # of the residual stream or the mask, for all the texts that run at once
ABLATIONS = ("cut", "replaced")


@public
@torch.no_grad()
def attention_rollout(
    model: GPT,
    tokens: Int[Tensor, " T"],
    labels: Sequence[str],
    *,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    position: int = -1,
    samples: int = 4,
    seed: int = 0,
) -> Trace:
    """Attention rollout beside the true effect of each token on the prediction at one position.

    The effects cost a forward pass for each token and for each of its samples; they run in batches.

    Arrays:
        rollout (query, key): of all positions up to this one; rows sum to 1, the future is 0.
        guess (guess, source): the position's row of "rollout", "uniform" (rollout of attention that is the same to
            all tokens so far), "untrained" (rollout of a network of this shape with fresh weights), and "last layer"
            (its fused attention alone).
        kl (ablation, source): nats between the prediction as it is and without the token, KL(as it is || without).
            "cut" and "replaced", as above; for "replaced" the mean over `samples` draws.
        drop (ablation, source): by how many nats the log-probability of the token predicted as it is falls.
        correlation (guess, ablation): Spearman's of each guess with each kl, over all tokens before the position (its
            own edge cannot be cut). NaN where one of them is the same for all tokens.

    Args:
        model: any GPT.
        tokens: one sequence.
        labels: one for each token.
        fusion: how the heads of a layer become one: mean, max or min; rows are made to sum to 1 again.
        discard: share of each query's keys, those of the least fused attention, that are set to 0 first.
        position: whose prediction is explained; later tokens are left out.
        samples: random tokens tried in each place for "replaced".
        seed: draws them, and the untrained network.

    Meta: `correlation_cut` and `correlation_replaced` of the rollout, and `target`, the predicted token.
    """
    check(model, tokens, labels)
    check_rollout(len(tokens), fusion, discard, position, samples)
    tokens = tokens[: position % len(tokens) + 1]
    labels = list(labels[: len(tokens)])
    patterns = attention_of(model, tokens)[0]  # (L, H, T, T)
    rolled = roll_out(patterns, fusion, discard)
    guesses = {"rollout": rolled[-1], **free_guesses(model, tokens, patterns, fusion, discard, seed)}
    target, kl, drop = prediction_without(model, tokens, samples, seed)
    guess, before = to_numpy(torch.stack(list(guesses.values()))), slice(0, len(tokens) - 1)
    correlation = np.array([[spearman(g[before], effect[before]) for effect in kl] for g in guess], dtype=np.float32)
    meta: dict[str, str | float | int] = {"fusion": fusion, "discard": discard, "samples": samples, "target": target}
    correlations = {f"correlation_{name}": float(x) for name, x in zip(ABLATIONS, correlation[0], strict=True)}
    axes: dict[str, tuple[str, ...]] = {"rollout": ("query", "key"), "guess": ("guess", "source")}
    axes |= dict.fromkeys(("kl", "drop"), ("ablation", "source"))
    return Trace(
        method="rollout",
        legend=ROLLOUT,
        arrays={"rollout": to_numpy(rolled), "guess": guess, "kl": kl, "drop": drop, "correlation": correlation},
        axes=axes | {"correlation": ("guess", "ablation")},
        labels=dict.fromkeys(("query", "key", "source"), labels)
        | {"guess": list(guesses), "ablation": list(ABLATIONS)},
        meta=meta | {name: x for name, x in correlations.items() if not np.isnan(x)},
    )


def check_rollout(length: int, fusion: str, discard: float, position: int, samples: int) -> None:
    """Refuse settings that mean nothing for so many tokens."""
    if fusion not in ("mean", "max", "min"):
        raise ValueError(f"fusion (={fusion!r}) must be mean, max or min")
    if not 0 <= discard < 1:
        raise ValueError(f"discard (={discard}) is a share: give a number from 0 to below 1")
    check_count("samples", samples, 1)
    if not -length <= position < length or position in (0, -length):
        raise ValueError(f"position (={position}) must be one of the {length} tokens, and not the first")


# ----------------------------------------------------------------------------------------------------------------------
# The guess


def free_guesses(
    model: GPT, tokens: Tensor, patterns: Float[Tensor, "L H T T"], fusion: Fusion, discard: float, seed: int
) -> dict[str, Tensor]:
    """The guesses that cost nothing, each a share for every token."""
    even = torch.ones_like(patterns).tril()
    return {
        "uniform": roll_out(even / even.sum(-1, keepdim=True), fusion, discard)[-1],
        "untrained": roll_out(attention_of(untrained(model, seed), tokens)[0], fusion, discard)[-1],
        "last layer": fuse(patterns[-1:], fusion, discard)[0, -1],
    }


def roll_out(patterns: Float[Tensor, "L H T T"], fusion: Fusion = "mean", discard: float = 0.0) -> Float[Tensor, "T T"]:
    """The product of all layers' (0.5 A + 0.5 I), the last layer's first. Rows sum to 1."""
    T = patterns.size(-1)
    fused = fuse(patterns, fusion, discard)
    rolled = torch.eye(T, device=patterns.device)
    for layer in fused:
        rolled = (0.5 * layer + 0.5 * torch.eye(T, device=layer.device)) @ rolled
    return rolled


def fuse(patterns: Float[Tensor, "L H T T"], fusion: Fusion, discard: float) -> Float[Tensor, "L T T"]:
    """One pattern a layer from those of its heads, without each query's least attended keys; rows sum to 1."""
    patterns = patterns.float()
    fused = {"mean": patterns.mean(1), "max": patterns.amax(1), "min": patterns.amin(1)}[fusion]
    seen = torch.arange(1, fused.size(-1) + 1, device=fused.device)
    future = torch.ones_like(fused[0]).triu(1).bool()
    rank = fused.masked_fill(future, -1).argsort(-1, descending=True).argsort(-1)  # 0 = the most attended
    kept = seen - (discard * seen).long()
    fused = fused.masked_fill(rank >= kept[:, None], 0)
    total = fused.sum(-1, keepdim=True)
    alone = torch.eye(fused.size(-1), device=fused.device)  # heads that share no key, by their min: it stays itself
    return torch.where(total > 0, fused / total.clamp(min=1e-30), alone)


# ----------------------------------------------------------------------------------------------------------------------
# The truth


def prediction_without(
    model: GPT, tokens: Int[Tensor, " T"], samples: int, seed: int, target: int | None = None
) -> tuple[int, np.ndarray, np.ndarray]:
    """The token predicted last, or `target`; for each ablation and source, the KL and its log-probability's fall."""
    T, V = len(tokens), model.config.vocab_size
    last = run_model(model, tokens[None])[0, -1].float().log_softmax(-1)  # (V,)
    target = int(last.argmax()) if target is None else target
    generator = torch.Generator().manual_seed(seed)
    others = torch.randint(max(V - 1, 1), (T, samples), generator=generator).to(tokens.device)
    others = others + (others >= tokens[:, None]).long() if V > 1 else others  # never the token itself
    texts = tokens.repeat(T, samples, 1)  # (source, sample, T)
    texts[torch.arange(T, device=tokens.device), :, torch.arange(T, device=tokens.device)] = others
    size = max(1, MAX_NUMBERS // (T * max(T, model.config.n_embd)))
    check_logits(model, min(size, T * samples), "give fewer samples")
    with evaluating(model):
        runs = [
            [
                away_from(last, without_edges(model, tokens, part), target)
                for part in torch.split(torch.arange(T), size)
            ],
            [away_from(last, model(part, last=True)[:, 0], target) for part in torch.split(texts.flatten(0, 1), size)],
        ]
    found = torch.stack([torch.cat(parts, 1).view(2, T, -1).mean(2) for parts in runs], 1)  # (2, ablation, source)
    return target, to_numpy(found[0]), to_numpy(found[1])


def away_from(last: Float[Tensor, " V"], logits: Float[Tensor, "N V"], target: int) -> Float[Tensor, "2 N"]:
    """KL(last || each), and the fall of the log-probability of a token."""
    log_probability = logits.float().log_softmax(-1)
    drop = last[target] - log_probability[:, target]
    return torch.stack([divergence(last.expand_as(log_probability), log_probability), drop])


def without_edges(model: GPT, tokens: Int[Tensor, " T"], sources: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
    """The last position's logits if no later position attends to a source, for each of the sources."""
    T, device = len(tokens), tokens.device
    allowed = torch.ones(T, T, dtype=torch.bool, device=device).tril().repeat(len(sources), 1, 1)
    key = torch.arange(T, device=device)
    later = (key[:, None] > key) & (key == sources.to(device)[:, None, None])  # (N, query, key)
    x, rope, _ = model.inputs(tokens.expand(len(sources), T), None)
    for block in model.blocks:
        x = block(x, rope, (allowed & ~later)[:, None], None)
    return model.unembed(x[:, -1])
