"""Runs whose numbers are checked: a NaN is reported with the place where it begins.

The output alone does not tell: torch's fused attention makes 0 of queries and keys that are not finite, on some CPUs,
and goes on. So weights are looked at before a run, and what a method keeps of it afterwards.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.interpret.access.compiled import uncompiled
from glassworks.models.modes import evaluating


def run_model(model: nn.Module, *inputs: Any) -> Tensor:
    """The model's output, in evaluation mode.

    Raises: ValueError if weights or the output hold NaN or infinities, naming where they begin.
    """
    check_weights(model)
    with evaluating(model):
        output = model(*inputs)
    values = logits_of(output)
    if not is_finite(values):
        raise ValueError(f"the output holds {kind(values)}, which begin at {where_it_begins(model, *inputs)}")
    return values


def logits_of(output: Any) -> Tensor:
    """A model's output, or an ecosystem's `.logits` of it; ValueError for what is no tensor."""
    found = output if isinstance(output, Tensor) else getattr(output, "logits", output)
    if not isinstance(found, Tensor):
        raise ValueError(f"the model returns a {type(found).__name__}: give a module that returns its scores alone")
    return found


def run_for(model: nn.Module, inputs: Any, points: str | Sequence[str]) -> None:
    """Run a model for what passes some points, in its own mode.

    Where all points lie in its blocks, a model whose class has a method `run_blocks` runs that: logits of a large
    vocabulary take as long as several blocks, and more memory than all of them.
    """
    names = [points] if isinstance(points, str) else points
    run_blocks = vars(type(model)).get("run_blocks")  # of the class itself: one derived from it may run otherwise
    if run_blocks is not None and isinstance(inputs, Tensor) and all(name.startswith("blocks.") for name in names):
        run_blocks(model, inputs)
    else:
        model(inputs)


def check_weights(model: nn.Module) -> None:
    """Refuse parameters that are not finite, naming the first."""
    for name, p in model.named_parameters():
        if not is_finite(p):
            raise ValueError(
                f"the model holds {kind(p)}, which begin at the weights of {plain_name(name)}: load finite weights"
            )


def check_values(captured: Mapping[str, Tensor]) -> None:
    """Refuse values that are not finite, naming the first point in the model's order that has them."""
    for name, value in captured.items():
        if not is_finite(value):
            raise ValueError(
                f"{plain_name(name)} holds {kind(value)}, though the output need not: mend the layer, or an edit there"
            )


@torch.no_grad()
def where_it_begins(model: nn.Module, *inputs: Any) -> str:
    """The first module of a forward pass to return a NaN, or else an infinity; or whose weights hold either.

    NaN comes first since an infinity may be meant, as in a mask that is added to scores.
    """
    for name, p in model.named_parameters():
        if not is_finite(p):
            return f"the weights of {plain_name(name)}"
    names_of: dict[str, list[str]] = {"NaN": [], "infinities": []}

    def look(name: str, output: Any) -> None:
        for value in output if isinstance(output, tuple) else (output,):
            if isinstance(value, Tensor) and not is_finite(value):
                names_of[kind(value)].append(name)

    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        stack.enter_context(evaluating(root))
        for name, module in root.named_modules():
            hook = module.register_forward_hook(lambda _m, _a, output, name=name: look(name, output))
            stack.callback(hook.remove)
        root(*inputs)
    first = [*names_of["NaN"], *names_of["infinities"]]
    return (plain_name(first[0]) or "the model's own output") if first else "no module"


def is_finite(value: Tensor) -> bool:
    """Whether a tensor has neither NaN nor infinities. A finite sum says so in one pass without a copy."""
    value = value.detach()
    return not value.is_floating_point() or bool(torch.isfinite(value.sum()) or torch.isfinite(value).all())


def kind(value: Tensor) -> str:
    """What is wrong with a tensor that is not finite."""
    return "NaN" if torch.isnan(value).any() else "infinities"


def plain_name(name: str) -> str:
    """A module's name without what `torch.compile` puts before it."""
    return name.replace("_orig_mod.", "")
