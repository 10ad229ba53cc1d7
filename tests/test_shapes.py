"""What checks signatures in all the other tests refuses what they must not let pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch
from jaxtyping import Float, TypeCheckError, config
from tests.shapes import checked
from torch import Tensor

if TYPE_CHECKING:
    from glassworks.models.gpt.model import GPT


@checked
def product(x: Float[Tensor, "B I"], y: Float[Tensor, "I O"], turned: bool = False) -> Float[Tensor, "B O"]:
    return (x @ y).T if turned else x @ y


@checked
def rows(x: Float[Tensor, "B C"]) -> Iterator[Float[Tensor, " C"]]:
    for row in x:
        product(row[None], row[:, None])
        yield row


@checked
@dataclass(frozen=True)
class Line:
    weight: Float[Tensor, "O I"]
    bias: Float[Tensor, " O"]


@checked
def known_to_mypy(model: "GPT | None", steps: "int") -> "Float[Tensor, '2']":
    return torch.ones(steps)


def test_letters_mean_one_number_in_a_call_and_another_in_the_next() -> None:
    assert product(torch.ones(2, 3), torch.ones(3, 4)).shape == (2, 4)
    assert product(torch.ones(5, 1), torch.ones(1, 6)).shape == (5, 6)
    with pytest.raises(TypeCheckError, match="I is 4 which does not equal the existing value of 3"):
        product(torch.ones(2, 3), torch.ones(4, 4))
    with pytest.raises(TypeCheckError, match="return"):
        product(torch.ones(2, 3), torch.ones(3, 4), turned=True)
    with pytest.raises(TypeCheckError, match="turned"):
        product(torch.ones(2, 3), torch.ones(3, 4), turned=1)


def test_a_test_may_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "jaxtyping_disable", True)
    assert product(torch.ones(2, 3), torch.ones(3, 4), turned=True).shape == (4, 2)


def test_a_generator_is_checked_when_it_is_made_and_by_letters_of_its_own() -> None:
    assert len(list(rows(torch.ones(2, 3)))) == 2
    with pytest.raises(TypeCheckError):
        rows(torch.ones(3))


def test_fields_of_a_dataclass_are_checked() -> None:
    Line(torch.ones(2, 3), torch.ones(2))
    with pytest.raises(TypeCheckError, match="bias"):
        Line(torch.ones(2, 3), torch.ones(3))


def test_a_name_that_is_imported_for_mypy_alone_may_be_anything_and_the_rest_is_checked() -> None:
    assert known_to_mypy(None, 2).shape == (2,)
    for wrong in (3, "2"):
        with pytest.raises(TypeCheckError):
            known_to_mypy(None, wrong)
