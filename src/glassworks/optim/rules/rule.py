"""What rules share: the module that they teach, what they know in `state_dict`, and steps down some gradient.

A rule is made of a module, `cls(model, lr=, seed=, ...)`, and teaches what of its weights wants gradients. How these
move is Adam's or momentum's step (`descend`) along whatever the rule has put into each weight's `.grad`, unless the
rule sets them itself.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from glassworks.optim.gradient_free.search import mixed

INNER = ("adam", "sgd")


class Rule(torch.optim.Optimizer):
    """Teaches a module by something else than its loss's gradient."""

    name = ""
    """As it is called in the catalogue."""

    def __init__(self, model: nn.Module, *, lr: float, seed: int = 0, **settings: Any) -> None:
        weights = [p for p in model.parameters() if p.requires_grad and p.numel()]
        if not weights:
            raise ValueError("model has no weights to train: give one that has some which want gradients")
        for p in weights:
            if not p.is_floating_point():
                raise ValueError(
                    f"a parameter of shape {tuple(p.shape)} is {p.dtype}: give floating-point weights alone"
                )
            if p.dtype == torch.float16:
                raise ValueError(
                    f"a parameter of shape {tuple(p.shape)} is {p.dtype}, in which a rule's small numbers are 0: bring "
                    "the model to float32 by .float(), or to bfloat16"
                )
        if not lr > 0:
            raise ValueError(f"lr (={lr}) must be above 0")
        super().__init__(weights, {"lr": lr, "seed": seed, **settings})
        self.model = model
        self.memory["steps"] = 0
        self.last: dict[str, Tensor | float] = {}

    @property
    def weights(self) -> list[Tensor]:
        """All that is taught, in order."""
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def settings(self) -> dict[str, Any]:
        """lr, seed and what else the rule has; of the only group, where a schedule changes lr."""
        found: dict[str, Any] = self.param_groups[0]
        return found

    @property
    def memory(self) -> dict[str, Any]:
        """What it knows, tensors and numbers: part of `state_dict`."""
        found: dict[str, Any] = self.state[self.weights[0]]
        return found

    def generator(self, *numbers: int) -> torch.Generator:
        """A stream of random numbers of its own for each seed and these numbers, such as the step; of the CPU."""
        generator = torch.Generator()
        generator.manual_seed(reduce(mixed, numbers, self.settings["seed"]))
        return generator

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Teach by one batch; the loss of the weights as they were before it."""
        if closure is None:
            raise ValueError("step() needs a closure that computes the loss: step it by fit(...)")
        loss = self.teach(closure)
        self.memory["steps"] += 1
        return loss

    def teach(self, closure: Any) -> Tensor:
        """What the rule does in a step; the loss before it."""
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        """What is logged of a step beside its loss."""
        return {name: float(value) for name, value in self.last.items()}

    @torch.no_grad()
    def descend(self, weights: Iterable[Tensor] | None = None) -> None:
        """One step of Adam or of momentum down the `.grad` of these weights (None = all that have one)."""
        asked = self.weights if weights is None else list(weights)
        params = [p for p in asked if p.grad is not None]
        if not params:
            return
        grads = [p.grad for p in params if p.grad is not None]
        group = self.settings
        if group["inner"] == "sgd":
            momenta = [self.state[p].get("momentum_buffer") for p in params]
            sgd(
                params,
                grads,
                momenta,
                weight_decay=group["weight_decay"],
                momentum=group["momentum"],
                lr=group["lr"],
                dampening=0.0,
                nesterov=False,
                maximize=False,
            )
            for p, momentum in zip(params, momenta, strict=True):
                self.state[p]["momentum_buffer"] = momentum
            return
        for p in params:
            if "exp_avg" not in self.state[p]:
                self.state[p].update(
                    step=torch.zeros((), dtype=torch.float32),
                    exp_avg=torch.zeros_like(p),
                    exp_avg_sq=torch.zeros_like(p),
                )
        states = [self.state[p] for p in params]
        adam(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False,
            beta1=group["momentum"],
            beta2=0.999,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, but tensors keep their precision, which torch brings to the weights'."""
        super().load_state_dict(state_dict)
        device = self.weights[0].device
        for name, value in state_dict["state"].get(0, {}).items():
            self.memory[name] = value.to(device, copy=True) if isinstance(value, Tensor) else value


def check_inner(inner: str, momentum: float, weight_decay: float) -> None:
    """ValueError for settings of `descend` that are none."""
    if inner not in INNER:
        raise ValueError(f"inner (={inner!r}) must be {' or '.join(INNER)}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum (={momentum}) must be at least 0 and below 1")
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay (={weight_decay}) must be 0 or more")
