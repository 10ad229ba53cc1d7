import torch

from glassworks.objectives.policy.reinforce import policy_gradient_loss, reinforce_pp_advantages

COUNTS = torch.tensor([[True, True], [True, False], [True, True], [True, True]])
REWARDS = torch.tensor([[0.0, 1.0], [3.0, 9.0], [-1.0, 0.0], [0.0, 2.0]])


def test_the_gradient_is_of_the_log_probability_alone() -> None:
    logprobs, advantages = torch.randn(5, requires_grad=True), torch.randn(5, requires_grad=True)
    policy_gradient_loss(logprobs, advantages).sum().backward()
    torch.testing.assert_close(logprobs.grad, -advantages.detach())
    assert advantages.grad is None


def test_advantages_are_what_comes_whitened_over_all_tokens() -> None:
    returns = torch.tensor([1.0, 1.0, 3.0, -1.0, 0.0, 2.0, 2.0])
    found = reinforce_pp_advantages(REWARDS, COUNTS)
    torch.testing.assert_close(found[COUNTS], (returns - returns.mean()) / returns.std())
    assert found[1, 1] == 0


def test_a_group_is_the_baseline_of_its_rows() -> None:
    returns = torch.tensor([1.0 - 2, 1.0 - 2, 3.0 - 2, -1.0 - 0.5, 0.0 - 0.5, 2.0 - 0.5, 2.0 - 0.5])
    found = reinforce_pp_advantages(REWARDS, COUNTS, group=2)
    torch.testing.assert_close(found[COUNTS], (returns - returns.mean()) / returns.std())


def test_a_row_that_does_not_count_is_in_no_baseline() -> None:
    fewer = COUNTS.clone()
    fewer[1] = False
    found = reinforce_pp_advantages(REWARDS, fewer, group=2)
    assert found[1].tolist() == [0, 0]
    kept = torch.tensor([0.0, 0.0, -1.5, -0.5, 1.5, 1.5])
    torch.testing.assert_close(found[fewer], (kept - kept.mean()) / kept.std())
