"""What an intervention is judged by: functions from logits (B, T, V) to one number a pair (B,).

Any such function will do. One that reads a single position says so by being an `AtPosition`; then only that position's
logits are ever computed, which is most of the work in the last layers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public

Metric = Callable[[Tensor], Tensor]
"""Logits (B, T, V) to (B,), differentiable if it is to be used with attribution."""


@dataclass(frozen=True)
class AtPosition:
    """A metric of the logits at one position: `function` maps (B, V) to (B,)."""

    function: Callable[[Tensor], Tensor]
    position: int = -1
    facts: Mapping[str, str | int] = field(default_factory=dict, compare=False)
    """What a trace says of it: `metric`, its name; `metric_position`; and the ids of its tokens, where all pairs share
    them, as `metric_token` and `metric_less_token`."""

    def __call__(self, logits: Float[Tensor, "B T V"]) -> Float[Tensor, " B"]:
        """Judge all logits by those at the position."""
        return self.function(logits[:, self.position])


@public
def logit_difference(correct: Int[Tensor, " B"], wrong: Int[Tensor, " _"], *, position: int = -1) -> AtPosition:
    """Logit of the correct token less that of the wrong one, at one position.

    Linear in the residual stream up to the last norm, and it ignores what raises all logits alike (Wang et al. 2022).
    """
    if correct.shape != wrong.shape:
        raise ValueError(f"correct {tuple(correct.shape)} and wrong {tuple(wrong.shape)} must have one token a pair")
    check = fits(torch.stack([correct, wrong]), "correct and wrong")

    def difference(logits: Tensor) -> Tensor:
        check(logits)
        rows = torch.arange(len(correct), device=logits.device)
        return logits[rows, correct.to(logits.device)] - logits[rows, wrong.to(logits.device)]

    return AtPosition(difference, position, named("logit difference", position, token=correct, less_token=wrong))


@public
def log_probability(target: Int[Tensor, " B"], *, position: int = -1) -> AtPosition:
    """Log-probability (nats) of a token at one position; in float32 at least, whatever the model's dtype."""
    check = fits(target[None], "target")

    def probability(logits: Tensor) -> Tensor:
        check(logits)
        return exact(logits).log_softmax(-1).gather(-1, target.to(logits.device)[:, None])[:, 0]

    return AtPosition(probability, position, named("log-probability", position, token=target))


@public
def kl_divergence(reference: Float[Tensor, "B T V"], *, position: int | None = None) -> Metric:
    """KL(reference ‖ model) in nats, at one position or, if None, averaged over all. 0 = the reference's own output.

    `reference` are logits, as those of the clean run. Its gradient at the reference itself is 0: take attributions at
    the other run (`at="corrupt"` in `edge_attribution` and `find_circuit`), or they refuse it.
    """

    def divergence(logits: Tensor, expected: Tensor) -> Tensor:
        if logits.shape != expected.shape:
            raise ValueError(f"reference has shape {tuple(expected.shape)}, the logits {tuple(logits.shape)}")
        p, q = (exact(x.to(logits.device)).log_softmax(-1) for x in (expected, logits))
        return (p.exp() * (p - q)).sum(-1)

    if position is None:
        return lambda logits: divergence(logits, reference).mean(1)
    judge = lambda logits: divergence(logits, reference[:, position])  # noqa: E731
    return AtPosition(judge, position, named("KL divergence", position))


def named(name: str, position: int, **tokens: Int[Tensor, " B"]) -> dict[str, str | int]:
    """The facts of a metric; a token is named where all pairs have the same."""
    shared = {f"metric_{key}": int(ids[0]) for key, ids in tokens.items() if len(set(ids.tolist())) == 1}
    return {"metric": name, "metric_position": position, **shared}


def facts_of(metric: Metric) -> dict[str, str | int]:
    """What a trace says of a metric: nothing of a function of one's own."""
    return dict(metric.facts) if isinstance(metric, AtPosition) else {}


def exact(logits: Tensor) -> Tensor:
    """Logits in float32, or in float64 if they are."""
    return logits if logits.dtype is torch.float64 else logits.float()


def fits(tokens: Int[Tensor, "N B"], name: str) -> Callable[[Tensor], None]:
    """A check that tokens are one for each row of some logits, and tokens of their vocabulary."""
    least, largest = (int(tokens.min()), int(tokens.max())) if tokens.numel() else (0, 0)

    def check(logits: Tensor) -> None:
        if tokens.size(1) != len(logits):
            raise ValueError(f"{name} must be one token for each of the {len(logits)} rows, not {tokens.size(1)}")
        if least < 0 or largest >= logits.size(-1):
            raise ValueError(f"{name} (from {least} to {largest}) must be below the vocabulary's {logits.size(-1)}")

    return check
