"""Muon, with AdamW for what Muon does not suit, as one optimizer.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces the momentum M = U S V' of a matrix by
U V', its nearest orthogonal matrix: every direction of the weight moves by the same amount, not only the few that
dominate the gradient. U V' needs no decomposition: an odd polynomial, applied again and again to M scaled to norm 1,
drives all singular values towards 1 (Newton-Schulz), and that is matrix products alone.

`torch.optim.Muon` does this one matrix after another. Here all matrices of one shape are stacked and turned at once,
and each iteration has a polynomial of its own (Polar Express), so that fewer iterations are needed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adamw import adamw

Polynomial = tuple[float, float, float]
"""(a, b, c) of x -> a x + b x^3 + c x^5, applied to all singular values."""

POLAR_EXPRESS: dict[int, tuple[Polynomial, ...]] = {
    3: (
        (7.9347, -22.2582, 15.8016),
        (3.5779, -2.5779, 0.4886),
        (2.6459, -1.9021, 0.4182),
    ),
    4: (
        (8.1775, -23.1789, 16.5054),
        (3.9062, -2.8005, 0.5123),
        (3.2921, -2.3787, 0.4676),
        (2.3085, -1.6297, 0.3911),
    ),
    5: (
        (8.3043, -23.6600, 16.8732),
        (4.1026, -2.9311, 0.5262),
        (3.8958, -2.7935, 0.5115),
        (3.2656, -2.3600, 0.4657),
        (2.2844, -1.6093, 0.3891),
    ),
}
"""By number of iterations, the polynomial of each: the one closest to 1 on the interval that its predecessors leave of
[0.01, 1] (3 iterations), [0.004, 1] (4) or [0.001, 1] (5), found by linear programming, its argument divided by 1.02
against rounding (Amsel et al. 2025, https://arxiv.org/abs/2505.16932, theorem 3.1 and section 4.4). Values in those
intervals end within 0.3, 0.16 and 0.15 of 1."""


def orthogonalise(
    matrices: Float[Tensor, "N R C"],
    polynomials: Sequence[Polynomial] = POLAR_EXPRESS[5],
    dtype: torch.dtype = torch.bfloat16,
    eps: float = 1e-7,
) -> Float[Tensor, "N R C"]:
    """The nearest orthogonal matrix to each of N matrices, approximately, in `dtype`.

    Singular values far below the matrix's norm are not driven all the way to 1, which does not hurt Muon.
    """
    x = matrices.to(dtype)
    tall = x.size(1) > x.size(2)
    x = x.mT if tall else x  # so that the products below are of the smaller side
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=eps)
    for a, b, c in polynomials:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class MuonAdamW(torch.optim.Optimizer):
    """Muon for groups of kind "muon", AdamW for groups of kind "adamw"; `make_optimizer` sorts a model's weights.

    Each group has `kind`, `params`, `lr` and `weight_decay` (decoupled); "muon" groups also `momentum` (Nesterov's),
    and "adamw" groups `betas` and `eps`. Muon's learning rate is that of `torch.optim.Muon`: a matrix (R, C) moves by
    lr sqrt(max(1, R / C)) in every direction. Tensors of more axes are matrices of (first axis, the rest). `dtype` is
    that of Newton-Schulz; bfloat16 is enough to train, but not for two ranks to repeat one to five digits.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        polynomials: Sequence[Polynomial] = POLAR_EXPRESS[5],
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        defaults = {
            "kind": "adamw",
            "lr": 1e-3,
            "weight_decay": 0.0,
            "momentum": 0.95,
            "betas": (0.9, 0.95),
            "eps": 1e-10,
            "fused": True,  # read by Optimizer.load_state_dict, which then keeps step counts on the weights' device
        }
        super().__init__(list(groups), defaults)
        self.polynomials, self.dtype = tuple(polynomials), dtype
        for group in self.param_groups:
            if group["kind"] not in ("muon", "adamw"):
                raise ValueError(f"kind (={group['kind']!r}) of a parameter group must be muon or adamw")
            if group["kind"] == "muon" and any(p.ndim < 2 for p in group["params"]):
                raise ValueError("a muon group has a parameter of fewer than two axes: give it to an adamw group")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; return what `closure` returns, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params and group["kind"] == "muon":
                self.step_muon(group, params)
            elif params:
                self.step_adamw(group, params)
        return loss

    def step_muon(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Momentum, orthogonalise, move."""
        for p in params:
            if not self.state[p]:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
        grads = [p.grad for p in params if p.grad is not None]
        momenta = [self.state[p]["momentum_buffer"] for p in params]
        torch._foreach_lerp_(momenta, grads, 1 - group["momentum"])
        updates = torch._foreach_lerp(grads, momenta, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])

        by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, p in enumerate(params):
            by_shape[p.size(0), p.numel() // p.size(0)].append(i)
        for (rows, columns), members in by_shape.items():
            stacked = torch.stack([updates[i].flatten(1) for i in members])
            turned = orthogonalise(stacked, self.polynomials, self.dtype)
            moves = [move.view_as(params[i]) for i, move in zip(members, turned.float(), strict=True)]
            rate = group["lr"] * max(1.0, rows / columns) ** 0.5
            torch._foreach_add_([params[i] for i in members], moves, alpha=-rate)

    def step_adamw(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """AdamW (Loshchilov and Hutter 2019) in torch's fused kernel."""
        for p in params:
            if not self.state[p]:
                self.state[p].update(
                    step=torch.zeros((), dtype=torch.float32, device=p.device),
                    exp_avg=torch.zeros_like(p),
                    exp_avg_sq=torch.zeros_like(p),
                )
        adamw(
            params,
            [p.grad for p in params if p.grad is not None],
            [self.state[p]["exp_avg"] for p in params],
            [self.state[p]["exp_avg_sq"] for p in params],
            [],
            [self.state[p]["step"] for p in params],
            fused=True,
            amsgrad=False,
            maximize=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
        )
