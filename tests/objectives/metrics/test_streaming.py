"""Figures of streams: the exact ones always lie within their bounds, and merging is adding."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from glassworks.objectives.metrics.streaming import BINS, Ranking, bins_of

SCORES = st.floats(-(2.0**90), 2.0**90, width=32) | st.sampled_from([0.0, -0.0, 0.5, 0.5001, 0.50001, 1.0])


def seen(scores: np.ndarray, targets: np.ndarray, **said: bool) -> Ranking:
    ranking = Ranking(**said)
    ranking.update(scores, targets)
    return ranking


@given(st.lists(st.tuples(SCORES, st.booleans()), min_size=2, max_size=60))
@settings(max_examples=150, deadline=None)
def test_exact_figures_lie_within_the_bounds_whatever_the_scores(rows: list[tuple[float, bool]]) -> None:
    scores, targets = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if targets.all() or not targets.any():
        return
    ranking = seen(scores, targets)
    for found, exact in (
        (ranking.auroc(), roc_auc_score(targets, scores)),
        (ranking.average_precision(draws=2), average_precision_score(targets, scores)),
    ):
        assert found.low - 1e-9 <= exact <= found.high + 1e-9
        assert found.low - 1e-12 <= found.value <= found.high + 1e-12


def test_of_many_examples_the_bounds_are_narrow_and_the_memory_does_not_grow() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random(200_000) < 0.1
    logits = rng.normal(size=200_000) + 1.5 * targets
    for scores, said in ((logits, {}), (1 / (1 + np.exp(-logits - 6)), {"probabilities": True})):
        ranking = Ranking(**said)
        for part in range(0, 200_000, 10_000):
            ranking.update(scores[part : part + 10_000], targets[part : part + 10_000])
        area, precision = ranking.auroc(), ranking.average_precision(draws=20)
        assert area.value == pytest.approx(roc_auc_score(targets, scores), abs=1e-4)
        assert area.high - area.low < 2e-3
        assert precision.value == pytest.approx(average_precision_score(targets, scores), abs=2e-3)
        assert precision.high - precision.low < 1e-2
        assert ranking.counts.nbytes == 2 * BINS * 8


def test_probabilities_near_1_are_told_apart_by_their_logits() -> None:
    scores, targets = np.array([0.9999, 0.99991, 0.99999, 0.999995]), np.array([0, 0, 1, 1])
    assert seen(scores, targets).auroc().value < 1
    assert seen(scores, targets, probabilities=True).auroc().value == 1
    ends = seen(np.array([0.0, 1.0]), np.array([0, 1]), probabilities=True).auroc()
    assert (ends.value, ends.low, ends.high) == (1, 1, 1)


def test_parts_of_a_stream_add_up_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=900), rng.integers(0, 2, 900)
    whole = seen(scores, targets)
    parts = [seen(scores[i::3], targets[i::3]) for i in (2, 0, 1)]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert (merged.counts == whole.counts).all()
    assert merged.auroc() == whole.auroc()
    with pytest.raises(ValueError, match="their bins differ"):
        merged.merge(Ranking(probabilities=True))


def test_bins_keep_the_order_of_all_numbers() -> None:
    values = np.sort(
        np.r_[-np.inf, np.inf, 0.0, np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-250, 250)]
    )
    assert (np.diff(bins_of(values)) >= 0).all()
    assert 0 <= bins_of(values).min() <= bins_of(values).max() < BINS
    assert bins_of(np.array([-0.0])) == bins_of(np.array([0.0]))


def test_intervals_hold_as_often_as_they_say() -> None:
    rng, true = np.random.default_rng(0), 0.5 * (1 + math.erf(0.5))  # of normals one standard deviation apart
    holds = 0
    for _ in range(200):
        targets = np.arange(200) < 80
        low, high = seen(rng.normal(size=200) + targets, targets).auroc().interval
        holds += low <= true <= high
    assert 0.90 <= holds / 200 <= 0.99
    found = seen(rng.normal(size=400) + np.r_[np.ones(80), np.zeros(320)], np.arange(400) < 80).average_precision()
    assert found.interval[0] < found.low <= found.value <= found.high < found.interval[1]


@pytest.mark.parametrize(
    ("scores", "targets", "line"),
    [
        ([0.5, math.nan], [0, 1], "scores have NaN, 1 of 2"),
        ([0.5, 1.5], [0, 1], "probabilities are from 0 to 1"),
        ([0.5, 0.6], [0, 2], "targets must be 0 or 1"),
    ],
)
def test_what_cannot_be_counted_is_refused(scores: list[float], targets: list[int], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        seen(np.array(scores), np.array(targets), probabilities=True)


def test_nothing_has_no_figure() -> None:
    assert math.isnan(Ranking().auroc().value)
    assert math.isnan(seen(np.array([1.0]), np.array([0])).average_precision().value)
    assert math.isnan(seen(np.array([1.0]), np.array([1])).auroc().low)
