"""Parts and ranks never change what a loss means, however many targets each of them has."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.processes import on_ranks
from torch import Tensor, nn

from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import Summed, mean_of, next_token_loss, parted
from glassworks.reproductions.othello.training import expected_loss
from glassworks.train.distributed import OnEveryRank
from glassworks.train.fit import Fit, fit


def padded() -> tuple[Tensor, Tensor]:
    """Four rows of 16 tokens, two of which are cut short."""
    x = torch.arange(64).view(4, 16) % 50
    y = (x + 1) % 50
    y[0, 2:] = y[1, 5:] = -1
    return x, y


def trained(loss_fn: Callable[..., Any], batch: Any, **options: Any) -> tuple[Tensor, Fit]:
    """How far one step moves the embedding, and how it ended."""
    model = GPT(GPTConfig("gpt2", 50, 16, 1, 2, 16))
    before = model.embed.weight.detach().clone()
    ended = fit(model, lambda step: batch, loss_fn, torch.optim.SGD(model.parameters(), 1.0), steps=1, **options)
    return before - model.embed.weight.detach(), ended


def summed(model: nn.Module, batch: Any) -> Summed:
    """One that a user wrote: squared logits at the targets there are."""
    there = batch[1] >= 0
    return Summed(model(batch[0])[there].square().sum(), there.sum())


def legal_moves() -> tuple[Tensor, Tensor, Tensor]:
    """Games of different lengths: after the end of one nothing is legal."""
    legal = torch.rand(4, 16, 50, generator=torch.Generator().manual_seed(0)) < 0.2
    legal[0, 2:] = legal[1, 5:] = False
    return (*padded(), legal)


@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize(
    ("loss_fn", "batch"), [(next_token_loss, padded()), (summed, padded()), (expected_loss, legal_moves())]
)
def test_parts_with_different_numbers_of_targets_mean_the_same_as_the_whole(
    loss_fn: Callable[..., Any], batch: Any, parts: int, clip: float | None
) -> None:
    whole, plain = trained(loss_fn, batch, clip=clip)
    cut, ended = trained(loss_fn, batch, clip=clip, accumulate=parts)
    assert float(whole.norm()) > 1e-3
    assert torch.allclose(cut, whole, atol=1e-6)
    assert ended.loss == pytest.approx(plain.loss, rel=1e-6)


def test_a_part_without_any_target_adds_nothing() -> None:
    x, y = padded()
    y[:2] = -1
    whole, plain = trained(next_token_loss, (x, y))
    cut, ended = trained(next_token_loss, (x, y), accumulate=2)
    assert torch.allclose(cut, whole, atol=1e-6)
    assert ended.loss == pytest.approx(plain.loss)


def test_a_mean_is_its_sum_over_its_count() -> None:
    model = GPT(GPTConfig("gpt2", 50, 16, 1, 2, 16))
    total, count, _ = parted(next_token_loss, model, padded())
    assert int(count) == 39
    assert next_token_loss(model, padded()).item() == pytest.approx((total / count).item())
    mine = mean_of(summed)
    assert parted(mine, model, padded()).total == parted(summed, model, padded()).total
    assert parted(lambda model, batch: torch.tensor(3.0), model, padded()) == Summed(torch.tensor(3.0), 1)
    x, y = padded()
    assert next_token_loss(model, (x, y.fill_(-1))).isnan()


def ranked(out: str) -> None:
    """One step on this rank's two rows; rank 0 writes down the loss and how far the embedding moved."""
    from glassworks.train.distributed import ranks

    with ranks(torch.device("cpu")) as place:
        mine = slice(2 * place.rank, 2 * place.rank + 2) if place.world > 1 else slice(None)
        batch, every = tuple(x[mine] for x in padded()), [(2, OnEveryRank(lambda step, model: {"rank": place.rank}))]
        moved, ended = trained(next_token_loss, batch, ranks=place, accumulate=2, every=every)
        seen = place.sum(torch.tensor(float(ended.rows[-1].get("rank", -1.0))))
        if place.first:
            Path(out).write_text(json.dumps([ended.loss, moved.flatten().tolist(), float(seen)]), encoding="utf-8")
    for file in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it has just ended
            assert "gloo" not in file.read_text()  # one at work while Python ends aborts the process


def test_ranks_with_different_numbers_of_targets_mean_the_same_as_one(tmp_path: Path) -> None:
    on_ranks(2, ranked, str(tmp_path / "out.json"))
    loss, moved, ranks = json.loads((tmp_path / "out.json").read_text())
    assert ranks == 0 + 1  # each was asked
    whole, plain = trained(next_token_loss, padded())
    assert loss == pytest.approx(plain.loss, rel=1e-6)
    assert torch.tensor(moved).allclose(whole.flatten(), atol=1e-6)


@pytest.mark.parametrize("clip", [1e9, 0.1])
def test_weights_that_the_optimizer_was_not_given_do_not_count(clip: float) -> None:
    norms = []
    for parts in (1, 2):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
        ended = fit(
            model,
            lambda step: torch.ones(4, 3),
            lambda net, x: net(x).square().mean(),
            torch.optim.SGD(model[1].parameters(), 0.0),
            steps=4,
            accumulate=parts,
            clip=clip,
            log_every=1,
        )
        norms += ended.history["grad_norm"]
    assert norms == pytest.approx([norms[0]] * 8)
