"""What `look` does not list has a legend that knows its arrays, axes and numbers, and is drawn."""

import re
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from tests.interpret.landscapes.networks import cross_entropy, disturbed, examples
from torch import nn

from glassworks.draw.arrays.kinds import Kind
from glassworks.interpret.landscapes.along_step import over_training, watching
from glassworks.interpret.landscapes.directions import WeightsPath
from glassworks.interpret.landscapes.initialisation import initialise
from glassworks.interpret.landscapes.signals import coordinate_check
from glassworks.interpret.landscapes.surface import loss_line, loss_surface
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace
from glassworks.train.fit import fit


def watched() -> Trace:
    model = disturbed().train()
    look = watching(cross_entropy, lambda _: examples(), lr=0.1, sizes=(1.0, 2.0))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    rows = fit(model, lambda _: examples(), cross_entropy, optimizer, steps=3, every=[(1, look)], log_every=1).rows
    return over_training({"batch norm": rows, "the same": rows})


def walked() -> Trace:
    model, path = disturbed().eval(), WeightsPath()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    fit(model, lambda _: examples(), cross_entropy, optimizer, steps=6, every=[(1, path)])
    return loss_surface(model, cross_entropy, examples(), directions="path", path=path, points=7)


def widths() -> Trace:
    def build(width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        net = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 3))
        return net, torch.optim.SGD(net.parameters(), lr=0.1)

    return coordinate_check(build, [4, 8, 16], cross_entropy, lambda _: examples(), steps=2)


TRACES: dict[str, Callable[[], Trace]] = {
    "over_training": watched,
    "path": walked,
    "coordinate_check": widths,
    "initialisation": lambda: initialise(disturbed(), "fixup", batch=examples(), loss_fn=cross_entropy),
    "loss_line": lambda: loss_line(disturbed().eval(), cross_entropy, examples(), points=5, draws=2),
    "curvature": lambda: loss_surface(disturbed().eval(), cross_entropy, examples(), points=5, directions="curvature"),
}


@pytest.mark.parametrize("make", TRACES.values(), ids=TRACES)
def test_a_legend_knows_every_array_axis_and_number_and_fills_its_places(make: Callable[[], Trace]) -> None:
    trace = make()
    legend = trace.legend
    assert set(trace.arrays) <= set(legend.quantities)
    assert set(trace.meta) <= set(legend.numbers)
    axes = {axis for axes in trace.axes.values() for axis in axes}
    assert axes <= {*legend.axes, *get_args(Kind)}, axes
    assert legend.question.endswith("?")
    for text in (legend.reading, legend.nothing, legend.control):
        assert len(text) > 30
        assert text.endswith(".")
    page = explained(trace)
    assert not re.search(r"{\w+}", re.sub(r"<[^>]*>", "", page))
    assert "<svg" in page


def test_the_way_of_a_training_is_drawn_on_its_plane() -> None:
    page = explained(walked())
    assert "the way of the training, step 3" in page
    assert 'class="halo"' in page
