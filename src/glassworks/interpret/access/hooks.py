"""Read and replace what passes through a model's modules, with ordinary forward hooks. Works on any `nn.Module`.

A *point* is written as a string:

    blocks.3.attn.z       what a module returns (our models' taps are modules, so a tap's name is a point)
    blocks.3.mlp:in       what it is given: its first argument
    mlp:in.1, mlp:in.mask another argument, by its place or its keyword
    encoder.layer.0:1     item 1 of the tuple or list that it returns
    lstm:1.0, model:logits  an item of an item; an item by its name, of a dict, a named tuple or a ModelOutput
    relu#2, relu:in#2     the third time that it is called in one forward pass; relu#* for every time

Names are those of `named_modules`, or globs over them (`*` also matches dots). A module that is registered under two
names has both; inside a compiled child, `_orig_mod` may be left out. A glob passes over modules that return no tensor,
or that the forward pass does not call. Inside a block the model is in evaluation mode, so dropout is off; afterwards
every submodule is as it was and all hooks are gone, however the block ended. Without gradients, a run that is only
looked at is the plain run to the last bit; with them, torch may choose other kernels for a module in training mode.
Blocks nest; an inner one sees the edits of an outer one: `with patch(...), capture(...)` reads what was patched. A
block is of the thread that opened it: what another one runs meanwhile is neither read nor edited.

Inside a block nothing runs compiled, in any thread, since compiled code passes hooks by: neither what was compiled of
the model (`torch.compile(model)`, `model.compile()`, a compiled child or `forward`) nor compiled functions that call it
or its parts, whenever they were compiled. Afterwards they are as they were. Code traced to TorchScript has no hooks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.interpret.access.points import Point, watching, works_in_place
from glassworks.interpret.access.storage import Storage

Edit = Tensor | Callable[[Tensor], Tensor]
"""What takes a value's place: a tensor, or a function of the value."""


# ----------------------------------------------------------------------------------------------------------------------
# Reading


@contextmanager
def capture(
    model: nn.Module,
    names: str | Sequence[str],
    *,
    positions: Sequence[int] | None = None,
    axis: int = 1,
    max_bytes: int | None = None,
    spill: Path | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Yield a dict that each forward pass inside the block fills anew: point to the value there.

        with torch.no_grad(), capture(model, ["blocks.*.attn.pattern", "head:in"]) as seen:
            model(tokens)
        seen["blocks.0.attn.pattern"]  # (B, H, T, T)

    Tensors are the model's own: not copied (unless a module of the model works in place), and part of the graph if
    gradients are on.

    Args:
        model: any module.
        names: points.
        positions: keep only these along `axis`; negative ones count from the end. None = all.
        axis: the axis of positions: 1 in (B, T, ...), 2 for the queries of an attention pattern (B, H, T, S).
        max_bytes: the most that a forward pass may keep. None = the memory that is free when the block begins.
        spill: a folder on whose disk tensors beyond `max_bytes` are kept, without their graph, until they are no
            longer used. None = refuse them.

    Raises ValueError for a name without a match, with the nearest; for a module that was called more than once in a
    pass unless calls are chosen by `#`; for a value that is no tensor; for a name whose module the model never calls,
    and a glob none of whose modules gives a tensor; for a value changed in place after it was read; and for more bytes
    than `max_bytes`, with the number that the whole pass needs.
    """
    specs = [names] if isinstance(names, str) else list(names)
    storage = Storage(max_bytes, spill, works_in_place(model))
    captured: dict[str, Tensor] = {}
    visited: set[Point] = set()

    def keep(point: Point, call: int, value: Tensor) -> None:
        visited.add(point)
        key = point.key(call)
        if call and point.call is None:
            raise ValueError(
                f"{point.name} is called more than once in a forward pass: choose calls, as {key}#0 or {key}#*"
            )
        part = value if positions is None else value.index_select(axis, indices(value, positions, axis, key))
        stored = storage.keep(key, part)
        if stored is not None:
            captured[key] = stored

    def begin() -> None:
        captured.clear()
        visited.clear()
        storage.begin()

    def end() -> None:
        storage.check()
        missed = [point for point in points if point.exact and point not in visited]
        if missed or (specs and not visited):
            raise ValueError(never(missed[0].spec if missed else specs[0]))

    with watching(model, specs, keep, begin=begin, end=end) as points:
        yield captured
        storage.check()


def never(name: str) -> str:
    """What to say of a place that the model never came by."""
    return (
        f"names (={name!r}): the model ran, and never came by there with a tensor: choose another point. A module may "
        "be passed by because its weights are used without calling it, or by a compiled function that calls it"
    )


# ----------------------------------------------------------------------------------------------------------------------
# Writing


@contextmanager
def patch(
    model: nn.Module, edits: Mapping[str, Edit], *, positions: Sequence[int] | None = None, axis: int = 1
) -> Iterator[None]:
    """Replace values in every forward pass inside the block.

        with patch(model, {"blocks.2.attn.z": lambda z: z * keep_heads}):
            ablated = model(tokens)
        with patch(model, {"blocks.1.resid_post": clean}, positions=[-1]):
            patched = model(tokens)

    Args:
        model: any module.
        edits: point to a tensor, or to a function from the value to its replacement. Without `#`, all calls are edited.
        positions: replace only these along `axis`; tensors have, and functions are given, only these. None = all.
        axis: the axis of positions: 1 in (B, T, ...), 2 for the queries of an attention pattern (B, H, T, S).

    A replacement has the shape of what it replaces, or size 1 along the batch; it is copied, to the other's dtype and
    device. Gradients flow through it.

    Raises ValueError for a name without a match, for shapes that do not fit (saying both), for a dtype that cannot
    become the other's (fractions in the place of tokens), and, at the end of the block, for an edit that no forward
    pass came by.
    """
    done: set[str] = set()
    passes = 0

    def replace(spec: str, point: Point, call: int, value: Tensor) -> Tensor:
        done.add(spec)
        key, edit = point.key(call), edits[spec]
        where = None if positions is None else indices(value, positions, axis, key)
        part = value if where is None else value.index_select(axis, where)
        new = edit if isinstance(edit, Tensor) else edit(part)
        if new is value:
            return value
        new = fitting(new, part, key)
        return new.clone() if where is None else torch.index_copy(value, axis, where, new)

    def end() -> None:
        nonlocal passes
        passes += 1

    with ExitStack() as stack:
        for spec in edits:
            visit = lambda point, call, value, spec=spec: replace(spec, point, call, value)  # noqa: E731
            stack.enter_context(watching(model, [spec], visit, end=end))
        yield
        missed = [spec for spec in edits if spec not in done]
        if passes and missed:
            raise ValueError(never(missed[0]).replace("names", "edits", 1))


def fitting(new: Any, old: Tensor, key: str) -> Tensor:
    """A replacement in the shape, dtype and device of what it replaces."""
    if not isinstance(new, Tensor):
        raise ValueError(f"the edit of {key} gave a {type(new).__name__}: it must return a tensor")
    if new.shape != old.shape and (new.ndim != old.ndim or new.shape != (1, *old.shape[1:])):
        raise ValueError(f"the edit of {key} has shape {tuple(new.shape)}, what it replaces {tuple(old.shape)}")
    if not torch.can_cast(new.dtype, old.dtype):
        raise ValueError(f"the edit of {key} is {new.dtype}, what it replaces {old.dtype}: give it in that dtype")
    return new.to(device=old.device, dtype=old.dtype).expand(old.shape)


def indices(value: Tensor, positions: Sequence[int], axis: int, key: str) -> Tensor:
    """Positions as non-negative indices along an axis of a value."""
    if value.ndim <= axis:
        raise ValueError(f"{key} has shape {tuple(value.shape)}, and so no axis {axis} for positions: leave them out")
    size = value.size(axis)
    for position in positions:
        if not -size <= position < size:
            raise ValueError(f"positions (={position}) must be below the {size} along axis {axis} of {key}")
    return torch.tensor([position % size for position in positions], device=value.device)
