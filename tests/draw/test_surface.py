"""Surfaces: lines of equal height where they are, colours from the lowest to the highest, holes left open."""

import json
import re

import numpy as np
import pytest

from glassworks.draw.figure import draw_figure, from_record, to_record
from glassworks.draw.surface import Surface, Track, above, colours_of, scaled, segments, surface

X = np.linspace(-2, 2, 33)
BOWL = Surface(X[None] ** 2 + X[:, None] ** 2, X, X, "first", "second")


def test_a_line_of_equal_height_of_a_bowl_is_a_circle() -> None:
    ends = np.array(list(segments(BOWL.values, X, X, 1.0))).reshape(-1, 2)
    np.testing.assert_allclose(np.hypot(*ends.T), 1, atol=0.01)
    angles = np.sort(np.arctan2(ends[:, 1], ends[:, 0]))
    assert np.diff(angles).max() < 0.2  # all around


def area(path: str) -> float:
    """Of all polygons of a path of straight lines, each with a sign by its way round."""
    total = 0.0
    for piece in path.split("z")[:-1]:
        spots = [(0.0, 0.0)]
        for command, numbers in re.findall(r"([MLHV])([^MLHV]*)", piece):
            given = [float(number) for number in numbers.split()]
            last = spots[-1]
            spots.append({"H": (given[0], last[1]), "V": (last[0], given[0])}.get(command) or (given[0], given[-1]))
        spots = spots[1:]
        total += sum(a * d - b * c for (a, b), (c, d) in zip(spots, [*spots[1:], spots[0]], strict=True)) / 2
    return total


def test_what_lies_above_a_height_has_the_area_that_it_has() -> None:
    values = -BOWL.values  # a hill: above -1 is a disc
    assert area(above(values, 100 * X, 100 * X, -1.0)) == pytest.approx(np.pi * 100**2, rel=0.01)
    assert area(above(values, 100 * X, 100 * X, -np.inf)) == pytest.approx(400**2)
    assert above(values, X, X, 1.0) == ""


def test_of_a_saddle_both_lines_are_drawn_and_do_not_cross() -> None:
    values = np.array([[1.0, -1.0], [-1.0, 1.0]])
    found = list(segments(values, np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.0))
    assert found == [(0.5, 0.0, 1.0, 0.5), (0.5, 1.0, 0.0, 0.5)]
    turned = list(segments(-values, np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.0))
    assert turned == [(0.0, 0.5, 0.5, 0.0), (1.0, 0.5, 0.5, 1.0)]


def test_colours_run_from_the_lowest_to_the_highest_by_the_logarithm_where_that_is_far() -> None:
    assert (colours_of(BOWL).low, colours_of(BOWL).high, colours_of(BOWL).log) == (0.0, 8.0, False)
    wide = colours_of(Surface(np.array([[0.1, 10.0], [1.0, 100.0]]), [0, 1], [0, 1], "", ""))
    assert wide.log
    np.testing.assert_allclose(scaled(np.array([0.1, 100.0, 10.0]), wide), [0, 1, 2 / 3])
    flat = Surface(np.ones((3, 3)), [0, 1, 2], [0, 1, 2], "", "")
    assert "svg" in surface(flat)
    assert "svg" in surface(Surface(np.full((3, 3), np.nan), [0, 1, 2], [0, 1, 2], "", ""))


def test_what_is_no_number_leaves_a_hole_and_lines_end_there() -> None:
    values = BOWL.values.copy()
    values[16:, :] = np.nan
    assert area(above(values, 100 * X, 100 * X, -np.inf)) == pytest.approx(400 * 100 * (X[15] - X[0]), rel=1e-3)
    ends = np.array(list(segments(values, X, X, 1.0))).reshape(-1, 2)
    assert ends[:, 1].max() <= X[15] + 1e-9


def test_tracks_are_drawn_where_they_are_and_what_lies_off_the_plane_is_left_out() -> None:
    plot = Surface(
        BOWL.values, X, X, "a", "b", tracks=[Track("way", [-2.0, 0.0, 9.0], [2.0, 0.0, 0.0], ["s", "t", "u"])]
    )
    drawing = surface(plot)
    assert drawing.count("<circle") == 2
    assert "way, t (0, 0)" in drawing
    assert "way, u" not in drawing


def test_a_surface_comes_back_from_json_and_is_drawn_alike() -> None:
    values = BOWL.values.copy()
    values[0, 0] = np.nan
    plot = Surface(values, X, X, "a", "b", "t", [Track("way", [0.0, np.nan], [1.0, 1.0], style="points")], (0.0, 9.0))
    again = from_record(json.loads(json.dumps(to_record(plot), allow_nan=False)))
    assert draw_figure(again) == draw_figure(plot)
