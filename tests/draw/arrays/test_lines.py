"""Lines: their scale, and the room that they take."""

import re

import numpy as np

from glassworks.trace.legend import Legend, Quantity
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def test_lines_reach_the_ends_of_their_scale() -> None:
    legend = Legend(quantities={"x": Quantity("the share", ends=(0.0, 1.0))})
    page = trace_figure(Trace("any", {"x": np.array([0.4, 0.41, 0.42])}, {"x": ("layer",)}, legend=legend))
    assert {"0", "0.5", "1"} <= set(re.findall(r'class="label">([\d.]+)<', page))


def test_a_chart_of_few_ticks_takes_no_more_room_than_they_need() -> None:
    wide = [
        re.findall(r"max-width:(\d+)px", trace_figure(Trace("any", {"x": np.arange(float(n))}, {"x": ("layer",)})))[0]
        for n in (3, 6, 40)
    ]
    assert wide == ["305", "500", "760"]


def test_a_chart_has_room_for_the_names_of_its_ticks() -> None:
    labels = ["embedding", "0", "1", "2", "3"]
    page = trace_figure(Trace("any", {"x": np.arange(5.0)}, {"x": ("layer",)}, {"layer": labels}))
    assert set(labels) <= set(re.findall(r'class="label">([^<]+)<', page.split('class="narrow"')[0]))
