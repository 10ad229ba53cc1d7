"""Dots: a row for each thing, sorted where it is numbered, beside its controls."""

import re

import numpy as np
from tests.trace.test_render import read

from glassworks.trace.legend import Legend, Quantity
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def test_numbered_things_are_sorted_dots_with_their_names_beside_their_controls() -> None:
    arrays = {"effect": np.array([0.1, 0.75, -0.25]), "random": np.array([0.0, 0.5, 0.25])}
    legend = Legend(
        quantities={"effect": Quantity("the effect", controls=("random",)), "random": Quantity("by chance")}
    )
    page = trace_figure(
        Trace("any", arrays, dict.fromkeys(arrays, ("unit",)), {"unit": ["3", "17", "40"]}, legend=legend)
    )
    wide = page.split('class="narrow"')[0]
    assert re.findall(r'class="node-name">(unit[^<]*)<', wide) == ["unit 17", "unit 3", "unit 40"]
    found = re.findall(r'<circle cx="([\d.]+)"[^>]*class="line (\w+) mark[^>]*><title>([^<]*)<', wide)
    assert [(kind, said) for _, kind, said in found[:2]] == [
        ("control0", "unit 17: by chance 0.5"),
        ("line0", "unit 17: the effect 0.75"),
    ]
    (lower, zero, half, most) = (float(found[i][0]) for i in (5, 2, 0, 1))
    assert lower < zero < half < most


def test_tiny_numbers_and_their_errors_have_as_many_decimals_and_the_true_minus_sign() -> None:
    arrays = {"rise": np.array([0.0012, -0.00001]), "error": np.array([0.001, 0.000045])}
    legend = Legend(quantities={"rise": Quantity(error="error")})
    text = read(Trace("any", arrays, dict.fromkeys(arrays, ("unit",)), legend=legend)).text
    assert "0.00120 ± 0.00100" in text
    assert "−0.00001 ± 0.00004" in text or "−0.00001 ± 0.00005" in text
