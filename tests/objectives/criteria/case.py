"""What the battery needs to know of a loss to try it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """How a loss is called, and what is known of it."""

    draw: Callable[[Generator], Arguments]
    """Arguments in float64, anywhere but on a kink."""
    known: list[tuple[Arguments, dict[str, Any], float]]
    """Arguments and settings whose mean is known by hand."""
    perfect: Callable[[Generator], Arguments] | None = None
    """Arguments at which the loss is the record's best."""
    learned: int = 1
    """How many of the first arguments are differentiated by."""
    peers: list[tuple[dict[str, Any], Callable[..., Any]]] = field(default_factory=list)
    """Settings, and what another library makes of the same arguments with them."""
    same: dict[str, Callable[..., Arguments]] = field(default_factory=dict)
    """What may be done to the arguments without changing the loss."""
    weighs: str = ""
    """"elements" or "classes": what a weight is given for; "" = it takes none."""
    ignores: bool = False
    """Whether targets, the second argument, are classes of which one can be ignored."""
    empty: bool = True
    """Whether a batch without examples has a loss."""
    stops: bool = False
    """Whether a part of it is taken for a number, without a gradient."""
    evenly: bool = True
    """Whether the mean is that of the losses where nothing is said of weights."""
    widens: bool = True
    """Whether half precision is computed in float32."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What it is told in all of the battery."""
    made_of: str = "N"
    """What a row of the first axis is: "N" = an example by itself, "" = rows depend on each other."""


def f64(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
