"""From a model to its optimizer: which weights go to Muon, which to AdamW, and at what learning rate."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from glassworks.optim.catalogue import METHODS, method_class
from glassworks.optim.config import OptimizerConfig, settings_of
from glassworks.optim.muon import POLAR_EXPRESS, MuonAdamW

Role = Literal["matrix", "embedding", "head", "vector"]


def make_optimizer(
    model: nn.Module, config: OptimizerConfig, *, dtype: torch.dtype = torch.bfloat16, seed: int = 0
) -> torch.optim.Optimizer:
    """The optimizer of all of `model`'s weights that want gradients, by any name of `optim.catalogue.METHODS`.

    Args:
        model: what it moves. A method of gradients sorts its weights by role (see `roles`), a rule reads its layers.
        config: which, and what it is told; what is left out is the method's own.
        dtype: what Muon orthogonalises in.
        seed: of what a search or a rule draws.

    Raises: ValueError for what the method does not take, and for a model that it cannot train.
    """
    config.check_taken()
    told = settings_of(config.name) | config.given()
    if config.name == "muon":
        return muon(model, config, told["lr"], told["momentum"], dtype)
    if config.name == "adamw":
        return torch.optim.AdamW(decayed(model, config), lr=told["lr"], betas=config.betas, fused=True)
    if config.name == "sgd":
        momentum = told["momentum"]
        return torch.optim.SGD(
            decayed(model, config), lr=told["lr"], momentum=momentum, nesterov=momentum > 0, fused=True
        )
    made: Any = method_class(config.name)
    moved = model if METHODS[config.name].kind == "rule" else [p for p in model.parameters() if p.requires_grad]
    optimizer: torch.optim.Optimizer = made(moved, seed=seed, **config.given())
    return optimizer


def decayed(model: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Two groups: weights that decay, and vectors, which do not."""
    by_role = sorted_by_role(model)
    matrices = by_role["matrix"] + by_role["embedding"] + by_role["head"]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": by_role["vector"], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def muon(model: nn.Module, config: OptimizerConfig, lr: float, momentum: float, dtype: torch.dtype) -> MuonAdamW:
    """Muon of hidden matrices and AdamW of the rest, at rates by role and width."""
    by_role = sorted_by_role(model)
    groups: list[dict[str, Any]] = [
        {
            "kind": "muon",
            "params": by_role["matrix"],
            "lr": lr,
            "momentum": momentum,
            "weight_decay": config.weight_decay,
        },
        {"kind": "adamw", "params": by_role["vector"], "lr": config.vector_lr, "betas": config.betas},
    ]
    rates: dict[Role, float] = {"embedding": config.embedding_lr, "head": config.head_lr}
    for role, rate in rates.items():
        for p in by_role[role]:
            scaled = rate * (p.size(1) / 768) ** -0.5
            groups.append({"kind": "adamw", "params": [p], "lr": scaled, "betas": config.betas})
    polynomials = POLAR_EXPRESS[config.iterations]
    return MuonAdamW([group for group in groups if group["params"]], polynomials=polynomials, dtype=dtype)


def sorted_by_role(model: nn.Module) -> dict[Role, list[Tensor]]:
    """The weights of each role, in the model's order."""
    by_role: dict[Role, list[Tensor]] = {"matrix": [], "embedding": [], "head": [], "vector": []}
    for p, role in roles(model).items():
        by_role[role].append(p)
    return by_role


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
