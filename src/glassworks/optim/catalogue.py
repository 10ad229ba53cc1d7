"""Every optimizer by its name: what it is, what a step costs, and when to take it. Imports no torch."""

import ast
import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["gradient", "search", "rule"]


@dataclass(frozen=True)
class Method:
    """An optimizer of the command line."""

    line: str
    """What it is, in one line, with whose."""
    kind: Kind
    """gradient = backpropagation; search = losses alone; rule = layer by layer, or other feedback."""
    forwards: str
    """What a step costs, in forward passes over the batch (a backward pass counts as two)."""
    memory: str
    """What it holds beside the weights, in copies of them."""
    when: str
    """When to take it, and when not: dimension, noise, budget, smoothness."""
    made_by: str = ""
    """module:class below glassworks.optim, called as cls(params, ...) for searches and cls(model, ...) for rules."""


METHODS: dict[str, Method] = {
    "muon": Method(
        "Muon of hidden matrices, AdamW of the rest (Jordan et al. 2024)",
        "gradient",
        "3",
        "1 to 2",
        "anything with a gradient and hidden matrices: fewest steps of the gradient methods",
    ),
    "adamw": Method(
        "AdamW (Loshchilov & Hutter 2019)", "gradient", "3", "2", "anything with a gradient: the one to try first"
    ),
    "sgd": Method(
        "stochastic gradient descent with Nesterov's momentum (Nesterov 1983)",
        "gradient",
        "3",
        "1",
        "networks whose layers are normalised, and where memory is short; its rate wants to be tuned",
    ),
    "openai_es": Method(
        "evolution strategies, antithetic, ranked (Salimans et al. 2017)",
        "search",
        "population + 1",
        "population",
        "thousands of weights, noisy losses, many machines",
        "gradient_free.openai_es:OpenAIES",
    ),
}


def method_class(name: str) -> Any:
    """The class of a method that is made by one."""
    module, made = METHODS[name].made_by.split(":")
    return getattr(importlib.import_module(f"glassworks.optim.{module}"), made)


@cache
def signature(name: str) -> dict[str, Any]:
    """What the class of a method can be told by name, and its defaults, read off its source without importing it.

    >>> signature("openai_es")["sigma"]
    0.05
    """
    module, made = METHODS[name].made_by.split(":")
    spec = importlib.util.find_spec(f"glassworks.optim.{module}")
    assert spec is not None
    assert spec.origin is not None
    classes = {
        node.name: node
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    taken = next(part for part in classes[made].body if isinstance(part, ast.FunctionDef) and part.name == "__init__")
    given = zip(taken.args.kwonlyargs, taken.args.kw_defaults, strict=True)
    return {one.arg: ast.literal_eval(default) for one, default in given if default is not None}
