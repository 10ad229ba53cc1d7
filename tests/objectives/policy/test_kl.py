import pytest
import torch

from glassworks.objectives.policy.kl import ESTIMATES, exact_kl, k1, k3

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(6, generator=GENERATOR, dtype=torch.float64)
REFERENCE = torch.randn(6, generator=GENERATOR, dtype=torch.float64)


def gradient(of: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    (found,) = torch.autograd.grad(of, logits)
    return found


@pytest.mark.parametrize("name", ["k1", "k3"])
def test_its_mean_over_what_the_policy_draws_is_the_divergence(name: str) -> None:
    logs, others = LOGITS.log_softmax(-1), REFERENCE.log_softmax(-1)
    mean = (logs.exp() * ESTIMATES[name](logs, others)).sum()
    torch.testing.assert_close(mean.float(), exact_kl(LOGITS, REFERENCE))


def test_k2_is_near_where_the_policies_are() -> None:
    logs, others = LOGITS.log_softmax(-1), (LOGITS + 0.01 * REFERENCE).log_softmax(-1)
    mean = (logs.exp() * ESTIMATES["k2"](logs, others)).sum()
    torch.testing.assert_close(mean.float(), exact_kl(LOGITS, LOGITS + 0.01 * REFERENCE), rtol=0.05, atol=0)


def test_k3_is_never_below_0_and_k1_is() -> None:
    logs, others = LOGITS.log_softmax(-1), REFERENCE.log_softmax(-1)
    assert bool((k3(logs, others) >= 0).all())
    assert bool((k1(logs, others) < 0).any())


def test_as_losses_k2_pulls_by_the_divergences_gradient_and_k3_by_that_of_the_other_one() -> None:
    logits = LOGITS.clone().requires_grad_()
    logs, others = logits.log_softmax(-1), REFERENCE.log_softmax(-1)
    drawn = logs.exp().detach()
    reverse = (logs.exp() * (logs - others)).sum()
    forward = (others.exp() * (others - logs)).sum()
    for name, true in (("k2", reverse), ("k3", forward)):
        found = gradient((drawn * ESTIMATES[name](logits.log_softmax(-1), others)).sum(), logits)
        (expected,) = torch.autograd.grad(true, logits, retain_graph=True)
        torch.testing.assert_close(found, expected)


def test_a_token_that_is_never_drawn_adds_nothing() -> None:
    assert float(exact_kl(torch.tensor([0.0, -torch.inf]), torch.tensor([0.0, -torch.inf]))) == 0
