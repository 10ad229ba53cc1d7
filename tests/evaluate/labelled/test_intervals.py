import numpy as np
import pytest

from glassworks.evaluate.labelled.intervals import (
    UNKNOWN,
    Difference,
    Figure,
    Resamples,
    draws,
    indicators,
    mean,
)
from glassworks.evaluate.ratios import NORMAL
from glassworks.objectives.metrics.calibration import bin_of, ece_of_the_calibrated
from glassworks.objectives.metrics.classification import Counts, balanced_accuracy, confusion_matrix, counts


def test_resamples_are_multinomial_and_seeded() -> None:
    blocks = list(draws(2_000_000, 5, seed=3))  # more than goes at once
    assert [block.shape for block in blocks] == [(2_000_000, 2), (2_000_000, 2), (2_000_000, 1)]
    assert all((block.sum(0) == 2_000_000).all() for block in blocks)
    times = next(iter(draws(50, 4000, seed=0)))
    np.testing.assert_allclose(times.mean(1), 1, atol=0.1)
    np.testing.assert_allclose(times.var(1), 1 - 1 / 50, atol=0.15)
    np.testing.assert_array_equal(times, next(iter(draws(50, 4000, seed=0))))
    assert (times != next(iter(draws(50, 4000, seed=1)))).any()


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(0).normal(5, 2, 1000)
    found = Resamples({"it": mean(values)}).interval("it")
    assert found.value == pytest.approx(values.mean())
    reach = NORMAL * values.std() / np.sqrt(1000)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.1 * reach)


def test_a_figure_of_sums_is_what_it_is_on_each_resample() -> None:
    generator = np.random.default_rng(0)
    targets, predicted = generator.integers(0, 3, (2, 40))
    right = (targets == predicted).astype(np.float64)
    columns = np.concatenate([indicators(targets, 3, right).toarray(), indicators(targets, 3).toarray()])
    figure = Figure(
        indicators(targets, 3, right), lambda sums: balanced_accuracy(Counts(sums, np.full_like(sums, 10.0), sums))
    )
    assert columns.shape == (6, 40)
    for times in draws(40, 3, seed=0):
        for one in times.T.astype(int):
            again = counts(confusion_matrix(np.repeat(targets, one), np.repeat(predicted, one), 3))
            sums = np.split(columns @ one, 2)
            assert float(balanced_accuracy(Counts(sums[0], sums[1], sums[1]))) == pytest.approx(
                float(balanced_accuracy(again))
            )
    assert Resamples({"it": figure}).values["it"] == pytest.approx(right.sum() / 30)


@pytest.mark.parametrize("size", [1, 5])
def test_intervals_hold_the_truth_in_95_of_100_test_parts_of_groups(size: int) -> None:
    """Examples of a group are alike: as if drawn by themselves they would seem to tell much more than they do."""
    generator, held, by_example = np.random.default_rng(0), 0, 0
    for seed in range(300):
        values = np.repeat(generator.normal(0, 1, 60), size) + generator.normal(0, 0.3, 60 * size)
        found = Resamples({"it": mean(values)}, np.repeat(np.arange(60), size) * 7, resamples=300, seed=seed)
        assert found.units == 60
        interval, alone = found.interval("it"), Resamples({"it": mean(values)}, resamples=300).interval("it")
        held += interval.low <= 0 <= interval.high
        by_example += alone.low <= 0 <= alone.high
    assert 0.91 <= held / 300 <= 0.98
    assert by_example / 300 < (0.7 if size > 1 else 0.98)


@pytest.mark.parametrize("off", [0.0, 0.1])
def test_the_interval_of_an_ece_holds_the_truth_though_chance_enlarges_it(off: float) -> None:
    """The ECE of a calibrated model is 0, and that of any sample of it above."""
    generator, held, edges = np.random.default_rng(0), 0, np.linspace(0, 1, 11)
    for seed in range(100):
        confidence = generator.random(500)
        gaps = (generator.random(500) < confidence * (1 - 2 * off)) - confidence  # which is `off` too high on the mean
        bins = indicators(bin_of(confidence, edges), 10, gaps)
        chance, _ = ece_of_the_calibrated(confidence, edges, draws=100, seed=seed)
        figure = Figure(bins, lambda sums: np.abs(sums).sum(0) / 500, "distance", chance)
        found = Resamples({"ece": figure}, resamples=200, seed=seed).interval("ece")
        held += found.low <= off <= found.high
        assert found.value > 0
    assert held >= 90


def test_a_share_without_exceptions_has_wilsons_end() -> None:
    found = Resamples({"all": mean(np.ones(100), kind="proportion"), "none": mean(np.zeros(100), kind="proportion")})
    assert (found.interval("all").low, found.interval("all").high) == (pytest.approx(0.963, abs=1e-3), 1.0)
    assert (found.interval("none").low, found.interval("none").high) == (0.0, pytest.approx(0.037, abs=1e-3))
    difference = found.difference("all", "none", higher_is_better=True)
    assert difference.verdict == "beats"
    assert difference.differing == 100


def test_what_is_the_same_in_every_resample_has_no_interval_without_a_word() -> None:
    found = Resamples({"it": mean(np.full(100, 0.1))}).interval("it")
    assert (found.value, found.low, found.high) == (pytest.approx(0.1), None, None)


def test_one_example_tells_of_nothing() -> None:
    found = Resamples({"a": mean(np.ones(1), kind="proportion"), "b": mean(np.zeros(1), kind="proportion")})
    assert found.interval("a").low == pytest.approx(1 - NORMAL**2 / (1 + NORMAL**2))
    assert found.difference("a", "b", higher_is_better=True).verdict == UNKNOWN
    with pytest.raises(ValueError, match="no example"):
        Resamples({"a": mean(np.ones(0))})


def test_a_figure_that_is_not_defined_is_none() -> None:
    found = Resamples({"it": Figure(mean(np.ones(5)).columns, lambda sums: np.full(sums.shape[1], np.nan))})
    assert found.interval("it").value is None
    assert found.difference("it", "it", higher_is_better=True).value is None


def rights(n: int, only_ours: int, only_theirs: int) -> Difference:
    """Two predictors that are both right but for some."""
    ours, theirs = np.ones(n), np.ones(n)
    theirs[:only_ours] = 0
    ours[n - only_theirs :] = 0
    figures = {"ours": mean(ours, kind="proportion"), "theirs": mean(theirs, kind="proportion")}
    return Resamples(figures).difference("ours", "theirs", higher_is_better=True)


@pytest.mark.parametrize(
    ("n", "ours", "theirs", "verdict"),
    [
        (1000, 30, 5, "beats"),
        (1000, 5, 30, "loses"),
        (1000, 20, 17, "ties"),
        (1000, 0, 0, "ties"),
        (1000, 5, 0, "ties"),  # five of five may be chance in 6 of 100 cases
        (1000, 6, 0, "beats"),
        (20, 3, 2, UNKNOWN),
        (20, 0, 0, UNKNOWN),
        (20, 18, 0, "beats"),
    ],
)
def test_verdicts_need_an_interval_beside_zero_and_enough_that_differ(
    n: int, ours: int, theirs: int, verdict: str
) -> None:
    found = rights(n, ours, theirs)
    assert found.verdict == found.figures()["verdict"] == verdict
    assert found.differing == ours + theirs


def test_lower_is_better_of_errors() -> None:
    generator = np.random.default_rng(0)
    theirs = generator.normal(2, 1, 200)
    figures = {"ours": mean(theirs - 0.1 + generator.normal(0, 0.1, 200)), "theirs": mean(theirs)}
    found = Resamples(figures)
    assert found.difference("ours", "theirs", higher_is_better=False).verdict == "beats"
    assert found.difference("theirs", "ours", higher_is_better=False).verdict == "loses"
    assert found.interval("ours").low < 2 < found.interval("ours").high  # though each by itself is hardly known


def test_a_root_is_taken_of_each_resamples_mean() -> None:
    errors = np.random.default_rng(0).normal(0, 3, 500)
    found = Resamples({"rmse": mean(np.square(errors), after=np.sqrt)}).interval("rmse")
    assert found.value == pytest.approx(np.sqrt(np.square(errors).mean()))
    assert found.low < 3 < found.high


@pytest.mark.parametrize("n", [60, 400])
def test_networks_that_are_as_good_are_seldom_told_apart(n: int) -> None:
    generator, wrong = np.random.default_rng(n), 0
    for seed in range(300):
        draw = generator.random(n)
        ours, theirs = (draw > 0.1).astype(float), ((draw < 0.1) | (draw > 0.2)).astype(float)
        figures = {"ours": mean(ours, kind="proportion"), "theirs": mean(theirs, kind="proportion")}
        found = Resamples(figures, resamples=300, seed=seed).difference("ours", "theirs", higher_is_better=True)
        wrong += found.verdict != "ties"
    assert wrong / 300 < 0.08
