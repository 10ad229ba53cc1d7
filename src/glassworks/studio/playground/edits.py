"""What a hand changes in the middle of a training: a weight, a bias, a rate. A link holds it, and it is replayed."""

import re
from typing import NamedTuple

import torch
from torch import nn

from glassworks.studio.playground.network import linears

LIVE = ("lr", "batch", "penalty", "strength")
"""Settings that may change in the middle of a training."""
EDIT = re.compile(rf"(\d{{1,7}}):(?:(\d+:\d+:(?:\d+|b)):(-?\d+(?:\.\d*)?(?:e-?\d+)?)|({'|'.join(LIVE)}):([\w.+-]*))")


class Edit(NamedTuple):
    """What a hand has changed once so many steps were done."""

    step: int
    what: str
    """A setting of `LIVE`; or a weight, "layer:row:column", or a bias, "layer:row:b"."""
    value: str


def set_weight(model: nn.Module, edit: Edit) -> None:
    """Set a weight; ValueError for one that there is not."""
    layers = linears(model)
    layer, row, column = (-1 if part == "b" else int(part) for part in edit.what.split(":"))
    if not 0 <= layer < len(layers):
        raise ValueError(f"there is no layer {layer} to edit: the network has {len(layers)}")
    weight, bias = layers[layer].weight, layers[layer].bias
    rows, columns = weight.shape
    if not (0 <= row < rows and -1 <= column < columns):
        raise ValueError(f"there is no weight {row}, {column} in layer {layer}: it has {rows} rows of {columns}")
    with torch.no_grad():
        place = bias[row] if column < 0 else weight[row, column]
        place.fill_(float(edit.value))


def edits_from(text: str) -> list[Edit]:
    """The edits of a link, in order: "120:0:1:0:-0.5,120:1:0:b:2,300:lr:0.1" are a weight, a bias and a rate.

    Raises: ValueError for what is none.
    """
    found = []
    for part in filter(None, text.split(",")):
        given = EDIT.fullmatch(part)
        if given is None:
            raise ValueError(
                f"edits (with {part[:40]!r}) must be step:layer:row:column:value, with b for a bias's column, or "
                f"step:name:value of {', '.join(LIVE)}"
            )
        found.append(Edit(int(given[1]), given[2] or given[4], given[3] or given[5]))
    return sorted(found, key=lambda edit: edit.step)
