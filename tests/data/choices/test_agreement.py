"""Measures of agreement give the figures that their authors worked out by hand."""

import numpy as np
import pytest

from glassworks.data.choices.agreement import alpha_interval, cohen, fleiss, krippendorff, raw, wilson

FLEISS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
"""Ten subjects, each put into one of five categories by fourteen raters."""
N = 0
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)
"""Four observers of twelve units, 0 = no value (Krippendorff 2011, part C)."""


def counted(table: np.ndarray, categories: int) -> np.ndarray:
    """(units, categories) how many observers gave a unit each value."""
    return np.stack([(table == value).sum(0) for value in range(1, categories + 1)], 1)


def test_fleiss_kappa_is_that_of_the_worked_example() -> None:
    assert fleiss(FLEISS) == pytest.approx(0.20993, abs=5e-5)


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_alpha_is_that_of_his_own_example(level: str, value: float) -> None:
    assert krippendorff(counted(KRIPPENDORFF, 5), level=level) == pytest.approx(value, abs=5e-4)


def test_alpha_of_two_observers_is_that_of_his_binary_example() -> None:
    """Krippendorff 2011, part A."""
    a, b = (np.array(list(map(int, row))) + 1 for row in ("0100000010", "1110010000"))
    assert krippendorff(counted(np.stack([a, b]), 2)) == pytest.approx(0.095, abs=5e-4)


def test_cohens_kappa_is_that_of_known_tables() -> None:
    assert cohen(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert cohen(np.array([[45, 15], [25, 15]])) == pytest.approx(0.1304, abs=5e-5)
    assert cohen(np.array([[25, 35], [5, 35]])) == pytest.approx(0.2593, abs=5e-5)
    assert np.isnan(cohen(np.array([[7, 0], [0, 0]])))  # nothing else was ever said: chance explains it all
    assert np.isnan(cohen(np.zeros((2, 2), int)))


def test_who_agrees_always_has_one_and_who_presses_at_random_nought() -> None:
    chance = np.random.default_rng(0)
    same = np.eye(3, dtype=int)[chance.integers(3, size=500)] * 2
    assert (fleiss(same), krippendorff(same), raw(same)) == (1.0, 1.0, (500, 500))
    said = chance.integers(2, size=(4000, 3))
    counts = np.stack([(said == value).sum(1) for value in (0, 1)], 1)
    assert fleiss(counts) == pytest.approx(0, abs=0.03)
    assert krippendorff(counts) == pytest.approx(0, abs=0.03)
    right, of = raw(counts)
    assert of == 12_000
    assert right / of == pytest.approx(0.5, abs=0.02)
    low, high = alpha_interval(counts)
    assert low < 0 < high < low + 0.1


def test_units_of_one_rater_say_nothing() -> None:
    alone = np.array([[1, 0], [0, 1], [0, 0]])
    counts = np.array([[2, 0], [1, 1], [0, 2], [0, 2]])
    for measure in (fleiss, krippendorff, raw):
        assert measure(np.concatenate([counts, alone])) == pytest.approx(measure(counts))
    assert np.isnan(fleiss(alone))
    assert np.isnan(krippendorff(alone))


def test_alphas_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two annotators who see the truth, or with chance 0.3 press at random: alpha is 0.49."""
    held = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        truth = chance.integers(2, size=150)
        said = np.where(chance.random((2, 150)) < 0.3, chance.integers(2, size=(2, 150)), truth)
        low, high = alpha_interval(np.stack([(said == value).sum(0) for value in (0, 1)], 1), seed=seed)
        held += low <= 0.49 <= high
    assert held >= 53


def test_wilsons_interval_is_the_known_one() -> None:
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 5)[0] == 0.0
