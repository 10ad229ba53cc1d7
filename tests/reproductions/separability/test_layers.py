"""Random layers by the stated law and by the code's; points; the width that is advised."""

import numpy as np
import pytest

from glassworks.reproductions.separability.advice import DELTA, Advice, advice, least_angle
from glassworks.reproductions.separability.layers import ARMS, Arm, Draw, biases
from glassworks.reproductions.separability.measure import trial
from glassworks.reproductions.separability.points import Points, spheres
from glassworks.reproductions.separability.separate import separable


def test_the_two_laws_differ_by_their_range_and_are_the_same_numbers() -> None:
    drawn = np.random.default_rng(0).uniform(size=10_000)
    stated, code = biases(drawn, "stated", 3.0), biases(drawn, "code", 3.0)
    assert (stated >= -3).all()
    assert stated.min() < -2.99
    assert 2.99 < stated.max() <= 3
    assert (code >= 0).all()
    assert code.min() < 0.01
    assert 5.98 < code.max() <= 6
    assert np.allclose(code, stated + 3)
    assert not biases(drawn, "none", 3.0).any()


def test_features_keep_the_size_of_points_and_a_second_layer_its_range() -> None:
    rng = np.random.default_rng(1)
    points = spheres(10, 20, 0)
    draw = Draw.of(rng, 1500, 10)
    one = draw.features(points.x, Arm("stated"), points.radius, points.radius)
    expected = (points.x**2).sum(1) + points.radius**2 / 3
    assert np.mean((one**2).sum(1) / expected) == pytest.approx(1, abs=0.1)
    assert (one >= 0).all()
    two = draw.features(points.x, Arm("stated", 2), points.radius, points.radius)
    assert two.shape == one.shape
    assert not np.allclose(one, two)


def test_spheres_are_of_the_published_radii_and_drawn_by_their_seed() -> None:
    points = spheres(2, 50, 3)
    sizes = np.linalg.norm(points.x, axis=1).reshape(3, 50)
    for radii, low, high in zip(sizes, (100, 200, 300), (120, 240, 360), strict=True):
        assert low <= radii.min()
        assert radii.max() <= high
    assert points.y.reshape(3, 50)[:, 0].tolist() == [1, -1, 1]
    assert np.array_equal(points.x, spheres(2, 50, 3).x)
    assert not np.array_equal(points.x, spheres(2, 50, 4).x)
    assert not separable(points.x, points.y)


def test_a_trial_is_a_function_of_its_numbers_and_a_layer_as_wide_as_there_are_points_separates() -> None:
    points = spheres(2, 6, 0)
    found = trial(points, ARMS, 40, points.radius, 7, 2)
    assert found == trial(points, ARMS, 40, points.radius, 7, 2)
    assert found != trial(points, ARMS, 40, points.radius, 7, 3)
    assert list(found) == list(ARMS)
    assert found["one layer"] > 0
    assert found["one layer, random labels"] > 0
    narrow = trial(points, ARMS, 1, points.radius, 7, 2)
    assert narrow["one layer, random labels"] == 0


def test_the_least_angle_is_that_of_lines_and_exact_where_it_is_small() -> None:
    small = 1e-9
    x = np.array([[1.0, 0.0], [np.cos(small), np.sin(small)], [0.0, 5.0]])
    assert least_angle(x) == pytest.approx(small, rel=1e-6)
    assert least_angle(np.array([[1.0, 0.0], [-2.0, 0.2]])) == pytest.approx(np.arctan(0.1))


def test_advice_grows_with_points_and_narrow_angles() -> None:
    found = Advice(300, 0.1, 330)
    assert found.constant == pytest.approx(0.11)
    assert found.width(0.11) == pytest.approx(330)
    assert Advice(300, 0.05, None).constant is None
    assert Advice(1, 1.0, 1).width(2.0) == pytest.approx(2 * np.log(1 / DELTA))


def test_the_rank_is_full_about_where_there_are_as_many_neurons_as_points() -> None:
    far = spheres(20, 10, 0)
    assert advice(far, far.radius, 5, 0).rank_width in (30, 32, 38)
    ring = Points("ring", np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), np.array([1, -1, 1]))
    assert advice(ring, 0.0, 5, 0).rank_width is None  # two points on a ray: one feature times two
