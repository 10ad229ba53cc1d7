"""Figures as records: plain values that come back as the same figure, drawn alike."""

import json
import math

import numpy as np
import pytest

from glassworks.draw.arrays.heatmap import Grid
from glassworks.draw.dot_plot import DotPlot, Marks
from glassworks.draw.figure import Figure, draw_figure, from_record, to_record
from glassworks.draw.image import Image
from glassworks.draw.line_chart import Chart, Level, Line

CHART = Chart(
    [Line("a", [0, 1, 2], [1.0, math.nan, 3.0], errors=[0.1, 0.1, 0.1]), Line("b", np.arange(3), np.ones(3), "line1")],
    "step",
    "loss",
    [Level("chance", 2.5)],
    y_range=(0.0, 4.0),
    right=("bits", 1.44),
    x_labels=("x", "y", "z"),
)
DOTS = DotPlot(
    ["a", "b", "others"],
    [
        Marks("found", np.array([0.5, math.nan, math.nan]), [0.1, math.nan, math.nan]),
        Marks("by chance", [0.25, -0.125], None, "control1", hollow=True, at=[2, 2], about=["x", "y"]),
    ],
    "share",
    (0.0, 2.0),
    levels=(1.0,),
)
GRID = Grid(np.array([[1.0, math.nan], [-2.0, 0.5]]), ["r", "s"], ["c", "d"], "row", "column", "title", np.ones((2, 2)))
IMAGE = Image(np.random.default_rng(0).uniform(size=(3, 4, 3)), "picture")


@pytest.mark.parametrize("figure", [CHART, DOTS, GRID, IMAGE], ids=["chart", "dots", "grid", "image"])
def test_a_figure_comes_back_from_json_and_is_drawn_alike(figure: Figure) -> None:
    again = from_record(json.loads(json.dumps(to_record(figure), allow_nan=False)))
    assert type(again) is type(figure)
    assert draw_figure(again) == draw_figure(figure)
    assert "<" in draw_figure(figure)


@pytest.mark.parametrize("record", [{}, {"kind": "movie"}, {"kind": "grid", "speed": 3}])
def test_what_is_no_figure_is_refused(record: dict) -> None:
    with pytest.raises(ValueError, match=r"kind|speed"):
        from_record(record)
