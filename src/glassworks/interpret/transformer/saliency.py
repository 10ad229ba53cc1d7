"""Which tokens of its prompt a written token hangs on: what happens without each, and what the gradient guesses.

What a token does is measured as `rollout` does it: cut, so that no later one reads it, or replaced by others. Gradient
times input (Shrikumar et al. 2016, 1605.01713, section 2.4) is a guess from one backward pass: by how much the
log-probability would fall if the token's vector went to zero, were it linear. Only its agreement with what is measured
says whether it is worth something, and an untrained network's numbers are what either would show of nothing learned.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import run_model
from glassworks.interpret.correlation import spearman
from glassworks.interpret.tokens import check, check_tokens
from glassworks.interpret.transformer.legends.heads import TOKEN_SALIENCY
from glassworks.interpret.transformer.lens import to_numpy, untrained
from glassworks.interpret.transformer.rollout import prediction_without
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.trace.trace import Trace

MEASURES = ("replaced", "cut", "gradient")


class Saliency(NamedTuple):
    """In nats of the target's log-probability, one number a token of the prompt; above 0 it spoke for the target."""

    cut: Float[Tensor, " T"]
    """The fall when no later token reads this one. The last is 0: what it hands over itself cannot be cut."""
    replaced: Float[Tensor, " T"]
    """The mean fall when another token stands in its place."""
    gradient: Float[Tensor, " T"]
    """Gradient times input, of what enters the first block."""
    log_probability: float
    correlation: float
    """Spearman's, of the sizes of `gradient` and `replaced` over all tokens; NaN where one is the same for all."""


@public
def token_saliency(
    model: GPT,
    tokens: Int[Tensor, " T"],
    labels: Sequence[str],
    *,
    target: int | None = None,
    samples: int = 4,
    seed: int = 0,
) -> Trace:
    """How much each token of a prompt did for the token that comes next, in the model and in an untrained one.

    Each token costs a forward pass, and one for each of its samples; then there is a backward pass; all of it twice.

    Arrays: in nats of the target's log-probability, above 0 where the token spoke for it
        replaced (network, source): the mean fall when another token, drawn at random, stands in its place.
        cut (network, source): the fall when no later token reads this one; 0 for the last.
        gradient (network, source): gradient times input, the guess of one backward pass.
        correlation (network): Spearman's, of the sizes of `gradient` and `replaced` over all tokens; NaN where one is
            the same for all.

    Args:
        model: any GPT.
        tokens: the prompt.
        labels: one for each token.
        target: the token that is asked about; None = the one that the model finds likeliest.
        samples: random tokens tried in each place for `replaced`.
        seed: draws them, and the untrained network.

    Meta: `target`, and its `log_probability` behind the prompt, also in the untrained network.
    """
    check(model, tokens, labels)
    if target is None:
        with torch.no_grad():
            target = int(run_model(model, tokens[None])[0, -1].argmax())
    networks = {"model": model, "untrained": untrained(model, seed)}
    found = [saliency_of(network, tokens, target, samples=samples, seed=seed) for network in networks.values()]
    arrays = {name: np.stack([to_numpy(getattr(one, name)) for one in found]) for name in MEASURES}
    return Trace(
        method="token_saliency",
        legend=TOKEN_SALIENCY,
        arrays=arrays | {"correlation": np.array([one.correlation for one in found], np.float32)},
        axes=dict.fromkeys(MEASURES, ("network", "source")) | {"correlation": ("network",)},
        labels={"network": list(networks), "source": list(labels)},
        meta={
            "target": target,
            "log_probability": found[0].log_probability,
            "log_probability_untrained": found[1].log_probability,
            "samples": samples,
        },
    )


def saliency_of(model: GPT, tokens: Int[Tensor, " T"], target: int, *, samples: int = 4, seed: int = 0) -> Saliency:
    """How much each token of a prompt did for the token that was written behind it.

    Args:
        model: any GPT.
        tokens: the prompt.
        target: the token written next.
        samples: random tokens tried in each place for `replaced`.
        seed: draws them.
    """
    check_tokens(model, tokens, axes=1)
    check_count("samples", samples, 1)
    if not 0 <= target < model.config.vocab_size:
        raise ValueError(f"target (={target}) must be from 0 to {model.config.vocab_size - 1}")
    gradient, log_probability = gradient_times_input(model, tokens, target)
    with torch.no_grad():
        _, _, drop = prediction_without(model, tokens, samples, seed, target)
    cut, replaced = torch.from_numpy(drop)
    correlation = spearman(gradient.abs().cpu().numpy(), replaced.abs().numpy())
    return Saliency(cut, replaced, gradient, log_probability, float(correlation))


def gradient_times_input(model: GPT, tokens: Int[Tensor, " T"], target: int) -> tuple[Float[Tensor, " T"], float]:
    """The gradient of the target's log-probability times what enters the first block, summed over the width."""
    with evaluating(model), torch.enable_grad():
        x, rope, mask = model.inputs(tokens[None], None)
        x = entering = x.detach().requires_grad_()
        for block in model.blocks:
            x = block(x, rope, mask, None)
        log_probability = model.unembed(x[:, -1])[0].float().log_softmax(-1)[target]
        (slope,) = torch.autograd.grad(log_probability, entering)
    return (slope * entering.detach())[0].sum(-1).float(), float(log_probability.detach())
