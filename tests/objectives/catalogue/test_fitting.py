"""Which losses a network can be trained by, and why others are refused."""

import pytest
import torch
from torch import nn

from glassworks.objectives.catalogue.fitting import fitting, fitting_loss
from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.labelled import class_loss, number_loss

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([0, 1, 2, 3, 1, 1])
OTHERS = torch.tensor([3, 1, 0, 0, 2, 3])


@pytest.mark.parametrize("name", fitting("classes"))
def test_a_loss_of_classes_that_fits_is_trained_by_as_the_catalogue_has_it(name: str) -> None:
    function, model = LOSSES[name].function, nn.Identity()
    weights = torch.tensor([1.0, 0.5, 2.0, 0.0])
    batch = (LOGITS, TARGETS, OTHERS, torch.full((6,), 0.5))
    torch.testing.assert_close(class_loss(name=name)(model, batch), function(LOGITS, TARGETS))
    found = class_loss(name=name, weights=weights.tolist())(model, batch)
    torch.testing.assert_close(found, function(LOGITS, TARGETS, weight=weights))
    half = class_loss(name=name, mixed=True)(model, batch)
    torch.testing.assert_close(half, (function(LOGITS, TARGETS) + function(LOGITS, OTHERS)) / 2)


@pytest.mark.parametrize("name", fitting("number"))
def test_so_is_one_of_numbers_in_units_of_their_deviation(name: str) -> None:
    said, targets = LOGITS[:, :1], LOGITS[:, 1]
    found = number_loss(name=name, std=3.0)(nn.Identity(), (said, targets))
    torch.testing.assert_close(found, LOSSES[name].function(said[:, 0] / 3, targets / 3))


def test_all_that_take_what_a_network_says_fit() -> None:
    assert fitting("classes") == [
        *("cross_entropy", "smoothed_cross_entropy", "focal", "poly1", "generalized_cross_entropy", "brier"),
        "multiclass_hinge",
    ]


@pytest.mark.parametrize(
    ("name", "task", "line"),
    [
        ("huber", "classes", r"it is for regression, and classes are to be said; take cross_entropy, "),
        ("focal", "number", r"it is for classification and detection and segmentation, and a number is to be said"),
        ("gaussian-nll", "number", r"it takes means .*, variances \(\*\), and a number is to be said"),
        ("nll", "classes", r"it takes ln p \(N, C, \*\), classes"),
        ("hubber", "number", r"there is no loss 'hubber': did you mean huber\?"),
    ],
)
def test_others_are_refused_with_the_reason(name: str, task: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        fitting_loss(name, task)
