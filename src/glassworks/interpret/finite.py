"""Runs whose numbers are checked: a NaN is reported with the place where it begins."""

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.interpret.points import tensor, uncompiled
from glassworks.models.modes import evaluating


def run_model(model: nn.Module, *inputs: Any) -> Tensor:
    """The model's output, in evaluation mode; ValueError if it holds NaN or infinities, naming where they begin."""
    with evaluating(model):
        output = model(*inputs)
    found: Tensor = tensor(output if isinstance(output, Tensor) else getattr(output, "logits", output), "the output")
    if not torch.isfinite(found).all():
        raise ValueError(f"the output holds {kind(found)}, which begin at {where_it_begins(model, *inputs)}")
    return found


@torch.no_grad()
def where_it_begins(model: nn.Module, *inputs: Any) -> str:
    """The first module of a forward pass to return a NaN or an infinity, or whose weights hold one."""
    for name, p in model.named_parameters():
        if not torch.isfinite(p).all():
            return f"the weights of {name}"
    found: list[str] = []

    def look(name: str, output: Any) -> None:
        for value in output if isinstance(output, tuple) else (output,):
            if isinstance(value, Tensor) and value.is_floating_point() and not torch.isfinite(value).all():
                found.append(name)

    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        stack.enter_context(evaluating(root))
        for name, module in root.named_modules():
            hook = module.register_forward_hook(lambda _m, _a, output, name=name: look(name, output))
            stack.callback(hook.remove)
        root(*inputs)
    return (found[0] or "the model's own output") if found else "no module"


def kind(value: Tensor) -> str:
    """What is wrong with a tensor that is not finite."""
    return "NaN" if torch.isnan(value).any() else "infinities"
