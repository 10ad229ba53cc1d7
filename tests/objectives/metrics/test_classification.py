import numpy as np
import pytest
from sklearn import metrics

from glassworks.objectives.metrics.classification import (
    Counts,
    accuracy,
    balanced_accuracy,
    brier_scores,
    confusion_matrix,
    counts,
    f1,
    log_losses,
    log_softmax,
    macro_f1,
    precision,
    recall,
)

GENERATOR = np.random.default_rng(0)


def some(n: int = 500, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    logits = GENERATOR.normal(0, 2, (n, classes))
    return logits, GENERATOR.choice(classes, n, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))


def test_figures_of_a_confusion_matrix_by_hand() -> None:
    # of class 0 three of four are found, of class 1 one of two, and class 2 is never there but predicted once
    found = counts(confusion_matrix(np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 2]), 3))
    assert float(accuracy(found)) == pytest.approx(4 / 6)
    np.testing.assert_allclose(recall(found), [3 / 4, 1 / 2, np.nan])
    np.testing.assert_allclose(precision(found), [1, 1 / 2, 0])
    np.testing.assert_allclose(f1(found), [6 / 7, 1 / 2, 0])
    assert float(balanced_accuracy(found)) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert float(macro_f1(found)) == pytest.approx((6 / 7 + 1 / 2) / 3)


def test_as_scikit_learn_has_it() -> None:
    logits, targets = some()
    logs, predicted = log_softmax(logits), logits.argmax(1)
    matrix = confusion_matrix(targets, predicted, 5)
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(targets, predicted))
    found = counts(matrix)
    assert float(accuracy(found)) == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert float(balanced_accuracy(found)) == pytest.approx(metrics.balanced_accuracy_score(targets, predicted))
    assert float(macro_f1(found)) == pytest.approx(metrics.f1_score(targets, predicted, average="macro"))
    np.testing.assert_allclose(precision(found), metrics.precision_score(targets, predicted, average=None))
    assert log_losses(logs, targets).mean() == pytest.approx(metrics.log_loss(targets, np.exp(logs)))
    of_two = np.exp(log_softmax(logits[:, :2]))
    halved = metrics.brier_score_loss(targets % 2, of_two[:, 1])  # of two classes it is that of one of them
    assert brier_scores(of_two, targets % 2).mean() == pytest.approx(2 * halved)


def test_a_class_without_examples_changes_no_mean() -> None:
    _, targets = some()
    predicted = np.where(GENERATOR.random(500) < 0.7, targets, (targets + 1) % 5)
    few, many = (counts(confusion_matrix(targets, predicted, classes)) for classes in (5, 9))
    assert float(balanced_accuracy(few)) == float(balanced_accuracy(many))
    assert float(macro_f1(few)) == pytest.approx(float(macro_f1(many)))


def test_further_axes_are_other_test_parts() -> None:
    parts = [some(50) for _ in range(3)]
    each = [counts(confusion_matrix(targets, logits.argmax(1), 5)) for logits, targets in parts]
    together = Counts(*(np.stack(arrays, -1) for arrays in zip(*each, strict=True)))
    for figure in (accuracy, balanced_accuracy, macro_f1):
        np.testing.assert_allclose(figure(together), [float(figure(one)) for one in each])


def test_one_example_and_one_class() -> None:
    found = counts(confusion_matrix(np.array([0]), np.array([0]), 1))
    assert [float(figure(found)) for figure in (accuracy, balanced_accuracy, macro_f1)] == [1, 1, 1]
    np.testing.assert_array_equal(log_losses(log_softmax(np.array([[3.0]])), np.array([0])), [0])


def test_brier_and_log_loss_by_hand() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(brier_scores(p, np.array([0, 0])), [0.25 + 0.09 + 0.04, 2])
    np.testing.assert_allclose(log_losses(np.log(p[:1]), np.array([1])), [-np.log(0.3)])


def test_logits_of_any_size_give_finite_logarithms() -> None:
    found = log_softmax(np.array([[1e4, -1e4, 0.0]], np.float32))
    np.testing.assert_allclose(found, [[0, -2e4, -1e4]])


@pytest.mark.parametrize(
    ("targets", "predicted", "message"),
    [([], [], "targets is empty"), ([3], [0], "targets has class 3"), ([0], [-1], "predicted has class -1")],
)
def test_refuses_what_is_no_class(targets: list[int], predicted: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(targets, np.int64), np.array(predicted, np.int64), 3)
