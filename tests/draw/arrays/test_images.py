"""Images of arrays: sheets of rows and columns, and the lines below them."""

import re

import numpy as np
import pytest

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Axis
from glassworks.draw.arrays.plot import draw

PIXELS = (Axis.of("row", "pixel_row", 4), Axis.of("column", "pixel_column", 4))


def sheet(units: int, ranks: int, captions: np.ndarray | None = None) -> str:
    values = np.random.default_rng(0).random((units, 2, ranks, 4, 4))
    axes = (
        Axis.of("unit", "unit", units),
        Axis.of("", "class", 2, ["patch", "projection"]),
        Axis.of("", "rank", ranks),
    )
    return draw(Drawn("pictures", values, (*axes, *PIXELS), captions=captions))


def test_images_along_two_axes_lie_in_rows_and_columns() -> None:
    page = sheet(3, 5)
    assert page.count("<tr>") == 1 + 3 * 2
    assert page.count("<img") == 3 * 2 * 5
    assert re.findall(r'<th scope="row">(.*?)</th>', page)[:3] == [
        "unit 0, patch", "unit 0, projection", "unit 1, patch"
    ]  # fmt: skip


def test_a_sheet_that_is_too_large_says_what_it_leaves_out() -> None:
    page = sheet(20, 15)
    assert page.count("<img") == 24 * 12
    assert "The first 12 of 15" in page
    assert "The first 24 of 40 rows are shown." in page


def test_a_line_stands_below_each_image_and_one_of_several_below_the_last() -> None:
    captions = np.array([["a", "b"], ["c", "d"]]).reshape(2, 1, 2, 1, 1)
    page = sheet(2, 2, captions)
    assert re.findall(r'<p class="below">(.*?)</p>', page) == ["a", "b", "c", "d"]
    rows = page.split("<tr>")[2:]
    assert ["below" in row for row in rows] == [False, True, False, True]


def test_images_beside_each_other_have_lines_too() -> None:
    values = np.zeros((3, 4, 4))
    axes = (Axis.of("example", "example", 3), *PIXELS)
    page = draw(Drawn("digits", values, axes, captions=np.array(["one", "two", ""]).reshape(3, 1, 1)))
    assert re.findall(r'<p class="below">(.*?)</p>', page) == ["one", "two"]
    assert "<table" not in page


@pytest.mark.parametrize(("captions", "titled"), [(None, True), (np.array(["one", "two", ""]).reshape(3, 1, 1), False)])
def test_an_image_with_a_line_below_it_is_not_called_by_its_place(captions: np.ndarray | None, titled: bool) -> None:
    axes = (Axis.of("prediction", "rank", 3), *PIXELS)
    page = draw(Drawn("said", np.zeros((3, 4, 4)), axes, captions=captions))
    assert ("prediction 0" in page) == titled


def test_an_image_with_a_name_keeps_it_above_its_line() -> None:
    axes = (Axis.of("class", "class", 2, ["cat", "dog"]), *PIXELS)
    page = draw(Drawn("said", np.zeros((2, 4, 4)), axes, captions=np.array(["one", "two"]).reshape(2, 1, 1)))
    assert "cat" in page
    assert "dog" in page
