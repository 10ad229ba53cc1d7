"""Errors that go back through other weights than those they came by: what feedback alignment and its kin share.

Backpropagation brings the error d of a layer's outputs to its inputs through its own weights, W^T d. Here it goes
through a feedback B in their place; each weight's own gradient, d x^T, and what lies between layers (nonlinearities,
pooling, norms) stay as they are. Which B is what the rules differ in.

What is drawn is normal with std 1 / √fan-out, which brings errors down at about their size.

Published for LeNet on the whole of MNIST, percent of errors: backpropagation 0.91, feedback alignment 1.70, direct
1.61, sign-symmetric 0.94 (uniform), 0.91 (batch), 0.97 (fixed); for ResNet-20 on CIFAR-10 8.63, 32.16, 45.94, 10.05,
11.02, 11.2 (Sanfiz & Akrout 2021, https://arxiv.org/abs/2108.13446).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp

from glassworks.optim.rules.chain import NORMS, buffers_kept, kind
from glassworks.optim.rules.rule import Rule, check_inner

Back = Callable[[Tensor, Tensor], Tensor]
"""The input (B, ...) of a layer and the error of its output to the error of its input."""


class Detour(torch.autograd.Function):
    """A layer's output as it is; back, its error goes to the output as it is, and to the input as `back` says."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, given: Tensor, back: Back) -> Tensor:
        """The output; a copy, as what follows may write into it."""
        ctx.save_for_backward(given)
        ctx.back = back
        return output.clone()

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """The error of the output, and that of the input, where anything below wants one."""
        (given,) = ctx.saved_tensors
        return errors[0], ctx.back(given, errors[0]) if ctx.needs_input_grad[1] else None, None


class Feedback(Rule):
    """Trains by the gradient that `closure` computes while each weighted layer's error takes another way back.

    Outside of a step the module is as it was: hooks are there while the closure runs, and never in a copy or a file.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float,
        seed: int,
        inner: Literal["adam", "sgd"],
        momentum: float,
        weight_decay: float,
        angle_every: int | None,
        **settings: Any,
    ) -> None:
        """What each of these rules can be told.

        Args:
            model: any with two weighted layers or more.
            lr: of the inner step.
            seed: of what is drawn.
            inner: how weights move along the gradient: adam, with β = (momentum, 0.999), or sgd with momentum.
            momentum: of either.
            weight_decay: decoupled, times lr (adam), or a penalty whose gradient is added (sgd).
            angle_every: after so many steps (None = never) `numbers()` has the angle in degrees between this gradient
                and backpropagation's, of all weights below the last layer, for one more forward and backward pass.
            settings: what else a rule keeps with these.
        """
        check_inner(inner, momentum, weight_decay)
        if angle_every is not None and angle_every < 1:
            raise ValueError(f"angle_every (={angle_every}) must be a number of steps, at least 1")
        super().__init__(model, lr=lr, seed=seed, inner=inner, momentum=momentum, weight_decay=weight_decay, **settings)
        self.angle_every = angle_every
        self.layers = {name: layer for name, layer in model.named_modules() if is_layer(layer)}
        if len(self.layers) < 2:
            raise ValueError(
                f"{self.name} goes around the weights of layers above others, and {kind(model)} has "
                f"{len(self.layers)} layer with weights: give it two or more, of nn.Linear or nn.Conv2d"
            )

    def back(self, name: str, layer: nn.Module, given: Tensor, error: Tensor) -> Tensor:
        """The error of a layer's input, from that of its output: B^T d, each of its matrices with its feedback."""
        return through(layer, given, error, {p: self.feedback(name, p, weight) for p, weight in matrices(layer)})

    def feedback(self, name: str, parameter: str, weight: Tensor) -> Tensor:
        """What stands for a weight on the way back."""
        raise NotImplementedError

    def teach(self, closure: Callable[[], Any]) -> Any:
        """A step down the gradient of other ways back."""
        asked = self.angle_every is not None and self.memory["steps"] % self.angle_every == 0
        true = self.true_gradient(closure) if asked else None
        with torch.enable_grad(), self.detours() as called:
            loss = closure()
        if not called:
            raise ValueError(
                f"{self.name} found no layer that was called in the forward of {kind(self.model)}: do not compile it"
            )
        if true is not None:
            head = set(self.layers[called[-1]].parameters())
            pairs = [(x, p.grad) for x, p in zip(true, self.weights, strict=True) if p not in head]
            self.last = {"angle": angle([(x, y) for x, y in pairs if x is not None and y is not None])}
        self.descend()
        return loss

    @contextmanager
    def detours(self) -> Iterator[list[str]]:
        """Layers whose errors take another way back, inside of the block; the names of those called, in order."""
        called: list[str] = []
        inputs: list[Tensor] = []

        def before(name: str, layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            called.append(name)
            inputs.append(args[0])
            return (args[0].detach(), *args[1:])

        def after(name: str, layer: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
            given = inputs.pop()
            if not isinstance(output, Tensor):
                raise ValueError(
                    f"{self.name} cannot go around {name}, which returns more than one tensor: make it layers of one"
                )
            if not torch.is_grad_enabled():
                return output
            return Detour.apply(output, given, partial(self.back, name, layer))  # type: ignore[no-untyped-call]

        handles = [layer.register_forward_pre_hook(partial(before, name)) for name, layer in self.layers.items()]
        handles += [layer.register_forward_hook(partial(after, name)) for name, layer in self.layers.items()]
        try:
            yield called
        finally:
            for handle in handles:
                handle.remove()

    def true_gradient(self, closure: Callable[[], Any]) -> list[Tensor | None]:
        """What backpropagation gives for this batch; statistics and random numbers are then as they were before."""
        with buffers_kept(self.model), torch.random.fork_rng(), torch.enable_grad():
            closure()
        return [None if p.grad is None else p.grad.clone() for p in self.weights]

    def drawn(self, key: str, like: Tensor, std: float, *numbers: int) -> Tensor:
        """Normal numbers of this seed, for this key, laid out as a tensor."""
        drawn = torch.randn(like.shape, generator=self.generator(*key.encode(), *numbers)) * std
        return torch.empty_like(like).copy_(drawn)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As a rule's; feedback lies in memory as its weights do, for products to round alike."""
        super().load_state_dict(state_dict)
        weights = {f"feedback.{name}": p for name, p in self.model.named_parameters()}
        for key, value in self.memory.items():
            if key in weights and value.shape == weights[key].shape:
                self.memory[key] = torch.empty_like(weights[key]).copy_(value)


# ----------------------------------------------------------------------------------------------------------------------
# Layers


def is_layer(layer: nn.Module) -> bool:
    """Whether a module has a matrix of its own that errors go back through."""
    return not isinstance(layer, (*NORMS, nn.Embedding)) and any(True for _ in matrices(layer))


def matrices(layer: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """A layer's own weights of two axes or more, by name."""
    return ((name, p) for name, p in layer.named_parameters(recurse=False) if p.ndim > 1)


def dotted(*names: str) -> str:
    """Names as one path."""
    return ".".join(name for name in names if name)


def size_of(layer: nn.Module, weight: Tensor) -> float:
    """1 / √fan-out: the number of outputs that read an input, which in groups are those of its own."""
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):  # (inputs, outputs of a group, ...)
        return 1 / math.sqrt(weight[0].numel())
    groups = layer.groups if isinstance(layer, nn.modules.conv._ConvNd) else 1
    return 1 / math.sqrt(weight.numel() / weight.shape[1] / groups)


def through(layer: nn.Module, given: Tensor, error: Tensor, feedback: dict[str, Tensor]) -> Tensor:
    """What reaches a layer's input of its output's error, if these stood in the place of its weights.

    Args:
        layer: linear in its input, which other than nn.Linear and nn.Conv* is not looked at.
        given: its input (B, ...).
        error: the gradient of its output.
        feedback: what stands for each of its matrices, by name.
    """
    if isinstance(layer, nn.Linear):
        return (error @ feedback["weight"].to(error.dtype)).to(given.dtype)
    plain = isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and layer.padding_mode == "zeros"
    if plain and not isinstance(layer.padding, str):
        found: Tensor = torch.ops.aten.convolution_backward(
            error,
            given.to(error.dtype),
            feedback["weight"].to(error.dtype),
            None,
            layer.stride,
            layer.padding,
            layer.dilation,
            False,
            [0],
            layer.groups,
            (True, False, False),
        )[0]
        return found.to(given.dtype)
    with torch.enable_grad():
        wide = given.detach().to(next(iter(feedback.values())).dtype)
        others = {f"layer.{name}": weight for name, weight in feedback.items()}
        pull = vjp(lambda x: functional_call(Bare(layer), others, (x,)), wide)[1]
        reached: Tensor = pull(error.to(wide.dtype))[0]
    return reached.to(given.dtype)


class Bare(nn.Module):
    """A layer without its hooks."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """As the layer's."""
        found: Tensor = self.layer.forward(x)
        return found


def angle(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """The angle in degrees between two gradients, each as tensors; nan where one is zero."""
    product = sum(float((x * y).sum()) for x, y in pairs)
    lengths = math.sqrt(sum(float(x.square().sum()) for x, _ in pairs) * sum(float(y.square().sum()) for _, y in pairs))
    return math.degrees(math.acos(max(-1.0, min(1.0, product / lengths)))) if lengths else math.nan
