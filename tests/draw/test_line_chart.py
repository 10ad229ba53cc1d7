"""Charts: what is drawn is what was given, and nothing breaks a chart."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Level, Line, line_chart

LABEL = re.compile(r'<text x="([\d.-]+)" y="([\d.-]+)" text-anchor="(\w+)" class="label">([^<]+)</text>')


def axis(svg: str, anchor: str, place: int) -> tuple[float, float]:
    """Slope and offset that turn a coordinate into a number, read off the drawn labels."""
    labels = [match.groups() for match in LABEL.finditer(svg)]
    points = [(float(label[place]), float(label[3])) for label in labels if label[2] == anchor]
    slope, offset = np.polyfit(*zip(*points, strict=True), 1)
    return float(slope), float(offset)


def test_points_read_off_the_drawing_are_the_numbers_given() -> None:
    x, y = [0.0, 10.0, 20.0, 40.0], [3.0, 2.5, 2.25, 1.75]
    svg = line_chart(Chart([Line("loss", x, y)], "step", "nats"))
    (path,) = re.findall(r'<path d="([^"]+)"', svg)
    drawn = [tuple(map(float, point.split())) for point in re.split("[ML]", path)[1:]]
    (a, b), (c, d) = axis(svg, "middle", 0), axis(svg, "end", 1)
    baseline = 4 * c  # labels stand 4 units lower than their value
    np.testing.assert_allclose([a * px + b for px, _ in drawn], x, atol=0.05)
    np.testing.assert_allclose([c * py + d + baseline for _, py in drawn], y, atol=0.005)


def test_the_right_axis_is_the_left_one_in_its_own_unit() -> None:
    chart = Chart([Line("loss", [0, 1], [2.0, 4.0])], "step", "nats", right=("bits", 0.5))
    svg = line_chart(chart)
    (c, d), (e, f) = axis(svg, "end", 1), axis(svg, "start", 1)
    assert (e * 100 + f) / (c * 100 + d) == pytest.approx(0.5, rel=1e-3)


numbers = st.floats(-1e9, 1e9) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])


@example([(0.0, 5e-324)], [], True, False)
@given(st.lists(st.tuples(numbers, numbers), max_size=8), st.lists(numbers, max_size=3), st.booleans(), st.booleans())
def test_any_numbers_make_a_drawing_without_nan(
    points: list[tuple[float, float]], levels: list[float], log: bool, named: bool
) -> None:
    lines = [
        Line("a", [x for x, _ in points], [y for _, y in points], style=style) for style in ("line", "faint", "dots")
    ]
    chart = Chart(lines, "x", "y", [Level(f"level {y}", y) for y in levels], log=log, named=named)
    svg = chart_figure(chart, "caption", legend=True)
    coordinates = re.findall(r' (?:d|x|y|x1|x2|y1|y2|cx|cy)="([^"]+)"', svg)
    assert not any("nan" in c or "inf" in c for c in coordinates)


def test_an_axis_says_more_than_one_or_two_numbers() -> None:
    lines = [Line("a", [0, 1], [0.07, 0.9])]
    drawn = line_chart(Chart(lines, "x", "y", y_range=(0.07, 0.9)), 350, 210)  # where 0.5 is all that is round
    labels = re.findall(r'<text [^>]*text-anchor="end" class="label">([^<]*)</text>', drawn)
    assert labels == ["0.2", "0.4", "0.6", "0.8"]


def test_a_phones_axis_across_says_more_than_one_number() -> None:
    chart = Chart([Line("loss", [1, 977], [3.0, 2.0])], "step", "nats", right=("bits", 2.0), below=("tokens", 4096))
    drawn = line_chart(chart, 350)
    assert [f">{label}</text>" in drawn for label in ("200", "400", "600", "800")] == [True] * 4
    assert ">819k</text>" in drawn


def test_a_gap_is_left_where_a_number_is_missing_and_a_lone_point_is_a_dot() -> None:
    svg = line_chart(Chart([Line("a", [0, 1, 2, 3], [1, math.nan, 2, 3])], "x", "y"))
    (path,) = re.findall(r'<path d="([^"]+)"', svg)
    assert re.sub(r"[\d. ]+", "", path.replace("h0", "h")) == "MhML"


def test_a_level_beyond_the_top_is_named_there() -> None:
    chart = Chart([Line("a", [0, 1], [1, 2])], "x", "y", [Level("uniform 6.93", 6.93)], y_range=(0, 3))
    svg = line_chart(chart)
    assert "uniform 6.93 ↑" in svg
    assert 'class="level"' not in svg


def test_levels_labels_do_not_overlap() -> None:
    svg = line_chart(Chart([], "x", "y", [Level(f"b{i}", 4 + i / 1000) for i in range(4)], y_range=(3, 5)))
    places = sorted(float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="\w+" class="level-name"', svg))
    assert len(places) == 4
    assert min(np.diff(places)) >= 13.9


def test_the_title_of_the_x_axis_keeps_clear_of_the_first_label() -> None:
    for first, apart in (("0", False), ("embed", True)):
        chart = Chart([Line("KL", [0, 1], [2.0, 1.0])], "layer", "nats", x_labels=[first, "1"])
        (title, label) = (
            float(re.search(rf' y="([\d.]+)"[^>]*>{name}<', line_chart(chart))[1]) for name in ("layer", first)
        )
        assert (title > label) == apart


def test_names_are_written_at_the_lines_ends() -> None:
    svg = line_chart(Chart([Line("mlp", [0, 1], [1, 2], "line3")], "layer", "rms", named=True, counted=True))
    assert re.search(r'class="name line3">mlp<', svg)


def test_hovering_tells_the_numbers_themselves() -> None:
    figure = chart_figure(Chart([Line("loss", [1, 2], [3.25, 1.125])], "step", "nats"), "How to read it.")
    (data,) = re.findall(r'data-hover="([^"]+)"', figure)
    assert json.loads(data.replace("&quot;", '"')) == [[0, "step 1\nloss 3.25"], [1, "step 2\nloss 1.125"]]


def test_a_long_run_stays_small() -> None:
    y = np.random.default_rng(0).normal(size=100_000)
    assert len(chart_figure(Chart([Line("a", np.arange(len(y)), y)], "step", "y"), "caption")) < 60_000


def test_names_of_ticks_stay_within_the_drawing() -> None:
    names = ["blocks.0.resid_post", "1", "blocks.3.resid_post"]
    svg = line_chart(Chart([Line("a", range(3), range(3))], "point", "", x_labels=names), 350, 210)
    places = {name: float(x) for x, _, _, name in LABEL.findall(svg)}
    assert all(3 * len(name) <= x <= 350 - 3 * len(name) for name, x in places.items() if name in names)


def test_levels_beyond_either_end_are_named_there_and_not_drawn_outside() -> None:
    line = Line("accuracy", [0, 1, 2], [96.0, 97.0, 98.0])
    levels = [Level("majority", 8.0), Level("perfect", 100.0), Level("neighbours", 97.0)]
    drawn = line_chart(Chart([line], "step", "accuracy", levels, y_range=(95.0, 99.0)))
    assert "majority ↓" in drawn
    assert "perfect ↑" in drawn
    assert drawn.count('class="level"') == 1
