"""How a mean moves down a gradient that was estimated: plain, with momentum, or as Adam does.

`lr` and `weight_decay` are settings of the search; the decay is decoupled, as AdamW's: weights shrink by lr times it.
"""

from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

Inner = Literal["adam", "momentum", "plain"]
KINDS = ("adam", "momentum", "plain")
MOMENTUM, BETAS, EPS = 0.9, (0.9, 0.999), 1e-8


def check_inner(settings: dict[str, Any]) -> None:
    """Refuse settings that are of no kind of step."""
    if settings["inner"] not in KINDS:
        raise ValueError(f"inner (={settings['inner']!r}) must be one of {', '.join(KINDS)}")
    if settings["weight_decay"] < 0:
        raise ValueError(f"weight_decay (={settings['weight_decay']}) must be 0 or more")


def move(memory: dict[str, Any], gradient: Float[Tensor, " D"], settings: dict[str, Any]) -> None:
    """Move memory["mean"]. What is kept from step to step is in `memory`, too.

    momentum  m <- 0.9 m + g;  mean <- mean - lr m                                    (Polyak 1964)
    adam      mean <- mean - lr m / (sqrt(v) + 1e-8), m and v corrected for their start  (Kingma & Ba 2015, algorithm 1)
    """
    lr, mean = settings["lr"], memory["mean"]
    if settings["weight_decay"]:
        mean.mul_(1 - lr * settings["weight_decay"])
    if settings["inner"] == "plain":
        mean.sub_(gradient, alpha=lr)
        return
    velocity = memory.setdefault("velocity", gradient.new_zeros(gradient.shape))
    if settings["inner"] == "momentum":
        mean.sub_(velocity.mul_(MOMENTUM).add_(gradient), alpha=lr)
        return
    squares = memory.setdefault("squares", gradient.new_zeros(gradient.shape))
    memory["moves"] = memory.get("moves", 0) + 1
    velocity.lerp_(gradient, 1 - BETAS[0])
    squares.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    first, second = (1 - beta ** memory["moves"] for beta in BETAS)
    mean.addcdiv_(velocity, (squares / second).sqrt_().add_(EPS), value=-lr / first)
