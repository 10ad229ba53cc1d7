"""Losses of labelled examples are torch's, and by hand where torch has none."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from glassworks.objectives.labelled import class_loss, number_loss

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([0, 1, 2, 3, 1, 1])
OTHERS = torch.tensor([3, 1, 0, 0, 2, 3])
WEIGHTS = (1.0, 0.5, 2.0, 0.0)
ONES = torch.ones(6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_it_is_torchs_cross_entropy(weights: tuple[float, ...] | None, smoothing: float) -> None:
    expected = F.cross_entropy(
        LOGITS, TARGETS, None if weights is None else torch.tensor(weights), label_smoothing=smoothing
    )
    for mixed in (False, True):
        loss = class_loss(smoothing=smoothing, weights=weights, mixed=mixed)
        torch.testing.assert_close(loss(nn.Identity(), (LOGITS, TARGETS, TARGETS, ONES)), expected)


def test_mixed_examples_have_both_targets_by_their_shares() -> None:
    share = torch.tensor([1.0, 0.9, 0.5, 0.6, 0.7, 0.0])
    expected = F.cross_entropy(
        LOGITS, share[:, None] * F.one_hot(TARGETS, 4) + (1 - share[:, None]) * F.one_hot(OTHERS, 4)
    )
    torch.testing.assert_close(class_loss(mixed=True)(nn.Identity(), (LOGITS, TARGETS, OTHERS, share)), expected)


def test_nothing_is_mixed_where_a_recipe_mixes_nothing() -> None:
    share = torch.full((6,), 0.5)
    found = class_loss()(nn.Identity(), (LOGITS, TARGETS, OTHERS, share))
    torch.testing.assert_close(found, F.cross_entropy(LOGITS, TARGETS))


def test_parts_of_a_batch_sum_to_the_whole() -> None:
    loss = class_loss(weights=WEIGHTS)
    whole = loss.summed(nn.Identity(), (LOGITS, TARGETS, TARGETS, ONES))  # type: ignore[attr-defined]
    parts = [
        loss.summed(nn.Identity(), (LOGITS[i : i + 2], TARGETS[i : i + 2], TARGETS, ONES))  # type: ignore[attr-defined]
        for i in (0, 2, 4)
    ]
    torch.testing.assert_close(sum(part.total for part in parts), whole.total)
    assert float(sum(part.number for part in parts)) == float(whole.number) == 1 + 3 * 0.5 + 2


def test_a_mean_said_of_every_number_has_the_loss_1() -> None:
    numbers = torch.tensor([3.0, 5.0, 10.0, -2.0])
    std = float(numbers.std(correction=0))
    batch = (numbers.mean().expand(4, 1), numbers, numbers, torch.ones(4))
    assert float(number_loss(std=std)(nn.Identity(), batch)) == pytest.approx(1.0)


def test_a_mixed_number_is_between_both() -> None:
    batch = (torch.tensor([[2.0]]), torch.tensor([1.0]), torch.tensor([5.0]), torch.tensor([0.75]))
    assert float(number_loss(mixed=True)(nn.Identity(), batch)) == 0.0
    assert math.isclose(float(number_loss()(nn.Identity(), batch)), 1.0)
