"""Points of a model, and the hooks that watch them: what `capture` and `patch` are made of."""

import difflib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from torch import Tensor, nn

from glassworks.interpret.access.compiled import WRAPPER, uncompiled
from glassworks.models.modes import evaluating


class Point(NamedTuple):
    """A parsed point: `item` is a path like "1.0", "logits" or "in.mask", or None; `call` a number, "*" or None."""

    name: str
    item: str | None
    call: str | int | None
    exact: bool
    """Whether it was named, and not only matched by a glob."""

    @property
    def path(self) -> list[str]:
        """The steps from what the module returns, or is given, to the value."""
        return [] if self.item is None else self.item.split(".")

    @property
    def spec(self) -> str:
        """How the point is written."""
        item, call = "" if self.item is None else f":{self.item}", "" if self.call is None else f"#{self.call}"
        return f"{self.name}{item}{call}"

    def key(self, call: int) -> str:
        """How this point is written for one call of its module."""
        return self.spec if self.call is None else self._replace(call=call).spec


def find_points(model: nn.Module, specs: Sequence[str]) -> list[Point]:
    """The points that strings stand for, in the model's order; one without a match is a ValueError."""
    modules = all_modules(model)
    places: dict[tuple[str, str | None, str | int | None], bool] = {}
    for spec in specs:
        match = re.fullmatch(r"([^:#]*)(?::([\w.]+))?(?:#(\d{1,9}|\*))?", spec)
        if match is None:
            raise ValueError(f"names (={spec!r}) must be NAME, NAME:in or NAME:item, with #call at the end if wanted")
        name, item, call = match.groups()
        names = [name] if name in modules else matches(modules, name)
        if not names:
            near = difflib.get_close_matches(name, modules, n=3, cutoff=0.0)
            raise ValueError(f"names (={name!r}) match no module; nearest: {', '.join(near)}")
        for other in names:
            place = (other, item, int(call) if call is not None and call.isdecimal() else call)
            places[place] = places.get(place, False) or other == name
    order = {name: i for i, name in enumerate(modules)}
    return sorted((Point(*place, exact) for place, exact in places.items()), key=lambda point: order[point.name])


def all_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module under every name it has; one inside a compiled child also without the child's `_orig_mod`."""
    modules = dict(model.named_modules(remove_duplicate=False))
    short = {".".join(part for part in name.split(".") if part != WRAPPER): module for name, module in modules.items()}
    return short | {name: module for name, module in modules.items() if WRAPPER in name.split(".")}


def matches(modules: Mapping[str, nn.Module], glob: str) -> list[str]:
    """The names that a glob fits, one for each module."""
    names = [name for name in modules if fnmatchcase(name, glob) and WRAPPER not in name.split(".")]
    return list({id(modules[name]): name for name in reversed(names)}.values())


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
) -> Iterator[list[Point]]:
    """Let `visit` see the points' values inside the block; `begin` and `end` surround each pass of the whole model.

    Yields the points. `end` is not called after a pass that an error ended; what other threads run is not seen.
    """
    calls, here = Calls(), of_this_thread

    def start(_module: nn.Module, _args: Any) -> None:
        calls.clear()
        calls.counting = True
        begin()

    def stop(_module: nn.Module, _args: Any, _output: Any) -> None:
        calls.counting = False

    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        points = find_points(root, specs)
        by_module: dict[str, list[Point]] = {}
        for point in points:
            by_module.setdefault(point.name, []).append(point)
        stack.enter_context(evaluating(root))
        modules = all_modules(root)
        stack.callback(root.register_forward_pre_hook(here(start), prepend=True).remove)
        for name, group in by_module.items():
            before, after = module_hooks(group, calls, visit)
            stack.callback(modules[name].register_forward_pre_hook(here(before), with_kwargs=True).remove)
            stack.callback(modules[name].register_forward_hook(here(after)).remove)
        stack.callback(root.register_forward_hook(here(stop), always_call=True).remove)
        stack.callback(root.register_forward_hook(here(lambda *_: end())).remove)
        yield points


def of_this_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """A hook that does nothing in other threads than the one that calls this."""
    thread = threading.get_ident()
    return lambda *given: hook(*given) if threading.get_ident() == thread else None


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
    inputs = [point for point in points if point.path[:1] == ["in"]]
    outputs = [point for point in points if point.path[:1] != ["in"]]

    def visited(point: Point, call: int, value: Any, path: list[str]) -> Any:
        """The value, with what lies at the end of the path replaced if the visit says so."""
        if point.call not in (None, "*", call):
            return value
        found = at(value, path)
        if not isinstance(found, Tensor) and not point.exact:
            return value  # a glob stands for the tensors among what it matches
        if not isinstance(found, Tensor):
            raise ValueError(no_tensor(found, point.key(call)))
        new = visit(point, call, found)
        return value if new is None else put(value, path, new)

    def before(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, called = calls.next(name), CallArguments(args, kwargs)
        for point in inputs:
            called = visited(point, call, called, point.path[1:] or called.first())
        return None if called.args is args and called.kwargs is kwargs else (called.args, called.kwargs)

    def after(_module: nn.Module, _args: Any, output: Any) -> Any:
        call, new = max(calls[name] - 1, 0), output
        for point in outputs:
            new = visited(point, call, new, point.path)
        return None if new is output else new

    return before, after


# ----------------------------------------------------------------------------------------------------------------------
# Paths into what modules take and return


class CallArguments(NamedTuple):
    """What a module is called with: "0", "1", ... are its positional arguments, names its keywords."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def first(self) -> list[str]:
        """The path of the first argument."""
        return ["0"] if self.args else list(self.kwargs)[:1]


def at(value: Any, path: Sequence[str]) -> Any:
    """What a path leads to inside tuples, lists and mappings; where it leads nowhere, a `Missing` that says why."""
    for i, step in enumerate(path):
        inside = parts(value)
        if step not in inside:
            what = "it is" if i == 0 else f"item {'.'.join(path[:i])} is"
            return Missing(f"{what} {described(value)}, without item {step}")
        value = inside[step][1]
    return value


def put(value: Any, path: Sequence[str], new: Any) -> Any:
    """A copy of the value with what the path leads to replaced."""
    if not path:
        return new
    key, old = parts(value)[path[0]]
    changed = put(old, path[1:], new)
    if isinstance(value, CallArguments):
        if isinstance(key, str):
            return CallArguments(value.args, value.kwargs | {key: changed})
        return CallArguments((*value.args[:key], changed, *value.args[key + 1 :]), value.kwargs)
    if isinstance(value, Mapping):
        mapping: Any = copy(value)
        mapping[key] = changed
        return mapping
    items = [*value[:key], changed, *value[key + 1 :]]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def parts(value: Any) -> dict[str, tuple[Any, Any]]:
    """The items inside a value: how a path writes each, with its key or index, and the item."""
    if isinstance(value, CallArguments):
        return parts(value.args) | parts(value.kwargs)
    if isinstance(value, Mapping):
        return {str(key): (key, item) for key, item in value.items()}
    if not isinstance(value, tuple | list):
        return {}
    numbered = {str(i): (i, item) for i, item in enumerate(value)}
    return numbered | {name: (i, value[i]) for i, name in enumerate(getattr(value, "_fields", ()))}


class Missing(str):
    """Why a path leads nowhere."""

    __slots__ = ()


def described(value: Any) -> str:
    """What a value is, with what may be chosen of it."""
    if isinstance(value, CallArguments):
        return f"called with {', '.join(parts(value)) or 'nothing'}"
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} of {', '.join(map(str, value))}"
    return f"a {type(value).__name__}{f' of {len(value)}' if isinstance(value, tuple | list) else ''}"


def no_tensor(value: Any, key: str) -> str:
    """What to say of a point where something else than a tensor passes."""
    if isinstance(value, Missing):
        return f"{key}: {value}: choose another item"
    inside = parts(value)
    if not inside:
        return f"{key} is {described(value)}: choose a point where one tensor passes"
    name, _, call = key.partition("#")
    example = f"{name}{'.' if ':' in name else ':'}{next(iter(inside))}{call and f'#{call}'}"
    return f"{key} is {described(value)}: choose an item, as {example}"


def tensor(value: Any, key: str) -> Tensor:
    """The value, if it is a tensor."""
    if not isinstance(value, Tensor):
        raise ValueError(f"{key} is a {type(value).__name__}: choose a point where one tensor passes")
    return value


# ----------------------------------------------------------------------------------------------------------------------
# What modules do


def works_in_place(model: nn.Module) -> bool:
    """Whether some module overwrites its input, as `nn.ReLU(inplace=True)` does."""
    return any(getattr(module, "inplace", False) for module in model.modules())
