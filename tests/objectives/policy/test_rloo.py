import torch

from glassworks.objectives.policy.rloo import rloo_advantages, rloo_loss

COUNTS = torch.tensor([[True, True], [True, False]])


def test_a_completion_pays_for_its_distance_before_it_is_compared() -> None:
    logprobs, reference = torch.tensor([[-1.0, -1.0], [-1.0, 5.0]]), torch.tensor([[-2.0, -3.0], [-1.0, 9.0]])
    found = rloo_advantages(torch.tensor([1.0, 0.0]), logprobs, reference, COUNTS, group=2, beta=0.1)
    torch.testing.assert_close(found, torch.tensor([0.7, -0.7]))


def test_its_gradient_is_that_of_the_whole_completions_log_probability() -> None:
    old = torch.tensor([[-1.0, -2.0], [-0.5, 7.0]])
    logprobs = old.clone().requires_grad_()
    losses, beyond = rloo_loss(logprobs, old, torch.tensor([0.7, -0.7]), COUNTS)
    losses.sum().backward()
    torch.testing.assert_close(logprobs.grad, torch.tensor([[-0.7, -0.7], [0.7, 0.0]]))
    assert not beyond.any()


def test_a_ratio_is_of_the_completion() -> None:
    old = torch.zeros(1, 2)
    losses, beyond = rloo_loss(torch.full((1, 2), 0.15), old, torch.ones(1), torch.ones(1, 2).bool())
    torch.testing.assert_close(losses, torch.tensor([-1.2]))  # exp(0.3) is beyond 1.2, exp(0.15) is not
    assert beyond.tolist() == [True]
