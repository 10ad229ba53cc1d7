import math

import pytest
import torch
from torch import Tensor

from glassworks.objectives.policy.advantages import flat_groups, gae, group_advantages, leave_one_out, whiten

NAN = math.nan


def by_definition(rewards: Tensor, values: Tensor, ends: Tensor, last: Tensor, gamma: float, lam: float) -> Tensor:
    """The sum of (γ λ)^k δ_{t+k} up to the end of the episode."""
    B, T = rewards.shape
    out = torch.zeros(B, T, dtype=rewards.dtype)
    for b in range(B):
        for t in range(T):
            weight = 1.0
            for k in range(t, T):
                after = 0.0 if ends[b, k] else values[b, k + 1] if k + 1 < T else last[b]
                out[b, t] += weight * (rewards[b, k] + gamma * after - values[b, k])
                weight *= gamma * lam
                if ends[b, k]:
                    break
    return out


@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0)])
def test_gae_is_the_sum_it_is_defined_as(gamma: float, lam: float) -> None:
    draw = torch.Generator().manual_seed(0)
    rewards, values = (torch.randn(4, 7, generator=draw, dtype=torch.float64) for _ in range(2))
    last, ends = torch.randn(4, generator=draw, dtype=torch.float64), torch.rand(4, 7, generator=draw) < 0.3
    advantages, returns = gae(rewards, values, ends, last, gamma=gamma, lam=lam)
    torch.testing.assert_close(advantages, by_definition(rewards, values, ends, last, gamma, lam))
    torch.testing.assert_close(returns, advantages + values)


def test_with_lambda_1_returns_are_what_came() -> None:
    rewards, ends = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[False, True, False, False]])
    _, returns = gae(rewards, torch.randn(1, 4), ends, torch.tensor([10.0]), gamma=1.0, lam=1.0)
    torch.testing.assert_close(returns, torch.tensor([[3.0, 2.0, 17.0, 14.0]]))


def test_right_values_leave_no_advantage() -> None:
    rewards, ends = torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([[False, False, True]])
    advantages, _ = gae(rewards, torch.tensor([[3.0, 2.0, 1.0]]), ends)
    assert advantages.tolist() == [[0, 0, 0]]


def test_no_step_is_no_advantage() -> None:
    none = torch.zeros(2, 0)
    assert gae(none, none, none.bool())[0].shape == (2, 0)


def test_a_group_is_centred_and_has_a_deviation_of_1() -> None:
    rewards = torch.tensor([1.0, 2.0, 3.0, 10.0, 30.0, 20.0])
    found = group_advantages(rewards, 3)
    torch.testing.assert_close(found, torch.tensor([-1.0, 0, 1, -1, 1, 0]), atol=2e-4, rtol=0)


def test_without_a_deviation_it_is_only_centred() -> None:
    rewards = torch.tensor([1.0, 3.0, 10.0, 30.0])
    assert group_advantages(rewards, 2, "none").tolist() == [-1, 1, -10, 10]
    torch.testing.assert_close(
        group_advantages(rewards, 2, "batch"), torch.tensor([-1.0, 1, -10, 10]) / (rewards.std() + 1e-4)
    )


def test_a_group_without_variance_has_no_advantages() -> None:
    assert group_advantages(torch.tensor([2.0, 2.0, 0.0, 1.0]), 2)[:2].tolist() == [0, 0]
    assert flat_groups(torch.tensor([2.0, 2.0, 0.0, 1.0]), 2).tolist() == [True, False]


def test_a_row_without_a_reward_has_no_advantage_and_the_others_do_as_if_it_were_not_there() -> None:
    with_it, without = torch.tensor([1.0, NAN, 3.0, 5.0]), torch.tensor([1.0, 3.0, 5.0])
    for function in (group_advantages, leave_one_out):
        found = function(with_it, 4)
        assert found[1] == 0
        torch.testing.assert_close(found[[0, 2, 3]], function(without, 3))
    assert flat_groups(torch.tensor([1.0, NAN, NAN, NAN]), 2).tolist() == [True, True]


def test_a_group_of_which_one_reward_or_none_is_left_has_no_advantages() -> None:
    rewards = torch.tensor([NAN, 1.0, NAN, NAN])
    for function in (group_advantages, leave_one_out):
        assert function(rewards, 2).tolist() == [0, 0, 0, 0]


def test_leave_one_out_compares_with_the_others_alone() -> None:
    assert leave_one_out(torch.tensor([1.0, 2.0, 6.0]), 3).tolist() == [-3, -1.5, 4.5]


def test_leave_one_out_is_the_centred_reward_times_g_over_g_less_1() -> None:
    rewards = torch.randn(8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(leave_one_out(rewards, 4), group_advantages(rewards, 4, "none") * 4 / 3)


def test_whitened_numbers_have_mean_0_and_variance_1_among_those_that_count() -> None:
    x, counts = torch.tensor([[1.0, 5.0, 100.0], [3.0, 2.0, -100.0]]), torch.tensor([[True, True, False]] * 2)
    white = whiten(x, counts)
    assert white[~counts].tolist() == [0, 0]
    torch.testing.assert_close(white[counts].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(white[counts].var(), torch.tensor(1.0))
    torch.testing.assert_close(whiten(x, counts, centre=False)[counts].mean(), x[counts].mean())


def test_equal_numbers_and_a_single_one_are_whitened_to_0() -> None:
    assert whiten(torch.ones(3)).tolist() == [0, 0, 0]
    assert whiten(torch.ones(2), torch.tensor([True, False])).tolist() == [0, 0]


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="5 rewards are no groups of 2: give all completions of each prompt"):
        group_advantages(torch.zeros(5), 2)
    with pytest.raises(ValueError, match="must be group, batch or none"):
        group_advantages(torch.zeros(4), 2, "rows")  # type: ignore[arg-type]
