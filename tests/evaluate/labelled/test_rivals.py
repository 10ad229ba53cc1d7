import numpy as np
import pytest
from tests.evaluate.labelled.parts import Part, digits, numbers

from glassworks.evaluate.labelled import predictors
from glassworks.evaluate.labelled.features import block_side, rows, scaler, shrunk
from glassworks.evaluate.labelled.rivals import cross_validated_probabilities, folds_of, rivals

EMPTY = np.zeros(0, np.int64)


def accuracies(parts: tuple[Part, Part, Part]) -> dict[str, float]:
    found = rivals(*parts, task="classes", num_classes=10)
    return {rival.name: float((rival.predictions.predicted == parts[2].targets).mean()) for rival in found}


def test_each_learns_what_it_can_of_digits() -> None:
    train, validation, test = digits(900)
    found = accuracies((train, validation, test))
    assert list(found) == ["majority", "k nearest neighbours", "logistic regression", "gradient-boosted trees"]
    commonest = np.bincount(train.targets).argmax()
    assert found["majority"] == pytest.approx((test.targets == commonest).mean())
    assert found["k nearest neighbours"] > 0.93
    assert found["logistic regression"] > 0.9
    assert found["gradient-boosted trees"] > 0.85


def test_probabilities_are_some_and_notes_say_what_was_seen() -> None:
    train, validation, test = digits(300)
    for rival in rivals(train, validation, test, task="classes", num_classes=12):
        assert rival.predictions.probabilities.shape == (60, 12)
        np.testing.assert_allclose(rival.predictions.probabilities.sum(1), 1, atol=1e-6)
        assert np.isfinite(rival.predictions.log_probabilities).all()
        assert rival.note.startswith("fitted on 180 of 180 training examples")
    assert rivals(train, validation, test, task="classes", num_classes=12)[1].note.count("k = ") == 1


def test_nothing_is_chosen_on_what_is_judged_and_all_is_of_the_seed() -> None:
    train, validation, test = digits(300)
    other = Part(test.rows, (test.targets + 1) % 10)
    pairs = zip(
        *(rivals(train, validation, part, task="classes", num_classes=10) for part in (test, other)), strict=True
    )
    for one, two in pairs:
        np.testing.assert_array_equal(one.predictions.log_probabilities, two.predictions.log_probabilities)
        assert one.note == two.note


def test_large_data_are_drawn_from_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictors, "LINE_WORK", 64 * 10 * 50)
    train, validation, test = digits(300)
    logistic = rivals(train, validation, test, task="classes", num_classes=10)[2]
    seen = int(logistic.note.split()[2])
    assert 50 <= seen <= 59  # and one of each class
    assert f"fitted on {seen} of 180 training examples" in logistic.note


def test_without_a_validation_part_there_is_nothing_to_choose() -> None:
    train, validation, test = digits(300)
    found = rivals(train, validation.some(EMPTY), test, task="classes", num_classes=10)
    assert [rival.note.split("; ")[1:] for rival in found] == [[], ["k = 5"], ["C = 0.1"], ["100 rounds"]]


def test_of_one_class_only_majority_is_tried() -> None:
    train, validation, test = digits(100)
    alike = Part(train.rows, np.zeros(len(train), np.int64))
    found = rivals(alike, validation, test, task="classes", num_classes=10)
    assert [rival.name for rival in found] == ["majority"]
    assert (found[0].predictions.predicted == 0).all()


def test_numbers_have_rivals_too() -> None:
    train, validation, test = numbers()
    found = {rival.name: rival for rival in rivals(train, validation, test, task="number")}
    assert list(found) == ["mean", "median", "linear", "gradient-boosted trees"]
    errors = {name: np.sqrt(np.square(r.predictions.values - test.targets).mean()) for name, r in found.items()}
    assert errors["mean"] == pytest.approx(test.targets.std(), rel=0.1)
    assert errors["linear"] < 0.3 * errors["mean"]  # |x| is what a line cannot tell
    assert found["median"].predictions.values[0] == pytest.approx(np.median(train.targets))
    np.testing.assert_allclose(found["mean"].residuals, validation.targets - train.targets.mean())


def test_one_training_example_is_enough_for_all() -> None:
    for parts, task in ((numbers(), "number"), (digits(50), "classes")):
        train, validation, test = parts
        found = rivals(train.some(np.arange(1)), validation, test.some(np.arange(1)), task=task, num_classes=10)
        assert found
        for rival in found:
            assert len(rival.predictions) == 1


def test_refuses_nothing_to_fit_or_to_judge() -> None:
    train, validation, test = digits(50)
    for parts in ((train.some(EMPTY), validation, test), (train, validation, test.some(EMPTY))):
        with pytest.raises(ValueError, match="has no example"):
            rivals(*parts, task="classes", num_classes=10)


# ----------------------------------------------------------------------------------------------------------------------


def test_each_example_is_predicted_by_what_did_not_see_it() -> None:
    """Of labels that are drawn anew nothing can be learned but by heart."""
    train, _, _ = digits(500)
    drawn = Part(train.rows, np.random.default_rng(0).integers(0, 10, len(train)))
    p = cross_validated_probabilities(drawn, folds=4, seed=0)
    assert (p.argmax(1) == drawn.targets).mean() < 0.2
    p = cross_validated_probabilities(train, folds=4, seed=0, num_classes=11)
    assert p.shape == (300, 11)
    assert (p.argmax(1) == train.targets).mean() > 0.85
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(p, cross_validated_probabilities(train, folds=4, seed=0, num_classes=11))


def test_folds_are_even_by_class_and_keep_groups_together() -> None:
    targets = np.array([0] * 30 + [1] * 9 + [2])
    place = folds_of(targets, None, 3, seed=0)
    assert np.bincount(place).tolist() == [14, 13, 13]
    assert np.bincount(place[targets == 0]).tolist() == [10, 10, 10]
    assert np.bincount(place[targets == 1]).tolist() == [3, 3, 3]
    groups = np.arange(40) // 4
    of_groups = folds_of(targets, groups, 3, seed=0)
    assert all(len(np.unique(of_groups[groups == group])) == 1 for group in range(10))
    assert set(of_groups) == {0, 1, 2}


def test_refuses_folds_that_cannot_be() -> None:
    train, _, _ = digits(50)
    with pytest.raises(ValueError, match=r"folds \(=1\)"):
        cross_validated_probabilities(train, folds=1)
    with pytest.raises(ValueError, match="one class"):
        cross_validated_probabilities(Part(train.rows, np.zeros(len(train), np.int64)), folds=2)


# ----------------------------------------------------------------------------------------------------------------------


def test_images_are_averaged_until_they_are_small_enough() -> None:
    images = np.arange(2 * 3 * 5 * 4, dtype=np.float32).reshape(2, 3, 5, 4)
    small = shrunk(images, 2)
    assert small.shape == (2, 3, 3, 2)
    assert small[0, 0, 0, 0] == images[0, 0, :2, :2].mean()
    assert small[0, 0, 2, 1] == images[0, 0, 4, 2:].mean()  # the last row stands for the one that is missing
    assert block_side((3, 224, 224), 1024) == 13
    assert block_side((1, 28, 28), 256) == 2
    assert block_side((2000, 3, 3), 256) == 3  # no smaller than a pixel
    assert rows(Part(np.full((3, 1, 28, 28), 255, np.uint8), EMPTY), np.arange(2), 256).tolist() == [[1.0] * 196] * 2


def test_rows_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    train, _, _ = digits(100)
    whole = rows(train, np.arange(60), 64)
    monkeypatch.setattr("glassworks.evaluate.labelled.features.AT_ONCE", 7 * 64)
    train.most = 0
    np.testing.assert_array_equal(rows(train, np.arange(60), 64), whole)
    assert train.most == 7


def test_a_constant_column_is_not_divided_by_nothing() -> None:
    table = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    np.testing.assert_allclose(scaler(table, together=False)(table), [[-1, 0], [1, 0]])
    np.testing.assert_allclose(scaler(table, together=True)(table), [[-np.sqrt(2), 0], [np.sqrt(2), 0]])
