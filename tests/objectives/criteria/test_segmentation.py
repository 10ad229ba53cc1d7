"""Losses by overlap: what the survey has wrong, and what does not count."""

import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score, jaccard_score
from tests.objectives.criteria.segmentation_cases import CASES, guessed, maps, sure
from torch import Generator, Tensor

from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.criteria.segmentation import dice, jaccard, lovasz_hinge, lovasz_softmax, tversky

CLASSED = [name for name in CASES if name != "lovasz_hinge"]


def test_of_sure_maps_they_are_the_metrics_of_sets() -> None:
    logits, targets = guessed(Generator().manual_seed(0))
    said = logits.argmax(1)
    for score, losses in ((f1_score, [dice]), (jaccard_score, [jaccard, lovasz_softmax])):
        expected = [
            [1 - score(targets[n].flatten() == k, said[n].flatten() == k) for k in range(3)] for n in range(len(said))
        ]
        for loss in losses:
            found = loss(logits, targets, reduction="none")
            torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def painted(hits: int, false: int, missed: int) -> tuple[Tensor, Tensor]:
    """One image, of whose second class so many pixels are found, too many and missed."""
    said = torch.tensor([1] * (hits + false) + [0] * (missed + 40))
    true = torch.tensor([1] * hits + [0] * false + [1] * missed + [0] * 40)
    return 80 * F.one_hot(said, 2).T.double()[None], true[None]


def test_survey_tversky_alpha_leans_on_what_is_too_much_not_on_what_is_missed() -> None:
    """The survey has α = 0.7 at the false positives, and says that it stresses missed ones."""
    of_second = torch.tensor([0.0, 1.0])
    too_much = tversky(*painted(5, 2, 0), alpha=0.7, beta=0.3, weight=of_second).item()
    missed = tversky(*painted(5, 0, 2), alpha=0.7, beta=0.3, weight=of_second).item()
    assert (round(too_much, 3), round(missed, 3)) == (0.219, 0.107)


def test_survey_iou_by_pixels_is_nothing_over_nothing() -> None:
    """As printed it is a mean over pixels; where neither map is on, that is 0 / 0. Ours is of whole images."""
    logits, targets = painted(3, 1, 1)
    said = (logits.argmax(1) == 1).double()
    by_pixel = (said * targets) / (said + targets - said * targets)
    assert by_pixel.mean().isnan()
    assert jaccard(logits, targets, reduction="none")[0, 1].item() == pytest.approx(1 - 3 / 5)


@pytest.mark.parametrize("name", CLASSED)
def test_pixels_that_are_ignored_and_classes_that_are_not_there_do_not_count(name: str) -> None:
    loss = LOSSES[name].function
    logits, targets = maps(Generator().manual_seed(0))
    more = torch.cat([logits.flatten(2), torch.randn(2, 3, 5, dtype=torch.float64)], 2)
    hidden = torch.cat([targets.flatten(1), torch.full((2, 5), -100)], 1)
    torch.testing.assert_close(loss(more, hidden), loss(logits, targets))
    alone = loss(logits, torch.zeros_like(targets), reduction="none")
    assert alone[:, 0].all()
    assert not alone[:, 1:].any()
    torch.testing.assert_close(loss(logits, torch.zeros_like(targets)), alone[:, 0].mean())


@pytest.mark.parametrize("name", CLASSED)
def test_where_all_is_ignored_there_is_no_mean_and_no_gradient(name: str) -> None:
    logits, targets = maps(Generator().manual_seed(0))
    logits.requires_grad_()
    found = LOSSES[name].function(logits, torch.full_like(targets, -100))
    assert found.isnan()
    assert not torch.autograd.grad(found, logits)[0].any()
    assert LOSSES[name].function(logits[:0], targets[:0], reduction="sum").item() == 0


@pytest.mark.parametrize("name", CLASSED)
def test_weights_are_of_classes(name: str) -> None:
    logits, targets = maps(Generator().manual_seed(0))
    each = LOSSES[name].function(logits, targets, reduction="none")
    weights = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(LOSSES[name].function(logits, targets, weight=weights), (each * weights).sum() / 8)


def test_the_lovasz_hinge_is_one_less_iou_where_margins_are_one() -> None:
    """Scores of 1 and -1: those that are wrong have a hinge of 2."""
    true = torch.tensor([[1, 1, 1, 0, 0]])
    said = torch.tensor([[1.0, -1, 1, 1, -1]])
    assert lovasz_hinge(said, true).item() == pytest.approx(2 * (1 - 2 / 4))
    assert lovasz_hinge(torch.full((1, 3), -5.0), torch.zeros(1, 3)).item() == 0


def test_images_without_a_second_axis_are_single_pixels() -> None:
    logits, targets = sure(Generator().manual_seed(0))
    single = dice(logits[:, :, 0, 0], targets[:, 0, 0])
    assert math.isclose(single.item(), 0, abs_tol=1e-9)
