"""Other rules for what passes backward through ReLUs, however a model calls them: deconvnets, guided backpropagation.

A gradient passes a ReLU where its input was above 0 ("plain"). A deconvnet (Zeiler & Fergus 2013, section 2.1)
rectifies the signal instead, wherever the input was; guided backpropagation (Springenberg et al. 2014) does both:

    plain       signal where the input was above 0
    deconvnet   max(signal, 0)
    guided      max(signal, 0) where the input was above 0

Calls are found as torch makes them, not by the classes of modules: `nn.ReLU`, `F.relu`, `torch.relu`, `x.relu_()`,
`x.clamp(min=0)`, `F.threshold(x, 0, 0)`, `torch.maximum(x, zeros)` and ReLUs with a ceiling (`nn.ReLU6`,
`F.hardtanh(x, 0, 6)`, `x.clamp(0, 6)`) are the same to it, in place or not, and so is a module that is used twice. What
multiplies by a mask, as `x * (x > 0)` or `torch.where(x > 0, x, 0)` do, is no call of a ReLU and keeps its gradient.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from glassworks.interpret.access.compiled import uncompiled
from glassworks.interpret.access.points import of_this_thread
from glassworks.models.modes import evaluating

Rule = Literal["plain", "deconvnet", "guided"]

ARGUMENTS = {
    "relu": ("input", "inplace"),
    "relu6": ("input", "inplace"),
    "hardtanh": ("input", "min_val", "max_val", "inplace"),
    "threshold": ("input", "threshold", "value", "inplace"),
    "clamp": ("input", "min", "max"),
    "clip": ("input", "min", "max"),
    "clamp_min": ("input", "min"),
}
"""The arguments of torch's functions that can be a ReLU; those that end in _ work in place."""

OTHERS = (
    *("celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "leaky_relu", "log_sigmoid", "mish"),
    *("prelu", "rrelu", "selu", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink"),
    *("rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell", "lstm", "gru"),
)
"""Nonlinearities that none of the rules is about. Gates and outputs (sigmoid, softmax) keep their gradient."""


@contextmanager
def rectified(model: nn.Module, rule: Rule) -> Iterator[None]:
    """Forward passes of the model inside the block have gradients that pass ReLUs by the rule.

        with rectified(model, "guided"):
            score = model(images)[:, 3].sum()
        (picture,) = torch.autograd.grad(score, images)

    Values are the plain ones. The rule is part of the graph that is made inside the block, so `backward` may follow
    later. The model is in evaluation mode; what other threads run is left alone.

    Raises: ValueError for a rule that is none, for a module traced to TorchScript, by its name, and, in `backward`,
    where a signal comes to another nonlinearity (GELU, tanh, ...), by the name of the module that applies it: below
    it, points work.
    """
    if rule not in get_args(Rule):
        raise ValueError(f"rule (={rule!r}) must be one of {', '.join(get_args(Rule))}")
    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        stack.enter_context(evaluating(root))
        if rule == "plain":
            yield
            return
        here = of_this_thread
        running: list[str] = []
        for name, module in root.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                raise ValueError(
                    f"{name or 'the model'} is traced to TorchScript, which hides its ReLUs: give its source"
                )
            enter = here(lambda *_, name=name: running.append(name))
            leave = here(lambda *_: running.__delitem__(-1))
            stack.callback(module.register_forward_pre_hook(enter, prepend=True).remove)
            stack.callback(module.register_forward_hook(leave, always_call=True).remove)
        stack.enter_context(Calls(rule, running))
        yield


class Calls(TorchFunctionMode):
    """Calls of torch's functions while the model runs: ReLUs are done by the rule, all else as it is."""

    def __init__(self, rule: Rule, running: Sequence[str]) -> None:
        super().__init__()
        self.rule, self.running = rule, running

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """One call."""
        kwargs = kwargs or {}
        if not self.running or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        found = relu_in(name, args, kwargs)
        if found is not None and found[0].requires_grad:
            return rectify(*found, self.rule)
        output = func(*args, **kwargs)
        if name.strip("_") in OTHERS:
            where = self.running[-1] or "the model"
            said = f"{where} applies {name.rstrip('_')}, and rule (={self.rule!r}) is about ReLUs"
            said = f"{said}: take a point below it, or rule='plain'"
            return refusing(output, args, said)
        return output


# ----------------------------------------------------------------------------------------------------------------------
# What is a ReLU


def relu_in(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Tensor, Any, bool] | None:
    """The input, the ceiling and whether it is in place, if a call of this function is one of a ReLU."""
    kind = name.strip("_")  # F.threshold is called _threshold
    if kind in ("maximum", "max", "fmax"):
        return larger_than_0(args, kwargs)
    if kind not in ARGUMENTS:
        return None
    given = {**dict(zip(ARGUMENTS[kind], args, strict=False)), **kwargs}
    floor, ceiling = given.get("min"), given.get("max")
    if kind in ("relu", "relu6"):
        floor, ceiling = 0, {"relu": None, "relu6": 6}[kind]
    elif kind == "hardtanh":
        floor, ceiling = given.get("min_val", -1), given.get("max_val", 1)
    elif kind == "threshold" and given.get("value") == 0:
        floor, ceiling = given.get("threshold"), None
    is_relu = isinstance(floor, int | float) and floor == 0
    is_relu &= ceiling is None or (isinstance(ceiling, int | float) and ceiling > 0)
    x, in_place = given.get("input"), name.endswith("_") or bool(given.get("inplace"))
    return (x, ceiling, in_place) if is_relu and isinstance(x, Tensor) else None


def larger_than_0(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Tensor, None, bool] | None:
    """The input of a maximum with zeros."""
    if len(args) != 2 or kwargs or not all(isinstance(x, Tensor) for x in args):
        return None
    for x, floor in (args, args[::-1]):
        if not floor.requires_grad and not floor.any() and (x + floor).shape == x.shape:
            return x, None, False
    return None


# ----------------------------------------------------------------------------------------------------------------------
# What passes backward


def rectify(x: Tensor, ceiling: Any, in_place: bool, rule: Rule) -> Tensor:
    """A ReLU whose gradient goes by the rule."""
    apply: Any = Rectify.apply
    done: Tensor = apply(x, ceiling, in_place, rule)
    return done


class Rectify(torch.autograd.Function):
    """A ReLU whose signal is rectified on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: Any, in_place: bool, rule: Rule) -> Tensor:
        """The ReLU itself."""
        y = x.clamp_(0, ceiling) if in_place else x.clamp(0, ceiling)
        if in_place:
            ctx.mark_dirty(x)
        if rule == "guided":  # a mask, no numbers: whatever is done to y in place, it stays
            ctx.save_for_backward(y > 0 if ceiling is None else (y > 0) & (y < ceiling))
        return y

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None, None, None]:
        """The signal, rectified, and of guided backpropagation only where the input was above 0."""
        passed = signal.clamp(min=0)
        for mask in ctx.saved_tensors:
            passed = passed * mask
        return passed, None, None, None


def refusing(output: Any, args: Sequence[Any], message: str) -> Any:
    """What another nonlinearity returns: the values, and an error where a signal passes it on its way back."""
    if isinstance(output, tuple):
        return type(output)(refusing(x, args, message) for x in output)
    if not isinstance(output, Tensor) or not output.requires_grad:
        return output
    if any(output is x for x in args):  # in place: nobody need use what is returned
        raise ValueError(message)
    apply: Any = Refuse.apply
    return apply(output, message)


class Refuse(torch.autograd.Function):
    """Nothing on the way forward; an error on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, message: str) -> Tensor:
        """The same values."""
        ctx.message = message
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, _signal: Tensor) -> tuple[Tensor, None]:
        """Why not."""
        raise ValueError(ctx.message)
