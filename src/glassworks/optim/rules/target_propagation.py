"""Difference target propagation: layers get targets, not gradients, through inverses that are learned.

The last hidden layer's target is a step down the loss; each one below gets what an approximate inverse makes of the
target above, less what it makes of the state above, so that an inverse's own error cancels:

    t_(L-1) = h_(L-1) - step dC/dh_(L-1)
    t_(k-1) = h_(k-1) + g_k(t_k) - g_k(h_k)                          g_k(h) = r(V_k h + c_k)
    layer k:    least |f_k(h_(k-1)) - t_k|^2                         the last one: the loss itself
    inverse k:  least |g_k(f_k(h_(k-1) + e)) - (h_(k-1) + e)|^2      e normal noise

r is what follows the weights of layer k-1 (its nonlinearity), so that an inverse gives what that layer can.

Source: Lee et al. 2015 (https://arxiv.org/abs/1412.7525), eq. 9, 13 to 15 and algorithm 1. Limits: linear layers alone,
as an inverse is as large as its layer; with one hidden layer there is none, and what is taught is the gradient.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from glassworks.optim.rules.batch import read_batch
from glassworks.optim.rules.chain import read_chain
from glassworks.optim.rules.rule import Rule, check_inner
from glassworks.optim.rules.settling.energy import check_settled


class TargetPropagation(Rule):
    """Each layer learns to give its target; inverses learn beside it.

    Args:
        model: a chain of linear layers and what follows each.
        lr: of Adam, or of momentum's steps.
        target: the step down the loss that makes the last hidden layer's target, of each example's own loss.
        inverse_lr: of the inverses' Adam.
        noise: standard deviation of what inverses are taught with, in that of the layer's states.
        inner, momentum, weight_decay: how the weights step along what they are told.
        seed: of the inverses and of the noise, which is a function of it and the step.
    """

    name = "target_propagation"

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 3e-3,
        target: float = 0.5,
        inverse_lr: float = 1e-3,
        noise: float = 0.3,
        inner: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        check_inner(inner, momentum, weight_decay)
        for name, value in (("target", target), ("inverse_lr", inverse_lr), ("noise", noise)):
            if not value > 0:
                raise ValueError(f"{name} (={value}) must be above 0")
        self.chain = read_chain(model)
        check_settled(self.chain, self.name)
        for block in self.chain.blocks:
            if not isinstance(block.layer, nn.Linear):
                raise ValueError(
                    f"{self.name} learns an inverse of each layer, and {block.name} is a {type(block.layer).__name__}: "
                    "take linear layers alone, as mlp has"
                )
        settings = {"inner": inner, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(model, lr=lr, seed=seed, target=target, inverse_lr=inverse_lr, noise=noise, **settings)

    @torch.no_grad()
    def teach(self, closure: Any) -> Tensor:
        """Targets from the top, the inverses' step, then that of the weights."""
        batch = read_batch(closure, self.model, self.name)
        count, states = len(batch.inputs), self.chain.states(batch.inputs)
        with torch.enable_grad():
            below = states[-2].detach().requires_grad_()
            loss = batch.loss(self.chain.blocks[-1](below))
            down, *last = gradients(loss, [below, *self.chain.blocks[-1].parameters()])
        found: dict[Tensor, Tensor] = dict(zip(self.chain.blocks[-1].parameters(), last, strict=True))
        targets = self.targets(states, states[-2] - self.settings["target"] * count * down)
        self.last = {"reconstruction": self.teach_inverses(states)}
        for block, read, target in zip(self.chain.blocks, states, targets, strict=False):
            if not block.parameters():
                continue
            with torch.enable_grad():
                own = (block(read) - target).square().sum() / (2 * count)
                for p, x in zip(block.parameters(), gradients(own, block.parameters()), strict=True):
                    found[p] = found[p] + x if p in found else x
        for weight in self.weights:
            weight.grad = found.get(weight)
        self.descend()
        return loss.detach()

    def targets(self, states: Sequence[Tensor], top: Tensor) -> list[Tensor]:
        """What each hidden layer should have given, from the first on."""
        found = [top]
        for k in range(len(self.chain.blocks) - 2, 0, -1):
            found.append(states[k] + (self.inverse(k, found[-1]) - self.inverse(k, states[k + 1])))
        return found[::-1] if len(self.chain.blocks) > 1 else []

    def inverse(self, k: int, state: Tensor) -> Tensor:
        """What block k read, by what it gave: g."""
        weight, bias = self.parameters_of(k)
        flat = nn.functional.linear(state, weight, bias)
        return self.chain.blocks[k - 1].follow(flat)

    def parameters_of(self, k: int) -> tuple[Tensor, Tensor]:
        """V and c of block k, drawn from the seed when they are first asked for: as torch draws a linear layer's."""
        if f"inverse.{k}.weight" not in self.memory:
            weight = next(p for p in self.chain.blocks[k].layer.parameters() if p.ndim > 1)
            drawn = torch.rand(weight.shape[::-1], generator=self.generator(0, k), dtype=weight.dtype)
            bound = weight.size(0) ** -0.5
            self.memory[f"inverse.{k}.weight"] = ((2 * drawn - 1) * bound).to(weight.device)
            self.memory[f"inverse.{k}.bias"] = weight.new_zeros(weight.size(1))
        return self.memory[f"inverse.{k}.weight"], self.memory[f"inverse.{k}.bias"]

    def teach_inverses(self, states: Sequence[Tensor]) -> float:
        """A step of each; the error of reconstruction before it, as a share of the variance, on average."""
        errors = []
        for k in range(1, len(self.chain.blocks) - 1):
            noise = torch.randn(
                states[k].shape, generator=self.generator(1, k, self.memory["steps"]), dtype=states[k].dtype
            )
            read = states[k] + self.settings["noise"] * states[k].std() * noise.to(states[k].device)
            above = self.chain.blocks[k](read)
            weight, bias = (p.requires_grad_() for p in self.parameters_of(k))
            with torch.enable_grad():
                error = (self.inverse(k, above) - read).square().sum() / (2 * len(read))
                found = gradients(error, [weight, bias])
            self.step_inverse(k, [weight.detach_(), bias.detach_()], found)
            errors.append(float(2 * error.detach() / read.var(0, correction=0).sum().clamp(min=1e-12)))
        return sum(errors) / max(1, len(errors))

    def step_inverse(self, k: int, params: list[Tensor], grads: list[Tensor]) -> None:
        """Adam's step, whose averages are part of the memory."""
        averages, squares, steps = list[Tensor](), list[Tensor](), list[Tensor]()
        for name, p in zip(("weight", "bias"), params, strict=True):
            for what, kept in (("average", averages), ("square", squares)):
                kept.append(self.memory.setdefault(f"inverse.{k}.{name}.{what}", torch.zeros_like(p)))
            steps.append(self.memory.setdefault(f"inverse.{k}.{name}.step", torch.zeros(())))
        adam(
            params,
            grads,
            averages,
            squares,
            [],
            steps,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.settings["inverse_lr"],
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )


def gradients(value: Tensor, of: Sequence[Tensor]) -> list[Tensor]:
    """Of one layer's own term by what stands in it."""
    found = torch.autograd.grad(value, list(of), allow_unused=True)
    return [torch.zeros_like(p) if x is None else x for p, x in zip(of, found, strict=True)]
