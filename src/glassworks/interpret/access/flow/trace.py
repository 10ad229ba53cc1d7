"""A forward pass as a list of steps: what was computed of what, with the values, weights and windows that took part.

    flow = trace(model, image[None])
    [step.kind for step in flow.steps]   # ["input", "conv", "norm", "pointwise", "pool", "move", "linear"]

Calls are seen as torch makes them, not by the classes of modules: `nn.ReLU`, `F.relu` and `x.relu()` are the same step,
a module that is called twice makes two, and what a step reads is found by the identity of tensors, so that branches are
found, too. Modules give names. What is not known here (`kinds.py` has what is) is an opaque step with its value.

Letters: C channels, H W rows and columns of a map, K numbers of a vector.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from glassworks.interpret.access.compiled import uncompiled
from glassworks.interpret.access.finite import logits_of
from glassworks.interpret.access.flow.kinds import canonical, describe, same
from glassworks.interpret.access.flow.layers import Known
from glassworks.interpret.access.flow.steps import Flow, Step
from glassworks.interpret.access.flow.tidy import tidied
from glassworks.interpret.access.maps import tensors_in
from glassworks.interpret.access.points import of_this_thread
from glassworks.models.modes import evaluating


@torch.no_grad()
def trace(model: nn.Module, inputs: Tensor) -> Flow:
    """What the model computes of one example, (1, ...) as it takes it; in evaluation mode, nothing is left behind.

    Raises: ValueError for a batch of other than one, and for an output that no step made.
    """
    if not isinstance(inputs, Tensor) or inputs.ndim < 2 or len(inputs) != 1 or not inputs.is_floating_point():
        raise ValueError("inputs must be one example of numbers as the model takes it, of shape (1, ...): give x[:1]")
    calls = Calls()
    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        stack.enter_context(evaluating(root))
        for name, module in root.named_modules():
            enter, leave = calls.around(name, module)
            stack.callback(module.register_forward_pre_hook(of_this_thread(enter), prepend=True).remove)
            stack.callback(module.register_forward_hook(of_this_thread(leave), with_kwargs=True).remove)
        copy = inputs.detach().clone()  # the first module may work in place
        calls.add(Step("", 0, "", "", "input", (), example(copy)), copy)
        with calls:
            output = logits_of(root(copy))
    found = calls.known.get(id(output))
    if found is None:
        raise ValueError(
            "the model's output comes of no call that can be seen: was it traced, or does it ignore its input?"
        )
    return tidied(Flow(calls.steps, found[1]), leaves=calls.leaves)


def example(value: Tensor) -> Tensor:
    """A copy of the only example of a batch; of what has no axis of examples, the whole."""
    return (
        (value[0] if value.ndim and value.size(0) == 1 else value).detach().clone(memory_format=torch.contiguous_format)
    )


class Calls(TorchFunctionMode):
    """Records calls of torch's functions on tensors that come of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.known: dict[int, tuple[Tensor, int]] = {}
        """By id: the tensor, which is kept so that no other gets its id, and the step that made it."""
        self.running: list[tuple[str, int, nn.Module]] = []
        self.counts: dict[str, int] = {}
        self.leaves: set[str] = set()

    def add(self, step: Step, tensor: Tensor) -> None:
        """One more step, which made a tensor."""
        self.known[id(tensor)] = (tensor, len(self.steps))
        self.steps.append(step)

    def around(self, name: str, module: nn.Module) -> tuple[Callable[..., None], Callable[..., None]]:
        """Hooks for before a module is called, and after; what it returns that no call made is an opaque step."""
        if name and not any(module.children()):
            self.leaves.add(name)

        def enter(*_: Any) -> None:
            self.running.append((name, self.counts.get(name, 0), module))
            self.counts[name] = self.counts.get(name, 0) + 1

        def leave(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            sources = self.sources((args, kwargs))
            if sources:
                for tensor in tensors_in(output):
                    self.make(tensor, Known("opaque"), "", sources)
            self.running.pop()

        return enter, leave

    def sources(self, values: Any) -> list[Tensor]:
        """The tensors among some values that come of the input, each once."""
        found = {id(x): x for x in tensors_in(values) if id(x) in self.known}
        return list(found.values())

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """One call."""
        kwargs = dict(kwargs or {})
        sources = self.sources((args, kwargs))
        for source in sources:
            self.note_change(source)
        output = func(*args, **kwargs)
        made = [x for x in tensors_in(output) if x.is_floating_point()] if sources else []
        for number, tensor in enumerate(made):
            name = canonical(func)
            known = describe(func, name, args, kwargs, sources, tensor) if len(made) == 1 else Known("opaque")
            self.make(tensor, known, name if len(made) == 1 else f"{name} {number}", sources)
        return output

    def make(self, tensor: Tensor, known: Known, function: str, sources: Sequence[Tensor]) -> None:
        """Record what made a tensor, unless it is there already, or is the same numbers in the same shape."""
        inputs = [self.known[id(x)][1] for x in sources]
        before = self.known.get(id(tensor))
        if before is not None and same(self.steps[before[1]].value, example(tensor)):
            return
        value = example(tensor)
        if known.kind in ("move", "same") and len(inputs) == 1 and same(self.steps[inputs[0]].value, value):
            self.known[id(tensor)] = (tensor, inputs[0])
            return
        kind = "opaque" if known.kind == "same" else known.kind
        name, call, module = self.running[-1] if self.running else ("", 0, None)
        facts = {key: fact.detach() if isinstance(fact, Tensor) else fact for key, fact in known.facts.items()}
        what = type(module).__name__ if module is not None else ""
        self.add(Step(name, call, what, function, kind, tuple(inputs), value, facts), tensor)

    def note_change(self, source: Tensor) -> None:
        """A tensor that was changed in place since it was made, as through a view of it, becomes a step of its own."""
        place = self.known[id(source)][1]
        if not same(self.steps[place].value, example(source)):
            self.make(source, Known("opaque"), "changed in place", [source])
