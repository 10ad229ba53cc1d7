"""Advantages: by how much what was done is better than what is done there otherwise.

Three ways to know what is done otherwise: a network that says what a state is worth (GAE), the other completions of the
same prompt (groups), and those other ones without it (leave one out). Rows that have no reward, since a reward was nan,
have no advantage (0), and count in no mean.

Shape letters: B rows, T time, G rows of a group, which lie beside one another.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Scale = Literal["group", "batch", "none"]
"""By which standard deviation advantages are divided."""

SMALL = 1e-4
"""Added to a standard deviation, as in TRL: a group without variance has advantages of 0, not of 0 / 0."""


@torch.no_grad()
def gae(
    rewards: Float[Tensor, "B T"],
    values: Float[Tensor, "B T"],
    ends: Bool[Tensor, "B T"],
    last: Float[Tensor, " B"] | None = None,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """Generalized advantage estimation, and the returns that values are taught (Schulman et al. 2016, eq. 16).

        δ_t = r_t + γ V_{t+1} - V_t        A_t = δ_t + γ λ A_{t+1}        R_t = A_t + V_t

    Args:
        rewards: what each step brought.
        values: what a network said that each state was worth, before the step.
        ends: whether an episode ended with the step: then nothing follows, and what stands behind is of another one.
            One that a limit of time cut off has not ended: add γ times the value of where it stood to its reward.
        last: the value of the state behind the last step, where it goes on; None = 0.
        gamma: what a reward is worth a step later.
        lam: 0 = one step ahead is believed (less variance), 1 = only what came (no bias).

    Returns: advantages and returns, (B, T) each, without a gradient.

    >>> gae(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]), torch.tensor([[False, True]]), lam=1.0)
    (tensor([[0.5000, 0.5000]]), tensor([[1., 1.]]))
    """
    after = values.new_zeros(len(values)) if last is None else last
    advantage, goes_on = torch.zeros_like(after), (~ends).to(values.dtype)
    steps: list[Tensor] = []
    for t in range(rewards.size(1) - 1, -1, -1):
        delta = rewards[:, t] + gamma * after * goes_on[:, t] - values[:, t]
        advantage = delta + gamma * lam * goes_on[:, t] * advantage
        after = values[:, t]
        steps.append(advantage)
    advantages = torch.stack(steps[::-1], 1) if steps else torch.zeros_like(rewards)
    return advantages, advantages + values


@torch.no_grad()
def group_advantages(rewards: Float[Tensor, " B"], group: int, scale: Scale = "group") -> Float[Tensor, " B"]:
    """Rewards less the mean of their group, over a standard deviation (Shao et al. 2024, DeepSeekMath, 4.1.2).

    Args:
        rewards: `group` completions of a prompt, then those of the next; nan = there is none.
        group: how many of each.
        scale: "group" divides by the group's own deviation, which makes easy and hard prompts count more than others;
            "batch" by that of all rewards; "none" does not divide (Liu et al. 2025, Dr. GRPO).

    >>> group_advantages(torch.tensor([1.0, 0.0, 2.0, 2.0]), 2)
    tensor([ 0.7070, -0.7070,  0.0000,  0.0000])
    """
    grouped = in_groups(rewards, group)
    centred = grouped - grouped.nanmean(1, keepdim=True)
    if scale == "group":
        centred = centred / (deviation(grouped, 1) + SMALL)
    elif scale == "batch":
        centred = centred / (deviation(grouped.reshape(1, -1), 1) + SMALL)
    elif scale != "none":
        raise ValueError(f"scale (={scale!r}) must be group, batch or none")
    return centred.flatten().nan_to_num(0.0)


@torch.no_grad()
def leave_one_out(rewards: Float[Tensor, " B"], group: int) -> Float[Tensor, " B"]:
    """Rewards less the mean of the others of their group (Kool et al. 2019; Ahmadian et al. 2024, eq. 8).

    What the row itself got is not in it, so that the policy's gradient has no bias.

    >>> leave_one_out(torch.tensor([1.0, 0.0, 2.0, 2.0]), 2)
    tensor([ 1., -1.,  0.,  0.])
    """
    grouped = in_groups(rewards, group)
    number = (~grouped.isnan()).sum(1, keepdim=True)
    others = (grouped.nansum(1, keepdim=True) - grouped) / (number - 1).clamp(min=1)
    alone = torch.where(number > 1, grouped - others, 0.0)
    return alone.flatten().nan_to_num(0.0)


@torch.no_grad()
def whiten(x: Float[Tensor, "*S"], counts: Bool[Tensor, "*S"] | None = None, *, centre: bool = True) -> Tensor:
    """Numbers over their deviation, less their mean unless `centre` is False; those that do not count are 0."""
    kept = torch.ones_like(x, dtype=torch.bool) if counts is None else counts
    if int(kept.sum()) < 2:
        return torch.zeros_like(x)
    mean = x[kept].mean()
    white = (x - mean) / (x[kept].var() + 1e-8).sqrt()
    return torch.where(kept, white if centre else white + mean, 0.0)


def flat_groups(rewards: Float[Tensor, " B"], group: int) -> Bool[Tensor, " N"]:
    """Which groups have nothing to learn from: all their rewards are equal, or fewer than two are there."""
    grouped = in_groups(rewards, group)
    least = grouped.nan_to_num(torch.inf).amin(1)
    most = torch.where(grouped.isnan(), -torch.inf, grouped).amax(1)
    return ~(most > least)


def in_groups(rewards: Float[Tensor, " B"], group: int) -> Float[Tensor, "N G"]:
    """Rows as groups; ValueError where they are none."""
    if group < 1 or len(rewards) % group:
        raise ValueError(f"{len(rewards)} rewards are no groups of {group}: give all completions of each prompt")
    return rewards.view(-1, group)


def deviation(x: Float[Tensor, "N G"], dim: int) -> Float[Tensor, "N 1"]:
    """The standard deviation of what is there of each row, as of a sample; nan of fewer than two."""
    number = (~x.isnan()).sum(dim, keepdim=True)
    squares = (x - x.nanmean(dim, keepdim=True)).square().nansum(dim, keepdim=True)
    return (squares / (number - 1)).sqrt()
