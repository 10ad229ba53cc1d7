import math

import torch
from torch import Tensor, nn

from glassworks.objectives.losses import next_token_loss, token_losses

INPUTS = torch.tensor([[0, 1, 2], [2, 1, 0]])
TARGETS = torch.tensor([[1, 2, 0], [1, 0, 2]])


def bigram() -> nn.Module:
    return nn.Embedding.from_pretrained(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)), freeze=False)


def by_hand(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    logits = model(inputs).detach()
    losses = torch.zeros(inputs.shape)
    for row in range(inputs.size(0)):
        for t in range(inputs.size(1)):
            total = sum(math.exp(x) for x in logits[row, t].tolist())
            losses[row, t] = math.log(total) - float(logits[row, t, targets[row, t]])
    return losses


def test_token_losses_match_the_definition() -> None:
    model = bigram()
    torch.testing.assert_close(token_losses(model, (INPUTS, TARGETS)), by_hand(model, INPUTS, TARGETS))


def test_the_mean_is_over_tokens() -> None:
    model = bigram()
    torch.testing.assert_close(next_token_loss(model, (INPUTS, TARGETS)), token_losses(model, (INPUTS, TARGETS)).mean())


def test_targets_below_0_do_not_count() -> None:
    model = bigram()
    targets = TARGETS.clone()
    targets[0, 1], targets[1, 0] = -1, -100
    expected = by_hand(model, INPUTS, TARGETS)
    expected[targets < 0] = 0
    torch.testing.assert_close(token_losses(model, (INPUTS, targets)), expected)
    torch.testing.assert_close(next_token_loss(model, (INPUTS, targets)), expected.sum() / 4)


def test_a_model_that_knows_nothing_loses_ln_of_the_vocabulary() -> None:
    model = nn.Embedding.from_pretrained(torch.zeros(3, 3))
    assert math.isclose(float(next_token_loss(model, (INPUTS, TARGETS))), math.log(3), rel_tol=1e-6)


def test_it_is_computed_in_float32_whatever_the_model_ran_in() -> None:
    model = bigram().to(torch.bfloat16)
    assert next_token_loss(model, (INPUTS, TARGETS)).dtype is torch.float32
