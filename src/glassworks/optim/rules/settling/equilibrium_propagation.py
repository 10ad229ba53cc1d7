"""Equilibrium propagation: a network at rest is nudged towards lower loss, and away; weights learn from the difference.

A network has states s that settle at the least of an energy E(w, s), and a cost C of its outputs. With s(beta) where
E + beta C is least, the gradient of the cost at rest is a difference of what each weight sees for itself:

    dC/dw = d/d beta of dF/dw(s(beta))     at 0,  F = E + beta C
          ~ (dF/dw(s(beta)) - dF/dw(s(-beta))) / (2 beta)     the symmetric estimate: its error is of order beta^2

Which energy: a module that has its own is taken with it (`models.simple.settling` is Scellier and Bengio's: symmetric
connections, states in [0, 1], and a forward that settles). A chain of layers is taken with that of its errors of
prediction (energy.py): it is at rest in its own forward pass, exactly, so what is trained is what the module computes.

Sources: Scellier & Bengio 2017 (https://arxiv.org/abs/1602.05179), theorem 1; Laborieux et al. 2021
(https://arxiv.org/abs/2006.03824), eq. 8, for the symmetric estimate and a cost read out by a layer of its own. Limits:
in few steps the nudge does not reach the lowest layers, and what is estimated is the gradient cut off after as many
steps back in time (through_time.py); layers that are another function each time they are called are refused.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from glassworks.optim.rules.chain import read_chain
from glassworks.optim.rules.rule import check_inner
from glassworks.optim.rules.settling.energy import (
    Cost,
    Energetic,
    PredictionEnergy,
    check_settled,
    relaxed,
    weight_gradients,
)
from glassworks.optim.rules.settling.settled import Settled


class EquilibriumPropagation(Settled):
    """Settles three times: at rest, nudged, and nudged the other way.

    Args:
        model: a chain of layers (`read_chain`), or a module with an energy of its own (`Energetic`).
        lr: of Adam, or of momentum's steps.
        beta: how hard the states are nudged.
        settling: steps that they are given, each way.
        rate: the size of a chain's steps. A module with an energy has its own.
        inner, momentum, weight_decay: how the weights step along what they are told.
        seed: read by nothing, as nothing is drawn.
    """

    name = "equilibrium_propagation"

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 2e-3,
        beta: float = 0.2,
        settling: int = 5,
        rate: float = 0.2,
        inner: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        check_inner(inner, momentum, weight_decay)
        if not beta > 0:
            raise ValueError(f"beta (={beta}) must be above 0")
        if settling < 1 or not 0 < rate <= 1:
            raise ValueError(f"settling (={settling}) must be 1 or more, and rate (={rate}) above 0 and at most 1")
        self.network = energetic(model, rate)
        settings = {"inner": inner, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(model, lr=lr, seed=seed, beta=beta, settling=settling, rate=rate, **settings)

    def estimate(self, inputs: Tensor, cost: Cost) -> tuple[Tensor, list[Tensor]]:
        """By rest, and both nudges."""
        beta, steps = self.settings["beta"], self.settings["settling"]
        return gradient(self.network, inputs, cost, self.weights, beta=beta, steps=steps)


@torch.no_grad()
def gradient(
    network: Energetic, inputs: Tensor, cost: Cost, weights: Sequence[Tensor], *, beta: float, steps: int
) -> tuple[Tensor, list[Tensor]]:
    """The cost at rest, and the symmetric estimate of its gradient by the weights."""
    drive = network.drive(inputs)
    rest = network.rest(drive)
    sides = [
        weight_gradients(
            network,
            inputs,
            relaxed(network, drive, rest, cost, beta=nudge, steps=steps),
            cost,
            weights,
            beta=nudge,
        )
        for nudge in (beta, -beta)
    ]
    return cost(network.output(drive, rest)), [(up - down) / (2 * beta) for up, down in zip(*sides, strict=True)]


def energetic(model: nn.Module, rate: float) -> Energetic:
    """A module as a network with an energy: its own, or that of its layers' errors of prediction."""
    if isinstance(model, Energetic):
        return model
    chain = read_chain(model)
    check_settled(chain, EquilibriumPropagation.name)
    return PredictionEnergy(chain, rate)
