"""A small Othello network and games, for the tests of what is asked of a trained one."""

from collections.abc import Callable

import pytest
import torch

from glassworks.data.games.othello import vocab_size
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.othello.games import Played, fresh


@pytest.fixture(scope="module")
def othello_gpt() -> Callable[..., GPT]:
    """The function that makes such a network."""

    def make(architecture: str = "gpt2", *, layers: int = 2) -> GPT:
        config = GPTConfig(architecture, vocab_size(6), 36, layers, 2, 16, tied=False)  # type: ignore[arg-type]
        model = GPT(config, seed=3).eval()
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():  # fresh weights are too small to tell one board from another
            for p in model.parameters():
                p.add_(0.3 * torch.randn(p.shape, generator=generator))
        return model

    return make


@pytest.fixture(scope="module")
def model(othello_gpt: Callable[..., GPT]) -> GPT:
    """One of two layers."""
    return othello_gpt()


@pytest.fixture(scope="module")
def played(model: GPT) -> Played:
    """Sixty games."""
    return fresh(model, 6, games=60, seed=1)
