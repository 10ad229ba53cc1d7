"""The energy of a chain of layers whose states are free to leave its forward pass, and how it is lowered.

    E(s) = 1/2 sum over k of |s_k - f_k(s_(k-1))|^2     s_0 the input, s_1 ... the hidden layers' states

It is 0 where each state is what its layer computes: at rest the network is the module's own forward pass. A cost of the
outputs, F = E + beta C(f_L(s_(L-1))), pulls the states away from there. Each state moves by what stands next to it:

    dF/ds_k = e_k - (df_(k+1)/ds_k)' e_(k+1)     e_k = s_k - f_k(s_(k-1)),  e_L = -beta dC/df_L

Sources: Whittington & Bogacz 2017 (https://doi.org/10.1162/NECO_a_00949), eq. 2.5 to 2.12; Millidge et al. 2022
(https://arxiv.org/abs/2206.02629), which shows that predictive coding and equilibrium propagation lower this same F.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from glassworks.optim.rules.chain import Chain

Cost = Callable[[Tensor], Tensor]
"""Of outputs (B, ...): summed over examples, so that the states of one do not depend on how many there are."""


@runtime_checkable
class Energetic(Protocol):
    """A network with states that lower an energy. Energies are summed over examples."""

    def drive(self, inputs: Tensor) -> Tensor:
        """What inputs do to the first states: it stays as it is while these move."""
        ...

    def rest(self, drive: Tensor) -> list[Tensor]:
        """The hidden states without a cost."""
        ...

    def energy(self, drive: Tensor, states: Sequence[Tensor]) -> Tensor:
        """E."""
        ...

    def output(self, drive: Tensor, states: Sequence[Tensor]) -> Tensor:
        """The outputs that these states give."""
        ...

    def advance(self, drive: Tensor, states: Sequence[Tensor], pull: Sequence[Tensor]) -> list[Tensor]:
        """The states one step on, where a cost's gradient pulls at them, too. Gradients can be taken through it."""
        ...


class PredictionEnergy:
    """A chain as such a network. Without hidden layers there are no states, and the drive is the output."""

    def __init__(self, chain: Chain, rate: float) -> None:
        self.chain, self.rate = chain, rate

    def drive(self, inputs: Tensor) -> Tensor:
        """What the first block predicts."""
        return self.chain.blocks[0](self.chain.enter(inputs))

    def rest(self, drive: Tensor) -> list[Tensor]:
        """The forward pass."""
        found = [drive]
        for block in self.chain.blocks[1:-1]:
            found.append(block(found[-1]))
        return found[: len(self.chain.blocks) - 1]

    def predictions(self, drive: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """What each hidden state is predicted to be, from the one before."""
        between = zip(self.chain.blocks[1:-1], states, strict=False)
        return [drive, *(block(state) for block, state in between)][: len(states)]

    def energy(self, drive: Tensor, states: Sequence[Tensor]) -> Tensor:
        """Half the squared errors of prediction, summed."""
        errors = zip(states, self.predictions(drive, states), strict=True)
        return sum(((state - said).square().sum() / 2 for state, said in errors), drive.new_zeros(()))

    def output(self, drive: Tensor, states: Sequence[Tensor]) -> Tensor:
        """What the last block makes of the last states."""
        return self.chain.blocks[-1](states[-1]) if states else drive

    def advance(self, drive: Tensor, states: Sequence[Tensor], pull: Sequence[Tensor]) -> list[Tensor]:
        """Down the energy's gradient, and the cost's."""
        if not states:
            return []
        taped = torch.is_grad_enabled()
        with torch.enable_grad():
            free = list(states) if taped else [state.detach().requires_grad_() for state in states]
            slopes = torch.autograd.grad(self.energy(drive, free), free, create_graph=taped)
        return [state - self.rate * (slope + p) for state, slope, p in zip(states, slopes, pull, strict=True)]


def pull_of(network: Energetic, drive: Tensor, states: Sequence[Tensor], cost: Cost, beta: float) -> list[Tensor]:
    """The gradient of beta times the cost by each state. Only the last layer stands between."""
    if not states or beta == 0:
        return [torch.zeros_like(state) for state in states]
    taped = torch.is_grad_enabled()
    with torch.enable_grad():
        free = list(states) if taped else [state.detach().requires_grad_() for state in states]
        value = beta * cost(network.output(drive, free))
        found = torch.autograd.grad(value, free, create_graph=taped, allow_unused=True)
    return [torch.zeros_like(state) if x is None else x for state, x in zip(states, found, strict=True)]


@torch.no_grad()
def relaxed(
    network: Energetic, drive: Tensor, states: Sequence[Tensor], cost: Cost, *, beta: float, steps: int
) -> list[Tensor]:
    """The states after so many steps down E + beta C."""
    found = list(states)
    for _ in range(steps):
        found = network.advance(drive, found, pull_of(network, drive, found, cost, beta))
    return found


def weight_gradients(
    network: Energetic,
    inputs: Tensor,
    states: Sequence[Tensor],
    cost: Cost,
    weights: Sequence[Tensor],
    *,
    beta: float,
) -> list[Tensor]:
    """The gradient of E + beta C by the weights, where the states are as given: each stands in its own layer's term."""
    with torch.enable_grad():
        drive, still = network.drive(inputs), [state.detach() for state in states]
        value = network.energy(drive, still) + beta * cost(network.output(drive, still))
        found = torch.autograd.grad(value, list(weights), allow_unused=True)
    return [torch.zeros_like(p) if x is None else x for p, x in zip(weights, found, strict=True)]


def check_settled(chain: Chain, rule: str) -> None:
    """Refuse layers that are not the same function whenever they are called in a step, and weights in front of all."""
    for name, module in chain.model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            remedy = "take layer norms or none"
        elif isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
            remedy = "set its p to 0"
        else:
            continue
        raise ValueError(
            f"{rule} calls a layer many times in a step, and {name} ({type(module).__name__}) computes otherwise each "
            f"time: {remedy}"
        )
    known = {p for block in chain.blocks for p in block.parameters()}
    for name, p in chain.model.named_parameters():
        if p.requires_grad and p not in known:
            raise ValueError(
                f"{rule} teaches what follows the first weighted layer, and {name} stands before: freeze it"
            )
