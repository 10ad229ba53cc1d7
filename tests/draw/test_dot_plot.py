"""Plots of dots: where marks lie, what stands at the end of a row, and what a narrow page has."""

import re

import numpy as np
import pytest

from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot, number, span

NAN = float("nan")


def halves(plot: DotPlot) -> tuple[str, str]:
    """The drawing for a wide and that for a narrow page."""
    wide, narrow = dot_plot(plot).split('class="narrow"')
    return wide, narrow


def texts(drawing: str) -> list[str]:
    """What is written in a drawing, from the top."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawing)


def places(drawing: str, colour: str) -> list[float]:
    """Where the dots of a colour lie across."""
    return [float(x) for x in re.findall(rf'<circle cx="([\d.]+)"[^>]*class="line {colour}\b', drawing)]


def test_marks_beyond_the_ends_lengthen_the_axis_and_zero_is_on_it() -> None:
    low, high = span(DotPlot(["a"], [Marks("x", [3.0], [1.0])], ends=(-1.0, 1.0)))
    assert low < -1
    assert high > 4
    assert span(DotPlot(["a"], [Marks("x", [5.0])]))[0] < 0
    assert "<title>" not in dot_plot(DotPlot(["a"], [Marks("x", [NAN])]))


def test_results_and_controls_lie_on_one_axis_with_round_ticks() -> None:
    wide, narrow = halves(DotPlot(["a", "b"], [Marks("x", [0.0, 1.0]), Marks("y", [NAN, 0.5], hollow=True)]))
    for drawing in (wide, narrow):
        xs = sorted(map(float, re.findall(r'<circle cx="([\d.]+)"', drawing)))
        assert xs[1] == pytest.approx((xs[0] + xs[2]) / 2, abs=0.1)
        assert {"0", "1"} <= set(texts(drawing))


def test_a_row_ends_with_its_result_or_else_with_its_control_paler() -> None:
    """A circuit's number stood beside none of those of random circuits."""
    marks = [Marks("x", [0.125, NAN, NAN], [0.25, NAN, NAN]), Marks("y", [0.5, -0.001, NAN], hollow=True)]
    plot = DotPlot(["a", "b", "c"], marks)
    assert [number(plot, i, 1.0) for i in range(3)] == [("0.12 ± 0.25", True), ("0.00", False), ("–", False)]
    for drawing in halves(plot):
        assert 'class="number">−0.001</text>' in drawing
        assert 'class="number node-name">0.125 ± 0.250</text>' in drawing


def test_two_results_are_written_and_three_are_not() -> None:
    marks = [Marks(f"way {i}", [float(i)], line=i) for i in range(3)]
    assert number(DotPlot(["a"], marks[:2]), 0, 10.0) == ("0.0 · 1.0", True)
    assert number(DotPlot(["a"], marks), 0, 10.0) == ("", True)


def test_a_row_can_hold_many_marks_each_with_its_own_words() -> None:
    some = Marks("others", [1.0, 2.0], None, "control2", hollow=True, at=[1, 1], about=["first <", ""])
    plot = DotPlot(["a", "2 others"], [Marks("x", [3.0], at=[0]), some])
    wide, _ = halves(plot)
    assert re.findall("<title>([^<]*)</title>", wide) == ["a: x 3", "first &lt;", "2 others: others 2"]
    assert number(plot, 1, 3.0) == ("", False)


def test_on_a_logarithmic_axis_tenfold_is_as_far_everywhere_and_zero_has_no_mark() -> None:
    plot = DotPlot(list("abcd"), [Marks("x", [0.0, 0.01, 0.1, 1.0], [0.0, 0.02, 0.01, 0.1])], log=True)
    for drawing in halves(plot):
        found = places(drawing, "line0")
        assert len(found) == 3
        assert found[1] - found[0] == pytest.approx(found[2] - found[1], abs=0.2)
        assert drawing.count("whisker") == 2  # the one that would reach below 0 is none
    assert {"0 ± 0", "0.01", "0.1", "1"} <= set(texts(halves(plot)[0]))


def test_names_leave_room_for_the_numbers_that_stand_on_their_line() -> None:
    wide, narrow = halves(DotPlot(["n" * 60], [Marks("x", [0.5], [0.125])]))
    name, said = (next(word for word in texts(narrow) if start in word) for start in ("nn", "±"))
    assert 6.8 * (len(name) + len(said)) < 350
    assert "n" * 45 + "…" in texts(wide)


def test_controls_differ_in_shape_and_lie_below() -> None:
    marks = [Marks("x", [1.0])] + [
        Marks(f"c{i}", np.array([i / 4]), None, f"control{i}", hollow=True) for i in range(4)
    ]
    wide, _ = halves(DotPlot(["a"], marks))
    shapes = re.findall(r'<(circle|path) (?:cx|d)="[^"]*"[^>]*class="line (\w+) mark', wide)
    assert [colour for _, colour in shapes] == ["control0", "control1", "control2", "control3", "line0"]
    assert len({re.sub("[A-Z][^a-z]*", "", d) for d in re.findall(r'<path d="(M[^"]*)"', wide)}) == 3
    assert dot_plot(DotPlot(["a"], marks), keyed=False).count('class="key') == 0
