"""Sutton & Barto's gridworlds: values that the book prints, and walkers that go as the tables say."""

import numpy as np
import pytest

from glassworks.data.environments.grids import GRIDS, best_values, policy_values
from glassworks.data.environments.tables import Walkers


def even(name: str) -> np.ndarray:
    """The policy that takes all actions alike."""
    process = GRIDS[name]
    return np.full((process.states, len(process.actions)), 1 / len(process.actions))


def test_the_even_policy_is_worth_what_the_book_prints():
    """Figure 4.1, its last column."""
    values = policy_values(GRIDS["Grid4x4"], even("Grid4x4"))
    printed = [0, -14, -20, -22, -14, -18, -20, -20, -20, -20, -18, -14, -22, -20, -14, 0]
    np.testing.assert_allclose(values, printed, atol=1e-9)


def test_the_grid_without_an_end_is_worth_what_the_book_prints():
    """Figures 3.2 and 3.5, with a discount of 0.9."""
    values = policy_values(GRIDS["Grid5x5"], even("Grid5x5"), 0.9)
    np.testing.assert_allclose(values[:5], [3.3, 8.8, 4.4, 5.3, 1.5], atol=0.05)
    best = best_values(GRIDS["Grid5x5"], 0.9).max(1)
    np.testing.assert_allclose(best[:5], [22.0, 24.4, 22.0, 19.4, 17.5], atol=0.05)


def test_the_random_walk_has_its_true_values():
    values = policy_values(GRIDS["RandomWalk"], even("RandomWalk"))
    np.testing.assert_allclose(values[1:-1], np.arange(1, 6) / 6, atol=1e-12)


@pytest.mark.parametrize(("name", "steps"), [("Windy", 15), ("Cliff", 13), ("Maze", 14)])
def test_the_best_way_is_as_long_as_the_book_says(name, steps):
    process = GRIDS[name]
    best = best_values(process)
    assert best[process.begins[0]].max() == pytest.approx(-steps)
    assert process.goal == -steps
    walkers = Walkers(name, process, 1)
    walkers.reset(0)
    total = 0.0
    for _ in range(steps):
        stepped = walkers.step(best[walkers.at].argmax(1))
        total += float(stepped.reward[0])
    assert stepped.terminated[0]
    assert total == -steps


def test_values_without_an_end_are_refused():
    with pytest.raises(ValueError, match="never gets to one"):
        policy_values(GRIDS["Grid5x5"], even("Grid5x5"))
    with pytest.raises(ValueError, match="must be probabilities"):
        policy_values(GRIDS["Cliff"], even("Grid4x4"))


def test_walkers_go_as_often_as_the_chances_say():
    walkers = Walkers("RandomWalk", GRIDS["RandomWalk"], 20_000)
    walkers.reset(5)
    stepped = walkers.step(np.zeros(20_000, dtype=np.int64))
    assert (stepped.observation[:, 4] > 0).mean() == pytest.approx(0.5, abs=0.015)
    right = np.zeros(20_000, dtype=bool)
    for _ in range(200):
        stepped = walkers.step(np.zeros(20_000, dtype=np.int64))
        right = stepped.reward[stepped.terminated] > 0
    assert right.mean() == pytest.approx(0.5, abs=0.05)


def test_walkers_go_on_from_their_state_to_the_same_bits():
    one, other = (Walkers("RandomWalk", GRIDS["RandomWalk"], 4) for _ in range(2))
    one.reset(2)
    for _ in range(30):
        one.step(np.zeros(4, dtype=np.int64))
    other.restore(one.state())
    for _ in range(30):
        for mine, yours in zip(one.step(np.zeros(4, np.int64)), other.step(np.zeros(4, np.int64)), strict=True):
            np.testing.assert_array_equal(mine, yours)
