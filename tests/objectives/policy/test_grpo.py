import math

import pytest
import torch
from torch import Tensor

from glassworks.objectives.losses import Summed
from glassworks.objectives.policy.grpo import VARIANTS, Variant, grpo_loss
from glassworks.objectives.policy.kl import k3

COUNTS = torch.tensor([[True, True, True, True], [True, True, False, False], [True, False, False, False]])
ADVANTAGES = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)


def drawn(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities by a policy, by that which drew, and by a reference."""
    draw = torch.Generator().manual_seed(seed)
    old, step, reference = (torch.randn(3, 4, generator=draw, dtype=torch.float64) for _ in range(3))
    old = -old.abs()
    return old + 0.3 * step, old, -reference.abs()


def mean(found: Summed) -> Tensor:
    return found.total / found.number


def test_the_first_one_by_hand() -> None:
    logprobs, old, reference = drawn()
    expected = 0.0
    for row, length in enumerate((4, 2, 1)):
        for t in range(length):
            ratio, a = math.exp(logprobs[row, t] - old[row, t]), float(ADVANTAGES[row])
            loss = max(-a * ratio, -a * min(max(ratio, 0.8), 1.2))
            d = float(reference[row, t] - logprobs[row, t])
            expected += (loss + 0.04 * (math.exp(d) - 1 - d)) / length / 3
    found = grpo_loss(logprobs, old, ADVANTAGES, COUNTS, reference=reference, beta=0.04)
    assert float(mean(found)) == pytest.approx(expected)
    assert float(found.logs["kl"] / found.number) == pytest.approx(
        float(torch.stack([k3(logprobs, reference)[row, :n].mean() for row, n in enumerate((4, 2, 1))]).mean())
    )


def test_means_are_over_tokens_within_completions_over_all_tokens_or_over_the_most_there_may_be() -> None:
    _, old, _ = drawn()  # a ratio of 1: a token's loss is -A
    for name, expected in (("grpo", -2.5 / 3), ("dapo", -(4 - 1 + 2) / 7), ("dr_grpo", -(4 - 1 + 2) / 10 / 3)):
        found = mean(grpo_loss(old, old, ADVANTAGES, COUNTS, variant=VARIANTS[name], longest=10))
        assert float(found) == pytest.approx(expected)


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    logprobs, old, reference = drawn()
    for variant in VARIANTS.values():
        parts = [slice(0, 1), slice(1, 3)]
        whole = grpo_loss(logprobs, old, ADVANTAGES, COUNTS, variant=variant, reference=reference, beta=0.1)
        split = [
            grpo_loss(logprobs[p], old[p], ADVANTAGES[p], COUNTS[p], variant=variant, reference=reference[p], beta=0.1)
            for p in parts
        ]
        torch.testing.assert_close(sum(part.total for part in split), whole.total)
        assert sum(int(part.number) for part in split) == int(whole.number)


@pytest.mark.parametrize("name", VARIANTS)
def test_where_the_policy_is_the_one_that_drew_the_gradient_is_reinforces(name: str) -> None:
    _, old, _ = drawn()
    logprobs = old.clone().requires_grad_()
    variant = VARIANTS[name]
    mean(grpo_loss(logprobs, old, ADVANTAGES, COUNTS, variant=variant, longest=10)).backward()
    lengths = COUNTS.sum(-1, keepdim=True)
    weight = {"completions": COUNTS / lengths / 3, "tokens": COUNTS / 7, "longest": COUNTS / 10 / 3}[variant.over]
    assert logprobs.grad is not None
    torch.testing.assert_close(logprobs.grad, -ADVANTAGES[:, None] * weight)


@pytest.mark.parametrize("name", VARIANTS)
def test_finite_differences_agree(name: str) -> None:
    logprobs, old, reference = drawn(3)
    logprobs.requires_grad_()
    variant, held = VARIANTS[name], logprobs.detach().clone()

    def loss(x: Tensor) -> Tensor:
        if variant.beyond == "weight":  # its ratio has no gradient: held as it is
            fixed = (held - old).exp().clamp(max=1 + variant.high)
            parts = -fixed * ADVANTAGES[:, None] * x + 0.1 * k3(x, reference)
            return (parts * COUNTS).sum() / COUNTS.sum()
        return mean(grpo_loss(x, old, ADVANTAGES, COUNTS, variant=variant, reference=reference, beta=0.1))

    assert torch.autograd.gradcheck(loss, (logprobs,))
    found = mean(grpo_loss(logprobs, old, ADVANTAGES, COUNTS, variant=variant, reference=reference, beta=0.1))
    for ours, theirs in zip(
        torch.autograd.grad(found, logprobs), torch.autograd.grad(loss(logprobs), logprobs), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_a_completions_ratio_is_the_geometric_mean_of_its_tokens() -> None:
    old = torch.zeros(1, 2, dtype=torch.float64)
    logprobs = torch.tensor([[math.log(4.0), 0.0]], dtype=torch.float64)
    variant = Variant("", ratio="sequence", low=0.5, high=1.5)
    found = grpo_loss(logprobs, old, torch.ones(1).double(), torch.ones(1, 2).bool(), variant=variant)
    assert float(mean(found)) == pytest.approx(-2.0)


def test_what_was_clipped_is_counted() -> None:
    old = torch.zeros(2, 2, dtype=torch.float64)
    logprobs = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    advantages = torch.tensor([1.0, -1.0], dtype=torch.float64)  # below 0 a ratio above 1 keeps its gradient
    for variant in ("grpo", "dapo"):
        found = grpo_loss(logprobs, old, advantages, torch.ones(2, 2).bool(), variant=VARIANTS[variant])
        assert float(found.logs["clip_share"] / found.number) == 0.25


def test_rows_that_do_not_count_change_nothing_and_none_at_all_is_0() -> None:
    logprobs, old, _ = drawn()
    fewer = COUNTS.clone()
    fewer[1] = False
    for variant in VARIANTS.values():
        found = grpo_loss(logprobs, old, ADVANTAGES, fewer, variant=variant)
        alone = grpo_loss(logprobs[[0, 2]], old[[0, 2]], ADVANTAGES[[0, 2]], COUNTS[[0, 2]], variant=variant)
        torch.testing.assert_close(mean(found), mean(alone))
        assert float(mean(grpo_loss(logprobs, old, ADVANTAGES, COUNTS & False, variant=variant))) == 0


def test_a_distance_wants_a_reference() -> None:
    logprobs, old, _ = drawn()
    with pytest.raises(ValueError, match=r"beta \(=0.1\) is of a distance from a reference"):
        grpo_loss(logprobs, old, ADVANTAGES, COUNTS, beta=0.1)
