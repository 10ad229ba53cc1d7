"""The record of a forward pass: its steps, each with what it read and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a forward pass, of one example."""

    name: str
    """The innermost module that ran, as `named_modules` has it; "" is the model itself."""
    call: int
    """Which of the module's calls in this pass."""
    module: str
    """The module's class; "" of the input."""
    function: str
    """What was called: conv2d, relu, ...; several of a chain are parted by spaces."""
    kind: str
    """input, conv, linear, norm, pointwise, pool, move, combine, softmax, or opaque."""
    inputs: tuple[int, ...]
    """The steps whose values it read, by their places in the list."""
    value: Tensor
    """What came of it, without the axis of examples."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What its kind takes to compute it again; see `kinds.py`."""

    @property
    def point(self) -> str:
        """The step's module as `capture` names it, if the step is what the module returns."""
        return self.name if not self.call else f"{self.name}#{self.call}"


@dataclass(frozen=True, eq=False)
class Flow:
    """The steps of a pass in the order of their calls, the input first, and which of them is the model's output."""

    steps: list[Step]
    output: int


def names_of(steps: Sequence[Step]) -> Iterator[str]:
    """A name for each step that no other has: its module's, with the function where one module made several."""
    count: dict[str, int] = {}
    for step in steps:
        count[step.point] = count.get(step.point, 0) + 1
    seen: dict[str, int] = {}
    for step in steps:
        base = step.point or ("input" if step.kind == "input" else step.function or "output")
        name = f"{step.point}.{step.function}" if step.point and count[step.point] > 1 else base
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} {seen[name]}"
