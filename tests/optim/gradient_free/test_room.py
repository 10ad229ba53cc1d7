from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free import room
from glassworks.optim.gradient_free.evolution.openai_es import OpenAIES
from glassworks.optim.gradient_free.evolution.pgpe import PGPE
from glassworks.optim.gradient_free.evolution.snes import SNES
from glassworks.optim.gradient_free.evolution.xnes import XNES

IN_PARTS: list[Any] = [OpenAIES, PGPE, SNES]
D = 6


def weights() -> nn.Parameter:
    return nn.Parameter(torch.linspace(-1, 2, D))


def sphere(rows: Tensor) -> Tensor:
    return FUNCTIONS["sphere"](rows)


def stepped(cls: Any, steps: int = 5) -> tuple[nn.Parameter, Any]:
    p = weights()
    search = cls([p], population=16, sigma=0.3)
    for _ in range(steps):
        search.step(lambda: sphere(p[None])[0])
    return p, search


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for three candidates at a time."""
    monkeypatch.setattr(room, "SMALL", 0)
    monkeypatch.setattr(room, "free_memory", lambda: 3 * 4 * (4 * D))


@pytest.mark.parametrize("cls", IN_PARTS)
def test_a_population_larger_than_memory_learns_the_same_bits_in_parts(
    cls: Any, narrow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, search = stepped(cls)
    assert search.asked is None
    monkeypatch.undo()
    q, search = stepped(cls)
    assert torch.equal(p, q)


@pytest.mark.parametrize("cls", IN_PARTS)
def test_of_a_population_larger_than_memory_rows_can_be_asked_and_told(
    cls: Any, narrow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = weights()
    search = cls([p], population=16, sigma=0.3)
    with pytest.raises(ValueError, match=r"population \(=16\) of 6 weights takes .* GB .* ask for some rows"):
        search.ask()
    for i in range(0, 16, 4):
        search.tell(sphere(search.ask(slice(i, i + 4))), rows=range(i, i + 4))
    assert search.memory["generation"] == 1
    monkeypatch.undo()
    assert torch.equal(p, stepped(cls, 1)[0])


def test_a_population_that_must_be_there_as_a_whole_is_refused_with_its_size(
    narrow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: 4 * D * D)
    with pytest.raises(ValueError, match=r"6 x 6 numbers, with room to work 0.0 GB"):
        XNES([weights()], population=8)
