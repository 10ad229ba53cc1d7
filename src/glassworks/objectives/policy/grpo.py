"""Group relative policy optimization (Shao et al. 2024, DeepSeekMath, eq. 3), and its published variants by name.

    L = mean over completions i and tokens t of   max(-A_i ρ_it, -A_i clip(ρ_it, 1 - ε, 1 + ε)) + β k3_it

Its advantages are what a completion got beside the others of its prompt (`advantages.group_advantages`), so no network
has to say what a state is worth. The variants differ in four things: what a ratio is of, what becomes of one beyond its
range, what the mean is over, and by what advantages are divided. That of the first line is over tokens within each
completion, then over completions, so that a long one's tokens count less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.objectives.losses import Summed
from glassworks.objectives.policy.advantages import Scale
from glassworks.objectives.policy.kl import k3
from glassworks.objectives.policy.ppo import clipped_policy_loss

Ratio = Literal["token", "sequence"]
Losses = tuple[Float[Tensor, "B T"], Bool[Tensor, "B T"]]


@dataclass(frozen=True)
class Variant:
    """What a member of the family does."""

    about: str
    """Whose it is, and what is different, in a line."""
    ratio: Ratio = "token"
    """Of what a ratio is: of each token, or of a completion, as the geometric mean of its tokens'."""
    beyond: Literal["clip", "weight", "sigmoid", "tokens first"] = "clip"
    """What becomes of a ratio: it is clipped as in PPO; or it is cut and weighs REINFORCE's gradient, which no token
    loses; or a sigmoid takes its place; or each token's is clipped before their mean is taken."""
    over: Literal["completions", "tokens", "longest"] = "completions"
    """What the mean is over: tokens within completions; all tokens alike; or as many as completions may have."""
    scale: Scale = "group"
    """By which standard deviation advantages are divided."""
    low: float = 0.2
    high: float = 0.2
    drops_flat: bool = False
    """Whether groups without variance are left out of the mean, and not only of the gradient."""
    overlong: bool = False
    """Whether completions that were cut at the limit are left out."""


VARIANTS: dict[str, Variant] = {
    "grpo": Variant("Shao et al. 2024, DeepSeekMath"),
    "dapo": Variant(
        "Yu et al. 2025: all tokens alike, clipped later above, without flat groups and what was cut",
        over="tokens",
        high=0.28,
        drops_flat=True,
        overlong=True,
    ),
    "dr_grpo": Variant("Liu et al. 2025, Dr. GRPO: neither lengths nor deviations weigh", over="longest", scale="none"),
    "gspo": Variant("Zheng et al. 2025: the ratio is a completion's", ratio="sequence", low=3e-4, high=4e-4),
    "gmpo": Variant(
        "Zhao et al. 2025: the geometric mean of ratios that are each clipped, in logarithms",
        ratio="sequence",
        beyond="tokens first",
        low=0.4,
        high=0.4,
    ),
    "cispo": Variant(
        "MiniMax 2025, M1: ratios are cut, and no token loses its gradient", beyond="weight", over="tokens", high=4.0
    ),
    "sapo": Variant("Gao et al. 2025: a soft gate in the place of the clip", beyond="sigmoid"),
}

SOFT = 1.0, 1.05
"""SAPO's temperatures, of advantages above and below 0."""


def grpo_loss(
    logprobs: Float[Tensor, "B T"],
    old: Float[Tensor, "B T"],
    advantages: Float[Tensor, " B"],
    counts: Bool[Tensor, "B T"],
    *,
    variant: Variant = VARIANTS["grpo"],
    reference: Float[Tensor, "B T"] | None = None,
    beta: float = 0.0,
    corrected: bool = False,
    longest: int | None = None,
) -> Summed:
    """The loss of a batch of completions, as a sum and what its mean is over; `clip_share` and `kl` are logged with it.

    Args:
        logprobs: of the tokens, by the policy as it is.
        old: by the policy that drew them.
        advantages: of the completions; a row that has none must have no `counts`.
        counts: which tokens are a completion's.
        variant: which of the family.
        reference: log-probabilities by the reference; needed where `beta` is above 0.
        beta: what a nat from the reference costs. k3 as a loss pulls by the gradient of KL(ref || π) (policy/kl.py).
        corrected: whether k3 is weighed by the ratio, which makes it pull by that of KL(π || ref), as PPO's does, also
            where the tokens were drawn by an older policy (DeepSeek-AI 2025, V3.2, 3.1).
        longest: how many tokens a completion may have, for a mean "longest"; None = T.
    """
    lengths = counts.sum(-1, keepdim=True).clamp(min=1)
    log_ratio = (logprobs - old) * counts
    losses, beyond = BEYOND[variant.beyond](log_ratio, logprobs, advantages[:, None], counts, variant)
    distance = torch.zeros_like(logprobs) if reference is None else k3(logprobs, reference)
    if beta:
        if reference is None:
            raise ValueError(f"beta (={beta}) is of a distance from a reference: give its log-probabilities")
        losses = losses + beta * distance * (ratios(log_ratio, counts, variant.ratio).exp() if corrected else 1)
    in_completions = counts / lengths  # a row adds up to 1
    weights, shares = {
        "completions": (in_completions, in_completions),
        "tokens": (counts.to(losses.dtype), counts.to(losses.dtype)),
        "longest": (counts / (longest or counts.size(1)), in_completions),
    }[variant.over]
    number = counts.sum() if variant.over == "tokens" else counts.any(-1).sum()
    logs = {"clip_share": (beyond * shares).sum().detach()}
    if reference is not None:
        logs["kl"] = (distance * shares).sum().detach()
    return Summed((torch.where(counts, losses, 0.0) * weights).sum(), number.clamp(min=1), logs)


# ----------------------------------------------------------------------------------------------------------------------
# What becomes of a ratio


def ratios(log_ratio: Float[Tensor, "B T"], counts: Bool[Tensor, "B T"], of: Ratio) -> Float[Tensor, "B T"]:
    """In logarithms, each token's, or the mean over its completion (Zheng et al. 2025, GSPO, eq. 7)."""
    if of == "token":
        return log_ratio
    return (log_ratio.sum(-1, keepdim=True) / counts.sum(-1, keepdim=True).clamp(min=1)).expand_as(log_ratio)


def clip(log_ratio: Tensor, logprobs: Tensor, advantages: Tensor, counts: Tensor, variant: Variant) -> Losses:
    """PPO's, of tokens or of completions."""
    log_ratio, same = ratios(log_ratio, counts, variant.ratio), torch.zeros_like(log_ratio)
    return clipped_policy_loss(log_ratio, same, advantages.expand_as(log_ratio), low=variant.low, high=variant.high)


def weigh(log_ratio: Tensor, logprobs: Tensor, advantages: Tensor, counts: Tensor, variant: Variant) -> Losses:
    """-sg(min(ρ, 1 + ε)) A log π (MiniMax 2025, eq. 4)."""
    ratio = log_ratio.exp().detach()
    return -ratio.clamp(max=1 + variant.high) * advantages * logprobs, ratio > 1 + variant.high


def soften(log_ratio: Tensor, logprobs: Tensor, advantages: Tensor, counts: Tensor, variant: Variant) -> Losses:
    """-A 4/τ sigmoid(τ (ρ - 1)), whose gradient fades with the distance of ρ from 1 (Gao et al. 2025, SAPO)."""
    ratio, tau = log_ratio.exp(), torch.where(advantages > 0, *SOFT)
    return -advantages * (tau * (ratio - 1)).sigmoid() * 4 / tau, (ratio < 1 - variant.low) | (ratio > 1 + variant.high)


def clip_tokens(log_ratio: Tensor, logprobs: Tensor, advantages: Tensor, counts: Tensor, variant: Variant) -> Losses:
    """-A (Π ρ)^(1/T), each ρ clipped on the side that A asks for, in logarithms (Zhao et al. 2025, GMPO, eq. 4)."""
    held = log_ratio.clamp(-variant.low, variant.high)
    chosen = torch.where(advantages > 0, torch.minimum(log_ratio, held), torch.maximum(log_ratio, held)) * counts
    mean = chosen.sum(-1, keepdim=True) / counts.sum(-1, keepdim=True).clamp(min=1)
    return (-advantages * mean.exp()).expand_as(log_ratio), chosen != log_ratio


BEYOND: dict[str, Callable[..., Losses]] = {
    "clip": clip,
    "weight": weigh,
    "sigmoid": soften,
    "tokens first": clip_tokens,
}
