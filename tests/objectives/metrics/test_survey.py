"""What the survey of metrics has wrong, each beside what is right; and what has no value."""

import math

import numpy as np
import pytest

from glassworks.objectives.catalogue.table import METRICS
from glassworks.objectives.metrics.errors import adjusted_r2, concordance, mase, nrmse
from glassworks.objectives.metrics.grounded import majority, prediction_powered, summary_score
from glassworks.objectives.metrics.images import frechet_distance, kernel_distance, ssim
from glassworks.objectives.metrics.rates import false_discovery_rate, false_omission_rate, share
from glassworks.objectives.metrics.retrieval import reciprocal_rank
from glassworks.objectives.metrics.text import word_error_rate


def test_survey_mape_divides_a_target_below_0_by_epsilon() -> None:
    """Its equation 22 has max(y, ε), not max(|y|, ε)."""
    y, said, epsilon = np.array([-100.0]), np.array([-90.0]), 1e-3
    assert (np.abs(y - said) / np.maximum(y, epsilon)).mean() == pytest.approx(1e4)
    assert METRICS["mape"].function(y, said) == pytest.approx(0.1)


def test_survey_false_omission_rate_is_called_true_discovery_and_counts_errors() -> None:
    """Its table 7 calls FN / (TN + FN) the true discovery rate: of nothing but errors it is 1."""
    targets, wrong = np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1])
    assert false_omission_rate(targets, wrong) == 1
    assert false_omission_rate(targets, targets) == 0


def test_survey_precision_is_not_what_its_table_calls_by_the_same_name() -> None:
    targets, said = np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0, 0, 0])
    precision = METRICS["precision"].function(targets, said)
    assert precision == pytest.approx(1 - false_discovery_rate(targets, said))
    assert precision != pytest.approx(false_omission_rate(targets, said))


def test_survey_summary_score_rewards_a_copy_of_the_whole_text() -> None:
    """It averages length / length itself: a copy scores 1, a summary of 5 % that answers all .525."""
    answered = np.ones(10, dtype=bool)

    def survey(summary: int, text: int) -> float:
        return (answered.mean() + summary / text) / 2

    assert (survey(1000, 1000), survey(50, 1000)) == (1.0, 0.525)
    assert summary_score(answered, 50, 1000) > summary_score(answered, 1000, 1000) == 0.5


def test_what_has_no_value_is_no_number() -> None:
    nothing = np.zeros(3, dtype=bool)
    assert math.isnan(share(nothing, nothing))
    assert math.isnan(nrmse(np.ones(3), np.zeros(3)))
    assert math.isnan(mase(np.ones(3), np.zeros(3), np.ones(5)))
    assert math.isnan(concordance(np.arange(3.0), nothing, np.ones(3)))
    assert math.isnan(reciprocal_rank(np.zeros((2, 3), int), np.ones((2, 3))))


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: adjusted_r2(np.ones(3), np.ones(3), 2), r"num_features \(=2\) must be below"),
        (lambda: mase(np.ones(3), np.ones(3), np.ones(2), 2), "history has 2 values"),
        (lambda: majority([True, False]), "an odd number cannot be a tie"),
        (lambda: prediction_powered(np.ones(3), np.ones(1), np.ones(1)), r"labels \(1\)"),
        (lambda: ssim(np.ones((4, 4)), np.ones((4, 4))), "the window needs 11 x 11"),
        (lambda: word_error_rate(["a"], []), "must be as many"),
    ],
)
def test_mistakes_are_refused(call: object, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        call()  # type: ignore[operator]


def test_the_frechet_distance_of_normals_is_the_formulas_and_kid_does_not_depend_on_the_number() -> None:
    rng = np.random.default_rng(0)
    mix = np.array([[2.0, 0.5], [0.0, 1.0]])
    true, made = rng.normal(size=(40_000, 2)), rng.normal(size=(40_000, 2)) @ mix + [1.0, 0.0]
    second = mix.T @ mix
    roots = np.sqrt(np.linalg.eigvalsh(second)).sum()
    assert frechet_distance(true, made) == pytest.approx(1 + 2 + np.trace(second) - 2 * roots, abs=0.1)
    small = [kernel_distance(rng.normal(size=(20, 2)), rng.normal(size=(20, 2))) for _ in range(400)]
    assert abs(np.mean(small)) < 4 * np.std(small) / 20


def test_an_interval_by_a_judge_and_few_labels_holds_as_often_as_it_says() -> None:
    rng, holds = np.random.default_rng(0), 0
    for _ in range(300):
        truth = rng.random(1100) < 0.6
        judge = np.where(rng.random(1100) < 0.8, truth, ~truth).astype(float)  # wrong in a fifth, and so biased
        found = prediction_powered(judge[100:], judge[:100], truth[:100].astype(float))
        holds += found.low <= 0.6 <= found.high
    assert 0.91 <= holds / 300 <= 0.99
