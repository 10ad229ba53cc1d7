"""What a linear program decides, on cases whose answer is known; Cover's count, counted; intervals."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from glassworks.reproductions.separability.separate import cover, interval, margin, separable

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("x", "y", "answer"),
    [
        (SQUARE, [-1, -1, -1, 1], True),  # and
        (SQUARE, [-1, 1, 1, -1], False),  # exclusive or
        (SQUARE, [1, 1, 1, 1], True),  # one set alone
        (SQUARE + 1e6, [-1, -1, -1, 1], True),  # far from the origin
        (SQUARE * [1e-9, 1e9], [-1, 1, -1, 1], True),  # in units of very different sizes
        (np.array([[0.0], [1.0], [2.0]]), [1, -1, 1], False),
        (np.array([[0.0], [1.0], [1.0]]), [1, -1, 1], False),  # the same point on both sides
        (np.array([[0.0], [1.0], [1.0 + 1e-7]]), [1, 1, -1], True),  # a narrow gap
        (np.zeros((3, 2)), [1, -1, 1], False),
        (np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0]]), [1, 1, -1], False),  # on a line, and between
    ],
)
def test_known_cases(x: NDArray[np.float64], y: list[int], answer: bool) -> None:
    assert separable(x, np.array(y)) is answer


@pytest.mark.parametrize("width", [6, 9, 12])
def test_the_dual_program_decides_the_same(width: int) -> None:
    """Least |sum of l_i y_i f_i| in the l1 norm, of weights l that sum to 1 over both sides alike: the same number."""
    rng = np.random.default_rng(width)
    x, y = rng.normal(size=(20, width)), rng.choice([-1, 1], 20)
    scaled = x / np.abs(x).max(0)
    equal = np.zeros((width + 2, 20 + 2 * width))
    equal[:width, :20], equal[width, :20], equal[width + 1, :20] = y * scaled.T, y, 1
    equal[:width, 20:] = np.concatenate([np.eye(width), -np.eye(width)], axis=1)
    cost = np.repeat([0.0, 1.0], [20, 2 * width])
    found = linprog(cost, A_eq=equal, b_eq=np.r_[np.zeros(width + 1), 1], bounds=(0, None), method="highs-ipm")
    assert margin(x, y) == pytest.approx(min(found.fun, 1), abs=1e-7)


def test_the_margin_is_that_of_the_widest_street() -> None:
    x = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    assert margin(x, np.array([-1, -1, 1, 1])) == pytest.approx(0.5)


@pytest.mark.parametrize(("count", "width"), [(5, 1), (6, 2), (7, 3), (5, 4)])
def test_covers_count_is_that_of_all_labellings(count: int, width: int) -> None:
    x = np.random.default_rng(count).normal(size=(count, width))
    made = [separable(x, np.array(y)) for y in product((-1, 1), repeat=count)]
    assert np.mean(made) == pytest.approx(cover(count, width))


def test_covers_count_is_one_half_at_half_as_many_dimensions() -> None:
    assert cover(300, 149) == pytest.approx(0.5)
    assert cover(10, 9) == cover(10, 20) == 1
    assert cover(300, 0) == pytest.approx(2.0**-299)


def test_a_random_labelling_of_points_in_general_position_is_separable_as_often_as_cover_says() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 14))
    made = sum(separable(x, rng.choice([-1, 1], 30)) for _ in range(200))
    low, high = interval(made, 200)
    assert low < cover(30, 14) < high


def test_intervals_hold_at_their_ends_and_cover_what_they_say() -> None:
    assert interval(0, 20)[0] == 0
    assert interval(20, 20)[1] == pytest.approx(1)
    assert interval(0, 20)[1] == pytest.approx(1 - interval(20, 20)[0])
    assert interval(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    made = np.random.default_rng(1).binomial(100, 0.97, 4000)
    inside = [low < 0.97 < high for low, high in (interval(int(k), 100) for k in made)]
    assert 0.93 < np.mean(inside) < 0.98
