"""Predictive coding: hidden states settle between what comes from below and what is wanted above, then weights follow.

Each layer predicts the state of the next. The states, which begin at the forward pass, lower

    F(s) = 1/2 sum over k of |s_k - f_k(s_(k-1))|^2 + C(f_L(s_(L-1)))     C the loss

for a number of steps, each moved by the errors at its own layer and the next; then each layer's weights step down its
own error. Where predictions and slopes are held as the forward pass has them ("fixed"), the errors settle at what
backpropagation computes, after as many steps of rate 1 as there are layers: the same gradient, from local exchanges.
Free states give another one, which nears it as the errors become small.

Sources: Whittington & Bogacz 2017 (https://doi.org/10.1162/NECO_a_00949); Millidge et al. 2020, "Predictive coding
approximates backprop along arbitrary computation graphs" (https://arxiv.org/abs/2006.04182), section 3, for the fixed
predictions. Limits: layers that are another function each time they are called (dropout, batch norm) are refused.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from glassworks.optim.rules.chain import Chain, read_chain
from glassworks.optim.rules.rule import check_inner
from glassworks.optim.rules.settling.energy import Cost, PredictionEnergy, check_settled, relaxed, weight_gradients
from glassworks.optim.rules.settling.settled import Settled


class PredictiveCoding(Settled):
    """Errors of prediction settle, and each layer learns from its own.

    Args:
        model: a chain of layers (`read_chain`), linear or of convolutions.
        lr: of Adam, or of momentum's steps.
        inference: steps in which the states settle.
        rate: their size: 1 with fixed predictions, otherwise below 2 over the energy's largest curvature.
        predictions: free, or fixed at those of the forward pass.
        inner, momentum, weight_decay: how the weights step along what they are told.
        seed: read by nothing, as nothing is drawn.
    """

    name = "predictive_coding"

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 2e-3,
        inference: int = 5,
        rate: float = 0.2,
        predictions: Literal["free", "fixed"] = "free",
        inner: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        check_inner(inner, momentum, weight_decay)
        if inference < 1 or not 0 < rate <= 1:
            raise ValueError(f"inference (={inference}) must be 1 or more, and rate (={rate}) above 0 and at most 1")
        if predictions not in ("free", "fixed"):
            raise ValueError(f"predictions (={predictions!r}) must be free or fixed")
        self.chain = read_chain(model)
        check_settled(self.chain, self.name)
        settings = {"inner": inner, "momentum": momentum, "weight_decay": weight_decay}
        settled = {"inference": inference, "rate": rate, "predictions": predictions}
        super().__init__(model, lr=lr, seed=seed, **settings, **settled)

    def estimate(self, inputs: Tensor, cost: Cost) -> tuple[Tensor, list[Tensor]]:
        """By states that settle from the forward pass on."""
        steps, rate, fixed = self.settings["inference"], self.settings["rate"], self.settings["predictions"] == "fixed"
        return gradient(self.chain, inputs, cost, self.weights, steps=steps, rate=rate, fixed=fixed)


@torch.no_grad()
def gradient(
    chain: Chain, inputs: Tensor, cost: Cost, weights: list[Tensor], *, steps: int, rate: float, fixed: bool
) -> tuple[Tensor, list[Tensor]]:
    """The cost of the forward pass, and what predictive coding takes for its gradient by the weights."""
    network = PredictionEnergy(chain, rate)
    drive = network.drive(inputs)
    rest = network.rest(drive)
    loss = cost(network.output(drive, rest))
    if fixed:
        return loss, fixed_gradients(chain, inputs, cost, weights, steps=steps, rate=rate)
    states = relaxed(network, drive, rest, cost, beta=1.0, steps=steps)
    return loss, weight_gradients(network, inputs, states, cost, weights, beta=1.0)


def fixed_gradients(
    chain: Chain, inputs: Tensor, cost: Cost, weights: list[Tensor], *, steps: int, rate: float
) -> list[Tensor]:
    """The same where predictions and slopes stay those of the forward pass: the errors alone settle.

    e_k <- e_k + rate ((df_(k+1)/ds_k)' e_(k+1) - e_k),  e_L = -dC/df_L     gradient_k = -(df_k/dw_k)' e_k
    """
    with torch.enable_grad():
        below, above = [], []  # what each block reads, cut off from the one before, and what it gives
        x = chain.enter(inputs)
        for block in chain.blocks:
            below.append(x.detach().requires_grad_())
            above.append(block(below[-1]))
            x = above[-1]
        output = x.detach().requires_grad_()
        (top,) = torch.autograd.grad(cost(output), output)
    errors = [torch.zeros_like(x) for x in above[:-1]] + [-top]
    for _ in range(steps):
        from_above = [
            torch.autograd.grad(said, read, error, retain_graph=True)[0]
            for read, said, error in zip(below[1:], above[1:], errors[1:], strict=True)
        ]
        moved = [e + rate * (told - e) for e, told in zip(errors[:-1], from_above, strict=True)]
        errors = [*moved, -top]
    found = torch.autograd.grad(above, weights, [-e for e in errors], allow_unused=True)
    return [torch.zeros_like(p) if x is None else x for p, x in zip(weights, found, strict=True)]
