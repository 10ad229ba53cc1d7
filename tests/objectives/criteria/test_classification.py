"""What losses of classes estimate, and shapes that they take."""

import math

import pytest
import torch
from tests.objectives.criteria.classification_cases import PIXELS, pixels
from torch import Generator, Tensor

from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.criteria.classification import (
    cross_entropy,
    generalized_cross_entropy,
    weighted_cross_entropy,
)


@pytest.mark.parametrize("name", PIXELS)
def test_maps_of_classes_are_as_many_examples(name: str) -> None:
    logits, targets = pixels(Generator().manual_seed(0))
    function = LOSSES[name].function
    if name == "nll":
        logits = logits.log_softmax(1)
    flat = logits.permute(0, 2, 3, 1).flatten(0, 2)
    torch.testing.assert_close(function(logits, targets), function(flat, targets.flatten()))
    assert function(logits, targets, reduction="none").shape == targets.shape


def best_probability(name: str, share: float) -> float:
    """The probability of yes at which the loss of a share that is yes is the least."""
    p = torch.linspace(0.0005, 0.9995, 1000, dtype=torch.float64)
    logit = (p / (1 - p)).log()
    yes, no = torch.ones_like(p), torch.zeros_like(p)
    record = LOSSES[name]
    if record.takes.startswith("logits (*)"):
        losses = [record.function(logit, answer, reduction="none") for answer in (yes, no)]
    else:
        logits = torch.stack([torch.zeros_like(logit), logit], 1)
        losses = [record.function(logits, answer.long(), reduction="none") for answer in (yes, no)]
    return p[(share * losses[0] + (1 - share) * losses[1]).argmin()].item()


@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_those_that_are_calibrated_end_at_the_true_probability_and_others_do_not(share: float) -> None:
    for name in ("cross_entropy", "brier", "bce"):
        assert LOSSES[name].calibrated.startswith("yes")
        assert best_probability(name, share) == pytest.approx(share, abs=1e-3)
    surer = 1 if share > 0.5 else -1
    for name in ("focal", "binary_focal"):
        assert abs(best_probability(name, share) - 0.5) < abs(share - 0.5) - 0.02
    assert surer * (best_probability("generalized_cross_entropy", share) - share) > 0.02
    smoothed = best_probability("smoothed_cross_entropy", share)
    assert smoothed == pytest.approx(0.9 * share + 0.05, abs=1e-3)


def test_weights_move_the_odds_by_their_ratio() -> None:
    p = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    logit = (p / (1 - p)).log()
    each = [
        LOSSES["weighted_bce"].function(logit, torch.full_like(p, y), positive=4.0, reduction="none") for y in (1, 0)
    ]
    best = p[(0.2 * each[0] + 0.8 * each[1]).argmin()].item()
    assert best / (1 - best) == pytest.approx(4 * 0.25, abs=0.01)


def test_extreme_logits_are_finite_and_have_gradients() -> None:
    for name in ("cross_entropy", "focal", "poly1", "generalized_cross_entropy", "brier"):
        logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
        LOSSES[name].function(logits, torch.tensor([0, 0])).backward()
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


def test_one_class_is_certain() -> None:
    logits, targets = torch.randn(3, 1), torch.zeros(3, dtype=torch.long)
    for name in PIXELS:
        given = logits.log_softmax(1) if name == "nll" else logits
        assert LOSSES[name].function(given, targets).item() == pytest.approx(0, abs=1e-6)


def test_targets_may_be_probabilities() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)]], dtype=torch.float64)
    soft = torch.tensor([[0.25, 0.75]], dtype=torch.float64)
    entropy: Tensor = -(soft * soft.log()).sum()
    assert cross_entropy(logits, soft).item() == pytest.approx(entropy.item())


def test_a_class_that_is_never_there_has_no_weight() -> None:
    logits, targets = torch.randn(4, 3, generator=Generator().manual_seed(0)), torch.tensor([0, 1, 1, 1])
    found = weighted_cross_entropy(logits, targets, torch.tensor([1, 3, 0]))
    each = cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(found, (each[0] + each[1:].mean()) / 2)


def test_a_q_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"q \(=0.0\) must be above 0"):
        generalized_cross_entropy(torch.zeros(1, 2), torch.tensor([0]), q=0.0)
