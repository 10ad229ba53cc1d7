"""Every loss of the catalogue through one battery: what must hold of any, whatever it measures."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch
from tests.objectives.criteria.case import Arguments, Case
from tests.objectives.criteria.classification_cases import CASES as CLASSIFICATION
from tests.objectives.criteria.depth_cases import CASES as DEPTH
from tests.objectives.criteria.detection_cases import CASES as DETECTION
from tests.objectives.criteria.embedding_cases import CASES as EMBEDDING
from tests.objectives.criteria.generation_cases import CASES as GENERATION
from tests.objectives.criteria.regression_cases import CASES as REGRESSION
from tests.objectives.criteria.segmentation_cases import CASES as SEGMENTATION
from tests.objectives.criteria.sequences_cases import CASES as SEQUENCES
from torch import Generator, Tensor

from glassworks.objectives.catalogue.table import LOSSES

CASES: dict[str, Case] = {
    **REGRESSION,
    **CLASSIFICATION,
    **DETECTION,
    **SEGMENTATION,
    **EMBEDDING,
    **DEPTH,
    **GENERATION,
    **SEQUENCES,
}


def among(**said: Any) -> list[str]:
    return [name for name, case in CASES.items() if all(getattr(case, key) == value for key, value in said.items())]


def value(name: str, arguments: Arguments, **settings: Any) -> Tensor:
    found: Tensor = LOSSES[name].function(*arguments, **{**CASES[name].settings, **settings})
    return found


def drawn(name: str, seed: int = 0) -> Arguments:
    return CASES[name].draw(Generator().manual_seed(seed))


def mapped(arguments: Arguments, change: Any) -> Arguments:
    """The arguments with the tensors among them changed."""
    return tuple(change(each) if isinstance(each, Tensor) else each for each in arguments)


def learning(name: str, arguments: Arguments) -> Arguments:
    learned = CASES[name].learned
    return *(each.detach().clone().requires_grad_() for each in arguments[:learned]), *arguments[learned:]


def test_every_loss_of_the_catalogue_is_tried_and_no_other() -> None:
    assert CASES.keys() == LOSSES.keys()


@pytest.mark.parametrize("name", CASES)
def test_known_values(name: str) -> None:
    for arguments, settings, expected in CASES[name].known:
        assert value(name, arguments, **settings).mean().item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].perfect])
def test_a_perfect_fit_is_best_and_its_gradient_is_nothing(name: str) -> None:
    best = LOSSES[name].best
    for seed in range(3):
        arguments = learning(name, CASES[name].perfect(Generator().manual_seed(seed)))  # type: ignore[misc]
        found = value(name, arguments)
        assert found.mean().item() == pytest.approx(best, abs=1e-5)
        assert all(
            torch.isfinite(grad).all() for grad in torch.autograd.grad(found.sum(), arguments[: CASES[name].learned])
        )
        for other in range(20):
            assert value(name, drawn(name, other)).mean() >= best - 1e-9


@pytest.mark.parametrize("name", CASES)
def test_values_stay_where_the_record_says(name: str) -> None:
    record = LOSSES[name]
    assert record.least <= record.most
    for seed in range(30):
        found = value(name, drawn(name, seed))
        assert torch.isfinite(found).all()
        assert (found >= record.least - 1e-9).all()
        assert (found <= record.most + 1e-9).all()


@pytest.mark.parametrize("name", among(stops=False))
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    learned = CASES[name].learned
    for seed in range(3):
        arguments = learning(name, drawn(name, seed))
        assert torch.autograd.gradcheck(
            lambda *given, rest=arguments[learned:]: value(name, (*given, *rest)), arguments[:learned], atol=1e-6
        )


@pytest.mark.parametrize("name", CASES)
def test_it_is_continuous(name: str) -> None:
    """On the way from one guess to another, half the step is half of the largest change."""
    learned = CASES[name].learned
    one, two = drawn(name, 0), drawn(name, 1)

    def largest(steps: int) -> float:
        along = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        ways = [tuple((1 - t) * a + t * b for a, b in zip(one[:learned], two[:learned], strict=True)) for t in along]
        losses = torch.stack([value(name, (*way, *one[learned:])).mean() for way in ways])
        return losses.diff().abs().max().item()

    assert largest(800) <= max(0.7 * largest(400), 1e-9)


@pytest.mark.parametrize(("name", "which"), [(name, i) for name, case in CASES.items() for i in range(len(case.peers))])
def test_other_libraries_agree(name: str, which: int) -> None:
    settings, other = CASES[name].peers[which]
    for seed in range(3):
        arguments = drawn(name, seed)
        expected = float(other(*arguments))
        assert value(name, arguments, **settings).mean().item() == pytest.approx(
            expected, rel=1e-6, abs=1e-3 if "crps" in name else 1e-7
        )


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, case in CASES.items() for what in case.same])
def test_it_does_not_depend_on(name: str, what: str) -> None:
    for seed in range(3):
        arguments = drawn(name, seed)
        changed = value(name, CASES[name].same[what](*arguments))
        torch.testing.assert_close(changed, value(name, arguments), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_half_precision_is_computed_in_float32(name: str) -> None:
    arguments = drawn(name)
    for half in (torch.bfloat16, torch.float16):
        narrow = mapped(arguments, lambda each, half=half: each.to(half) if each.is_floating_point() else each)
        found = value(name, narrow)
        expected = value(name, mapped(narrow, lambda each: each.double() if each.is_floating_point() else each))
        if not CASES[name].widens:
            assert torch.isfinite(found).all()
            continue
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def reducing() -> list[str]:
    return [name for name in CASES if "reduction" in inspect.signature(LOSSES[name].function).parameters]


@pytest.mark.parametrize("name", reducing())
def test_sum_and_mean_are_those_of_the_losses(name: str) -> None:
    arguments = drawn(name)
    each = value(name, arguments, reduction="none")
    torch.testing.assert_close(value(name, arguments, reduction="sum"), each.sum())
    if CASES[name].evenly:
        torch.testing.assert_close(value(name, arguments), each.mean())
    with pytest.raises(ValueError, match=r"reduction \(='average'\)|average is not a valid value"):
        value(name, arguments, reduction="average")


@pytest.mark.parametrize("name", among(weighs="elements"))
def test_what_weighs_nothing_might_as_well_not_be_there(name: str) -> None:
    arguments = drawn(name)
    each = value(name, arguments, reduction="none")
    weights = torch.rand(each.shape, generator=Generator().manual_seed(3), dtype=torch.float64)
    weights[::2] = 0
    torch.testing.assert_close(value(name, arguments, weight=weights), (weights * each).sum() / weights.sum())
    left = mapped(arguments, lambda tensor: tensor[1::2])
    torch.testing.assert_close(value(name, left, weight=weights[1::2]), value(name, arguments, weight=weights))
    torch.testing.assert_close(value(name, arguments, weight=torch.full_like(weights, 7)), each.mean())
    wrong = learning(name, arguments)
    nothing = value(name, wrong, weight=torch.zeros_like(weights), reduction="sum")
    assert nothing.item() == 0
    assert not torch.autograd.grad(nothing, wrong[0])[0].any()


@pytest.mark.parametrize("name", among(weighs="classes"))
def test_a_class_that_weighs_nothing_might_as_well_not_be_there(name: str) -> None:
    logits, targets, *rest = drawn(name)
    each = value(name, (logits, targets, *rest), reduction="none")
    weights = torch.rand(logits.shape[1], generator=Generator().manual_seed(3), dtype=torch.float64)
    of = weights[targets]
    each = value(name, (logits, targets, *rest), reduction="none")
    torch.testing.assert_close(value(name, (logits, targets, *rest), weight=weights), (of * each).sum() / of.sum())
    weights[targets[0]] = 0
    left = targets != targets[0]
    torch.testing.assert_close(
        value(name, (logits[left], targets[left], *rest), weight=weights),
        value(name, (logits, targets, *rest), weight=weights),
    )


@pytest.mark.parametrize("name", among(ignores=True))
def test_what_is_ignored_might_as_well_not_be_there(name: str) -> None:
    logits, targets, *rest = drawn(name)
    for ignored in (-100, -1, 0):
        left = targets != ignored
        hidden = targets.clone()
        hidden[1], left[1] = ignored, False
        found = value(name, (logits, hidden, *rest), ignore_index=ignored)
        torch.testing.assert_close(found, value(name, (logits[left], targets[left], *rest)))
        each = value(name, (logits, hidden, *rest), ignore_index=ignored, reduction="none")
        assert each[1] == 0


@pytest.mark.parametrize("name", among(ignores=True))
def test_where_all_is_ignored_the_mean_is_no_number_and_the_gradient_nothing(name: str) -> None:
    logits, targets, *rest = learning(name, drawn(name))
    found = value(name, (logits, torch.full_like(targets, -100), *rest))
    assert found.isnan()
    assert not torch.autograd.grad(found, logits)[0].any()
    assert value(name, (logits, torch.full_like(targets, -100), *rest), reduction="sum") == 0


@pytest.mark.parametrize("name", [name for name in reducing() if CASES[name].empty and CASES[name].made_of == "N"])
def test_an_empty_batch_has_no_mean_and_no_sum(name: str) -> None:
    arguments = learning(name, mapped(drawn(name), lambda tensor: tensor[:0]))
    assert math.isnan(value(name, arguments).item())
    total = value(name, arguments, reduction="sum")
    assert total.item() == 0
    assert torch.autograd.grad(total, arguments[0])[0].shape == arguments[0].shape


@pytest.mark.parametrize("name", CASES)
def test_the_record_is_whole(name: str) -> None:
    record = LOSSES[name]
    assert record.function.__doc__
    for text in (record.line, record.formula, record.takes, record.source, record.when, record.avoid):
        assert text
        assert not text.endswith(".")
    assert np.isnan(record.best) or record.least <= record.best <= record.most
