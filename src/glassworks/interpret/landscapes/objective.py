"""The loss of a batch as a function of a network's weights as one vector: its values, gradients and curvature.

A network that is lent to a look (`lent`) comes back as it was: weights, buffers, modes and random numbers; nobody's
`.grad` is touched. The loss is that of the network in the mode that it is in: in training mode BatchNorm takes the
batch's own statistics, as a step of training does, and dropout leaves out the same units at every point; after
`model.eval()` BatchNorm's statistics are those it was given.

Weights are all that want gradients, tied ones once. Frozen ones, and parameters of whole numbers, stay where they are.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from glassworks.core.machine import company
from glassworks.interpret.access.checks import check_gradients
from glassworks.interpret.access.compiled import uncompiled
from glassworks.interpret.access.finite import check_weights
from glassworks.objectives.losses import LossFn, parted
from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluate import losses_of
from glassworks.optim.gradient_free.evaluation.left import reseed

Vector = Float[Tensor, " D"]


class Objective:
    """The loss of a batch at any weights. Called, it is the loss of the weights as they are, as a closure is."""

    def __init__(self, net: nn.Module, loss_fn: LossFn, batch: Any, seed: int) -> None:
        self.net, self.loss_fn, self.parts, self.seed = net, loss_fn, [batch], seed
        self.weights: list[Tensor] = [p for p in net.parameters() if p.requires_grad]
        vector.check_weights(self.weights)
        self.point = vector.read(self.weights)
        """The weights as they were lent."""
        self.buffers = [(b, b.clone()) for b in net.buffers()]
        self.training = any(module.training for module in net.modules())

    def __call__(self) -> Tensor:
        """The mean loss of the weights as they are."""
        if self.training:  # dropout leaves out the same units, whatever else was computed before
            self.restore_buffers()
            reseed(self.seed)
        return mean_loss(self.loss_fn, self.net, self.parts[0])

    def loss(self, at: Vector | None = None) -> float:
        """The loss at some weights; None = as they are."""
        self.move(at)
        with torch.no_grad():
            return float(self())

    def losses(self, points: Float[Tensor, "P D"]) -> Float[Tensor, " P"]:
        """The losses of rows of weights, which are left as they were."""
        return losses_of(self, self.weights, points, seed=self.seed)

    def gradient(self, at: Vector | None = None) -> tuple[float, Vector]:
        """Loss and gradient at some weights; None = as they are."""
        self.move(at)
        with torch.enable_grad():
            loss = self()
            found = torch.autograd.grad(loss, self.weights, materialize_grads=True, allow_unused=True)
        return float(loss.detach()), flat(found)

    def curvature(self) -> Callable[[Vector], Vector]:
        """The Hessian of the weights as they are, as its product with a vector; they must stay there while it is used.

        The graph of the gradient is built once and kept: a product costs two backward passes.

        Raises: ValueError for a loss that is not finite.
        """
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused attention has no second derivative
            check_loss(loss := self())
            found = torch.autograd.grad(
                loss, self.weights, create_graph=True, materialize_grads=True, allow_unused=True
            )
        curved = [i for i, g in enumerate(found) if g.requires_grad]

        def product(v: Vector) -> Vector:
            if not curved:
                return torch.zeros_like(v)
            parts = vector.views(v, self.weights)
            moved = torch.autograd.grad(
                [found[i] for i in curved],
                self.weights,
                [parts[i].to(found[i].dtype) for i in curved],
                retain_graph=True,
                materialize_grads=True,
                allow_unused=True,
            )
            return flat(moved).to(v.dtype)

        return product

    def move(self, at: Vector | None) -> None:
        """Let the weights be these."""
        if at is not None:
            vector.write(at, self.weights)

    def restore_buffers(self) -> None:
        """Give back what forward passes in training mode change, such as BatchNorm's running statistics."""
        with torch.no_grad():
            for buffer, before in self.buffers:
                buffer.copy_(before)


@contextmanager
def lent(model: nn.Module, loss_fn: LossFn, batch: Any, *, seed: int = 0) -> Iterator[Objective]:
    """A network lent to a look: afterwards its weights, buffers, modes and all random numbers are as they were.

    Args:
        model: any module, in the mode in which its loss is asked for.
        loss_fn: the mean loss of a batch, or `Summed`, as `fit` takes it.
        batch: what it takes.
        seed: of what the network itself draws in training mode, as dropout does: the same numbers at every point.

    Raises: ValueError for weights that are not finite or take no part in gradients, and for a module without any.
    """
    company.watch()
    check_weights(model)
    check_gradients(model)
    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        stack.enter_context(torch.random.fork_rng())
        modes = {module: module.training for module in root.modules()}
        objective = Objective(root, loss_fn, batch, seed)
        try:
            yield objective
        finally:
            vector.write(objective.point, objective.weights)
            objective.restore_buffers()
            for module, mode in modes.items():
                module.training = mode


def mean_loss(loss_fn: LossFn, net: nn.Module, batch: Any) -> Tensor:
    """The mean loss of a batch, a tensor of one number.

    Raises: ValueError for a loss that is no tensor, as after `.item()`, and for one that is not reduced to its mean.
    """
    found = parted(loss_fn, net, batch)
    if not isinstance(found.total, Tensor):
        kind = type(found.total).__name__
        raise ValueError(
            f"loss_fn gives a {kind}: it must return the mean loss as a tensor, without float() or .item()"
        )
    if found.total.numel() != 1:
        shape = tuple(found.total.shape)
        raise ValueError(f"loss_fn gives numbers of shape {shape}: it must return one, their mean (reduction='mean')")
    return found.total / found.number


def check_loss(loss: Tensor | float) -> None:
    """Refuse a loss that is no number: around it there are no gradients, and nothing to be measured."""
    value = float(loss.detach() if isinstance(loss, Tensor) else loss)
    if not math.isfinite(value):
        raise ValueError(f"the loss of this batch is {value}: give examples, and weights, for which it is finite")


def flat(parts: Sequence[Tensor]) -> Vector:
    """Parts of a vector, one after the other, in the precision of `vector.read`."""
    return vector.read(parts)
