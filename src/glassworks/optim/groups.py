"""From a model to its optimizer: which weights go to Muon, which to AdamW, and at what learning rate."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from glassworks.optim.config import OptimizerConfig
from glassworks.optim.muon import POLAR_EXPRESS, MuonAdamW

Role = Literal["matrix", "embedding", "head", "vector"]


def make_optimizer(
    model: nn.Module, config: OptimizerConfig, *, dtype: torch.dtype = torch.bfloat16
) -> torch.optim.Optimizer:
    """The optimizer of all of `model`'s weights that want gradients, sorted by role (see `roles`).

    `dtype` is what Muon orthogonalises in.
    """
    by_role: dict[Role, list[Tensor]] = {"matrix": [], "embedding": [], "head": [], "vector": []}
    for p, role in roles(model).items():
        by_role[role].append(p)
    if config.name == "adamw":
        decayed = by_role["matrix"] + by_role["embedding"] + by_role["head"]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": by_role["vector"], "weight_decay": 0.0},
        ]
        lr = 1e-3 if config.lr is None else config.lr
        return torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, betas=config.betas, fused=True)

    lr = 0.02 if config.lr is None else config.lr
    groups = [
        {
            "kind": "muon",
            "params": by_role["matrix"],
            "lr": lr,
            "momentum": config.momentum,
            "weight_decay": config.weight_decay,
        },
        {"kind": "adamw", "params": by_role["vector"], "lr": config.vector_lr, "betas": config.betas},
    ]
    for role, rate in (("embedding", config.embedding_lr), ("head", config.head_lr)):
        for p in by_role[role]:
            scaled = rate * (p.size(1) / 768) ** -0.5
            groups.append({"kind": "adamw", "params": [p], "lr": scaled, "betas": config.betas})
    polynomials = POLAR_EXPRESS[config.iterations]
    return MuonAdamW([group for group in groups if group["params"]], polynomials=polynomials, dtype=dtype)


def roles(model: nn.Module) -> dict[Tensor, Role]:
    """What each weight is for, each once, in the model's order; those that want no gradient or are empty are left out.

    vector     fewer than two axes: gains and biases
    embedding  the weight of an `nn.Embedding`
    head       the weight of the last `nn.Linear` when the model has another, tied to an embedding or not
    matrix     everything else, so also convolution kernels
    """
    linear = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    head = linear[-1] if len(linear) > 1 else None
    tables = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
    role_of: dict[Tensor, Role] = {}
    for p in model.parameters():
        if not p.requires_grad or not p.numel():
            continue
        if p.ndim < 2:
            role_of[p] = "vector"
        elif p is head:
            role_of[p] = "head"
        else:
            role_of[p] = "embedding" if p in tables else "matrix"
    return role_of
