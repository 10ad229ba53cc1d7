import math

import torch

from glassworks.objectives.policy.ppo import clipped_policy_loss, clipped_value_loss, token_rewards


def logs(*ratios: float) -> torch.Tensor:
    return torch.tensor([math.log(ratio) for ratio in ratios], dtype=torch.float64)


def test_ratios_are_clipped_on_the_side_that_the_advantage_asks_for() -> None:
    ratio, zero = logs(1.5, 0.5, 1.5, 0.5, 1.1), torch.zeros(5, dtype=torch.float64)
    advantages = torch.tensor([1.0, 1.0, -1.0, -1.0, 2.0], dtype=torch.float64)
    losses, beyond = clipped_policy_loss(ratio, zero, advantages)
    torch.testing.assert_close(losses, torch.tensor([-1.2, -0.5, 1.5, 0.8, -2.2], dtype=torch.float64))
    assert beyond.tolist() == [True, False, False, True, False]


def test_what_is_beyond_has_no_gradient_and_the_rest_that_of_reinforce() -> None:
    logprobs = logs(1.0, 1.5, 0.5).requires_grad_()
    losses, _ = clipped_policy_loss(logprobs, torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    losses.sum().backward()
    torch.testing.assert_close(logprobs.grad, torch.tensor([-1.0, 0.0, -0.5], dtype=torch.float64))


def test_the_range_may_be_wider_above() -> None:
    losses, beyond = clipped_policy_loss(logs(1.25, 1.5), torch.zeros(2).double(), torch.ones(2).double(), high=0.28)
    torch.testing.assert_close(losses, torch.tensor([-1.25, -1.28], dtype=torch.float64))
    assert beyond.tolist() == [False, True]


def test_finite_differences_agree() -> None:
    draw = torch.Generator().manual_seed(0)
    x, old, a = (torch.randn(12, generator=draw, dtype=torch.float64) for _ in range(3))
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: clipped_policy_loss(x, old, a)[0], (x,))
    assert torch.autograd.gradcheck(lambda x: clipped_value_loss(x, old, a)[0], (x,))


def test_a_value_is_held_near_the_old_one() -> None:
    values, old, returns = torch.tensor([1.0, 0.1, 1.0]), torch.zeros(3), torch.tensor([1.0, 1.0, -1.0])
    losses, held = clipped_value_loss(values, old, returns)
    torch.testing.assert_close(losses, torch.tensor([0.32, 0.405, 2.0]))
    assert held.tolist() == [True, False, False]
    torch.testing.assert_close(clipped_value_loss(values, old, returns, clip=None)[0], (values - returns) ** 2 / 2)


def test_a_score_comes_with_the_last_token_and_every_token_pays_for_its_distance() -> None:
    counts = torch.tensor([[True, True, False], [True, True, True], [False, False, False]])
    logprobs, reference = torch.full((3, 3), -1.0), torch.tensor([[-1.0, -3.0, -9.0]] * 3)
    rewards, is_last = token_rewards(torch.tensor([5.0, 6.0, math.nan]), logprobs, reference, counts, 0.1)
    torch.testing.assert_close(rewards, torch.tensor([[0.0, 4.8, 0.0], [0.0, -0.2, 5.2], [0.0, 0.0, 0.0]]))
    assert is_last.tolist() == [[False, True, False], [False, False, True], [False, False, False]]
