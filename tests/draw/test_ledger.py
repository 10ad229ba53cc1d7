"""Ledgers: bars and what stands beside them share one axis, which noise does not stretch."""

import math
import re

from glassworks.draw.ledger import Entry, ledger, rounded


def lengths(page: str, tag: str, first: str) -> list[tuple[float, float]]:
    """Where bars (i) or marks (b) begin and how long they are, in percent."""
    found = re.findall(rf'<{tag}[^>]*style="{first}:(-?[\d.]+)%;width:([\d.]+)%"', page)
    return [(float(start), float(width)) for start, width in found]


def test_bars_and_marks_are_on_one_axis_that_holds_both() -> None:
    page = ledger([Entry("a", -1.0, control=2.0, reach=1.0), Entry("b", 0.5, control=0.5)])
    assert lengths(page, "i", "margin-left") == [(0.0, 25.0), (25.0, 12.5)]  # from -1 to 3
    assert lengths(page, "b", "left") == [(50.0, 50.0), (37.5, 0.0)]


def test_the_axis_reaches_as_far_as_is_asked_so_that_noise_stays_small() -> None:
    page = ledger([Entry("a", 0.01, control=0.0, reach=0.005)], ends=(-1.0, 1.0))
    assert lengths(page, "i", "margin-left") == [(50.0, 0.5)]


def test_what_is_no_number_has_a_dash_and_what_is_no_control_no_mark() -> None:
    page = ledger([Entry("a", math.nan), Entry("b", 2.0)])
    assert "<span>–</span>" in page
    assert "<b " not in page


def test_numbers_are_no_finer_than_the_axis() -> None:
    assert rounded(4.57e-05, 1.2) == "0"
    assert rounded(-0.00002, 1.2) == "0"
    assert rounded(0.0457, 0.1) == "0.0457"
    assert rounded(-12.345, 30.0) == "−12.3"
