"""Steps as a reader takes them in: chains within a module are one step, and so is a module that is not wholly known."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from glassworks.interpret.access.flow.steps import Flow, Step


def tidied(flow: Flow, leaves: Collection[str]) -> Flow:
    """The same pass in fewer steps; `leaves` are the modules without others in them."""
    return used(chained(chained(opaque_modules(flow, leaves), "pointwise"), "move"))


def opaque_modules(flow: Flow, leaves: Collection[str]) -> Flow:
    """A module without others in it, of whose calls one is not known, as one opaque step."""
    groups: dict[tuple[str, int], list[int]] = {}
    for i, step in enumerate(flow.steps):
        if step.name in leaves and step.kind != "input":
            groups.setdefault((step.name, step.call), []).append(i)
    into = list(range(len(flow.steps)))
    steps = list(flow.steps)
    for group in groups.values():
        inside, last = set(group), group[-1]
        read_outside = {j for k, step in enumerate(steps) if k not in inside for j in step.inputs} | {flow.output}
        if len(group) < 2 or all(steps[i].kind != "opaque" for i in group) or read_outside & (inside - {last}):
            continue
        inputs = dict.fromkeys(j for i in group for j in steps[i].inputs if j not in inside)
        functions = " ".join(filter(None, (steps[i].function for i in group)))
        steps[last] = replace(steps[last], kind="opaque", function=functions, inputs=tuple(inputs), facts={})
        for i in group[:-1]:
            into[i] = -1
    return kept(Flow(steps, flow.output), [i for i, to in enumerate(into) if to >= 0])


def chained(flow: Flow, kind: str) -> Flow:
    """Steps of a kind that follow each other in one call of a module, as one."""
    steps, gone, users = list(flow.steps), dict[int, int](), count_users(flow)
    for i, step in enumerate(steps):
        if step.kind != kind or len(step.inputs) != 1:
            continue
        before = steps[step.inputs[0]]
        joined = before.kind == kind and (before.name, before.call) == (step.name, step.call) and step.name
        if not joined or users[step.inputs[0]] != 1 or (kind == "move" and len(before.inputs) != 1):
            continue
        if kind == "pointwise":
            facts: dict[str, Any] = {"chain": [*before.facts["chain"], *step.facts["chain"]]}
        else:
            facts = {"source": composed(before, step)}
        gone[step.inputs[0]] = i
        steps[i] = replace(step, inputs=before.inputs, facts=facts, function=f"{before.function} {step.function}")
    return kept(Flow(steps, flow.output), [i for i in range(len(steps)) if i not in gone])


def composed(before: Step, step: Step) -> Tensor | None:
    """Where numbers come from that were moved twice; None where they lie as before."""
    first: Tensor | None = before.facts["source"]
    second: Tensor | None = step.facts["source"]
    if first is None or second is None:
        return second if first is None else first
    return torch.where(second >= 0, first[second.long().clamp_min(0)], -1)


def used(flow: Flow) -> Flow:
    """Without steps that nothing of the output was computed of."""
    needed, waiting = {0}, [flow.output]
    while waiting:
        i = waiting.pop()
        if i not in needed:
            needed.add(i)
            waiting += flow.steps[i].inputs
    return kept(flow, sorted(needed))


def kept(flow: Flow, places: Sequence[int]) -> Flow:
    """Some of the steps, which name each other by their new places."""
    new = {old: i for i, old in enumerate(places)}
    steps = [replace(flow.steps[i], inputs=tuple(new[j] for j in flow.steps[i].inputs)) for i in places]
    return Flow(steps, new[flow.output])


def count_users(flow: Flow) -> dict[int, int]:
    """How many steps read each; the output is read once more."""
    count = dict.fromkeys(range(len(flow.steps)), 0)
    for step in flow.steps:
        for i in step.inputs:
            count[i] += 1
    count[flow.output] += 1
    return count
