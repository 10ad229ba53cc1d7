"""Read what passes through a model's modules, with ordinary forward hooks. Works on any `nn.Module`."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from glassworks.models.modes import evaluating


@contextmanager
def capture(model: nn.Module, names: str | Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Yield a dict that each forward pass inside the block fills: module name to that module's output.

    The model is in evaluation mode inside the block, so that dropout is off, and as it was afterwards; the hooks are
    gone however the block ends. Tensors are the model's own: not copied, and part of the graph if gradients are on. A
    module that is called twice leaves its last output.

        with torch.no_grad(), capture(model, ["blocks.*.attn.pattern", "head"]) as seen:
            model(tokens)
        seen["blocks.0.attn.pattern"]  # (B, H, T, T)

    Args:
        model: any module.
        names: module names as `named_modules` has them, or globs over them (`*` also matches dots).
    """
    modules = find_modules(model, [names] if isinstance(names, str) else names)
    seen: dict[str, Tensor] = {}

    def keep(name: str, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise ValueError(f"{name} returns a {type(output).__name__}: capture a module that returns one tensor")
        seen[name] = output

    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        for name, module in modules.items():
            handle = module.register_forward_hook(lambda _module, _args, output, name=name: keep(name, output))
            stack.callback(handle.remove)
        yield seen


def find_modules(model: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Module]:
    """The modules that the names or globs stand for, in the model's order; one without a match is a ValueError."""
    known = dict(model.named_modules())
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.0)
            raise ValueError(f"names (={pattern!r}) match no module; nearest: {', '.join(near)}")
    return {name: known[name] for name in known if any(fnmatchcase(name, pattern) for pattern in patterns)}
