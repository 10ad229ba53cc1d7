"""Points of a model, and the hooks that watch them: what `capture` and `patch` are made of."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from glassworks.models.modes import evaluating


class Point(NamedTuple):
    """A parsed point: `item` is "in", a number in a returned tuple, or None; `call` a number, "*" or None."""

    name: str
    item: str | int | None
    call: str | int | None

    def key(self, call: int) -> str:
        """How this point is written for one call of its module."""
        item = "" if self.item is None else f":{self.item}"
        return f"{self.name}{item}" if self.call is None else f"{self.name}{item}#{call}"


def find_points(model: nn.Module, specs: Sequence[str]) -> list[Point]:
    """The points that strings stand for, in the model's order; one without a match is a ValueError."""
    known = [name for name, _ in model.named_modules()]
    found: dict[Point, None] = {}
    for spec in specs:
        match = re.fullmatch(r"([^:#]*)(?::(in|\d+))?(?:#(\d+|\*))?", spec)
        if match is None:
            raise ValueError(f"names (={spec!r}) must be NAME, NAME:in or NAME:item, with #call at the end if wanted")
        name, item, call = match.groups()
        names = [other for other in known if fnmatchcase(other, name)]
        if not names:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
            raise ValueError(f"names (={name!r}) match no module; nearest: {', '.join(near)}")
        for other in names:
            found[Point(other, number(item), number(call))] = None
    order = {name: i for i, name in enumerate(known)}
    return sorted(found, key=lambda point: order[point.name])


def number(text: str | None) -> str | int | None:
    """A number where the text is one."""
    return int(text) if text is not None and text.isdecimal() else text


# ----------------------------------------------------------------------------------------------------------------------
# Hooks

Visit = Callable[[Point, int, Tensor], Tensor | None]
"""Called with a point, the number of the call and the value; returns the replacement, or None to leave it."""


def nothing() -> None:
    """Do nothing."""


@contextmanager
def watching(
    model: nn.Module,
    specs: Sequence[str],
    visit: Visit,
    *,
    begin: Callable[[], None] = nothing,
    end: Callable[[], None] = nothing,
) -> Iterator[None]:
    """Let `visit` see the points' values inside the block; `begin` and `end` surround each pass of the whole model."""
    calls = Calls()

    def start(_module: nn.Module, _args: Any) -> None:
        calls.clear()
        calls.counting = True
        begin()

    def stop(_module: nn.Module, _args: Any, output: Any) -> None:
        calls.counting = False
        if output is not None:  # None: the pass ended by an error
            end()

    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        by_module: dict[str, list[Point]] = {}
        for point in find_points(root, specs):
            by_module.setdefault(point.name, []).append(point)
        stack.enter_context(evaluating(root))
        modules = dict(root.named_modules())
        stack.callback(root.register_forward_pre_hook(start, prepend=True).remove)
        for name, points in by_module.items():
            before, after = module_hooks(points, calls, visit)
            stack.callback(modules[name].register_forward_pre_hook(before, with_kwargs=True).remove)
            stack.callback(modules[name].register_forward_hook(after).remove)
        stack.callback(root.register_forward_hook(stop, always_call=True).remove)
        yield


class Calls(Counter[str]):
    """How often each module was called in this pass; outside a pass of the whole model, every call is the first."""

    counting = False

    def next(self, name: str) -> int:
        """The number of the call that begins."""
        call = self[name] if self.counting else 0
        self[name] = call + 1
        return call


def module_hooks(points: list[Point], calls: Calls, visit: Visit) -> tuple[Callable[..., Any], ...]:
    """The two hooks of one module: before it is called, and after."""
    name = points[0].name
    inputs = [point for point in points if point.item == "in"]
    outputs = [point for point in points if point.item != "in"]

    def before(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, new = calls.next(name), None
        for point in inputs:
            if point.call in (None, "*", call):
                key = None if args else next(iter(kwargs), None)
                value = args[0] if args else kwargs.get(key or "")
                new = visit(point, call, tensor(value, point.key(call)))
                if new is not None:
                    args, kwargs = ((new, *args[1:]), kwargs) if key is None else (args, kwargs | {key: new})
        return None if new is None else (args, kwargs)

    def after(_module: nn.Module, _args: Any, output: Any) -> Any:
        call, new = max(calls[name] - 1, 0), None
        for point in outputs:
            if point.call in (None, "*", call):
                new = visit(point, call, item(output, point, point.key(call)))
                if new is not None:
                    output = replaced(output, point.item, new)
        return None if new is None else output

    return before, after


def item(output: Any, point: Point, key: str) -> Tensor:
    """The tensor of an output that a point means."""
    if isinstance(point.item, int):
        if not isinstance(output, tuple) or point.item >= len(output):
            size = f"a tuple of {len(output)}" if isinstance(output, tuple) else f"a {type(output).__name__}"
            raise ValueError(f"{key}: the module returns {size}: choose another item")
        return tensor(output[point.item], key)
    if isinstance(output, tuple):
        raise ValueError(f"{key} returns a tuple of {len(output)}: choose an item, as {key}:0")
    return tensor(output, key)


def replaced(output: Any, item: Any, new: Tensor) -> Any:
    """An output with one of its items, or all of it, replaced."""
    return new if item is None else (*output[:item], new, *output[item + 1 :])


def tensor(value: Any, key: str) -> Tensor:
    """The value, if it is a tensor."""
    if not isinstance(value, Tensor):
        raise ValueError(f"{key} is a {type(value).__name__}: choose a point where one tensor passes")
    return value


def works_in_place(model: nn.Module) -> bool:
    """Whether some module overwrites its input, as `nn.ReLU(inplace=True)` does."""
    return any(getattr(module, "inplace", False) for module in model.modules())


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[nn.Module]:
    """The module itself if it was compiled; inside the block compiled modules run uncompiled."""
    root = getattr(model, "_orig_mod", model)
    if root is model and not any(module._compiled_call_impl for module in model.modules()):
        yield model
        return
    with torch.compiler.set_stance("force_eager"):
        yield root
