"""pass@k beside counting and simulation, its interval, and two models on the same problems."""

from itertools import combinations

import numpy as np
import pytest

from glassworks.evaluate.tasks.pass_at_k import paired, pass_at_k, score, score_at_k


@pytest.mark.parametrize(("samples", "correct", "k"), [(5, 2, 1), (5, 2, 3), (6, 0, 2), (6, 6, 6), (7, 1, 7)])
def test_it_is_the_share_of_draws_with_a_correct_one(samples: int, correct: int, k: int) -> None:
    drawn = list(combinations([True] * correct + [False] * (samples - correct), k))
    assert pass_at_k(samples, correct, k) == pytest.approx(sum(map(any, drawn)) / len(drawn), abs=1e-12)


def test_it_has_no_bias_where_the_power_has() -> None:
    truth, n, k = 0.1, 20, 10
    correct = np.random.default_rng(0).binomial(n, truth, 20_000)
    expected = 1 - (1 - truth) ** k
    ours = np.mean([pass_at_k(n, int(c), k) for c in correct])
    power = np.mean(1 - (1 - correct / n) ** k)
    assert ours == pytest.approx(expected, abs=0.005)
    assert power < expected - 0.02


@pytest.mark.parametrize(("samples", "correct", "k"), [(3, 1, 4), (3, 4, 1), (3, 1, 0)])
def test_what_is_not_defined_is_refused(samples: int, correct: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k}"):
        pass_at_k(samples, correct, k)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        found = score([float(x) for x in draw.random(164) < 0.3], seed)
        held += found.low <= 0.3 <= found.high
    assert 0.9 < held / 200 < 0.99


def test_nothing_solved_is_still_uncertain() -> None:
    none, one = score_at_k([(1, 0)] * 164, 1), score_at_k([(1, 1)] * 164, 1)
    assert (none.value, none.low) == (0.0, 0.0)
    assert 0.01 < none.high < 0.03
    assert (one.value, one.high) == (1.0, 1.0)
    assert one.low == pytest.approx(1 - none.high)
    assert str(none) == "0.0 % [0.0, 2.3]"


def test_no_problem_is_refused() -> None:
    with pytest.raises(ValueError, match="no problem"):
        score([])


def test_two_models_are_told_apart_on_the_same_problems() -> None:
    ours, theirs = [1.0] * 60 + [0.0] * 40, [1.0] * 50 + [0.0] * 50
    found = paired(ours, theirs)
    assert (found.better, found.worse) == (10, 0)
    assert found.p == pytest.approx(2 / 2**10)
    assert found.low > 0
    assert paired(ours, ours).p == 1.0
    assert paired(theirs, ours).difference == pytest.approx(-0.1)
    with pytest.raises(ValueError, match="same problems"):
        paired(ours, theirs[:5])
