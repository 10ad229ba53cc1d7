import numpy as np
import pytest
from tests.evaluate.card.planted import PIXELS, TARGETS

from glassworks.evaluate.card.confident import (
    confident_joint,
    joint_distribution,
    self_confidence,
    suspects,
    thresholds,
)
from glassworks.evaluate.card.suspects import probabilities, self_test

LABELS = np.array([0, 0, 0, 1, 1, 1])
SAID = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])


def test_thresholds_and_joint_by_hand() -> None:
    assert np.allclose(thresholds(LABELS, SAID), [0.6, 0.7])
    # labelled 0: two are confidently 0 and one 1; labelled 1: 0.8 and 0.7 are confident, 0.6 is not
    assert (confident_joint(LABELS, SAID) == [[2, 1], [0, 2]]).all()
    assert np.allclose(joint_distribution(LABELS, SAID), [[1 / 3, 1 / 6], [0, 1 / 2]])


@pytest.mark.parametrize("rule", ["class", "noise_rate", "joint"])
def test_the_one_wrong_label_is_found_by_every_rule(rule: str) -> None:
    assert np.flatnonzero(suspects(LABELS, SAID, rule)).tolist() == [2]  # type: ignore[arg-type]
    assert self_confidence(LABELS, SAID).argmin() == 2


def test_the_joint_sums_to_the_shares_of_labels() -> None:
    rng = np.random.default_rng(0)
    labels, said = rng.integers(0, 5, 300), rng.dirichlet(np.ones(6), 300)
    joint = joint_distribution(labels, said)
    assert np.allclose(joint.sum(1), np.bincount(labels, minlength=6) / 300)  # the last class has no example


@pytest.mark.parametrize("rule", ["class", "noise_rate", "joint"])
def test_certain_and_right_probabilities_leave_no_suspect(rule: str) -> None:
    labels = np.arange(30) % 3
    assert not suspects(labels, np.eye(3)[labels], rule).any()  # type: ignore[arg-type]


def test_flipped_digits_are_found_and_few_others() -> None:
    rng = np.random.default_rng(0)
    flipped = rng.permutation(len(TARGETS))[:90]
    labels = TARGETS.copy()
    labels[flipped] = (labels[flipped] + rng.integers(1, 10, 90)) % 10
    values = PIXELS.reshape(len(PIXELS), -1).astype(np.float32) / 255
    found = suspects(labels, probabilities(values.__getitem__, labels, 10, 0, pixels=True))
    right = found[flipped].sum()
    assert right / 90 > 0.85
    assert right / found.sum() > 0.85  # by chance 0.05


def test_labels_flipped_on_purpose_are_found_in_what_can_be_told_and_not_in_noise() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    told = (np.eye(3)[labels] + rng.normal(0, 0.1, (300, 3))).astype(np.float32)
    noise = rng.normal(size=(300, 3)).astype(np.float32)
    assert self_test(told.__getitem__, labels, 3, 0, pixels=False)["recall"] >= 0.75
    assert self_test(noise.__getitem__, labels, 3, 0, pixels=False)["precision"] < 0.3
