"""Learning from preferences without a reward model: DPO, IPO, KTO, ORPO and SimPO.

Each is a loss of log-probabilities of whole completions (objectives/preferences/, a page a method); here they are made
of a model and a batch, and what is worth watching is logged beside: implicit rewards of chosen and rejected, how often
the first is the larger, and whether the chosen ones become less likely, too, as often happens.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.data.dialogues.batches import ByLength
from glassworks.data.dialogues.rows import Row
from glassworks.data.dialogues.tokens import Tokens
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import Summed, mean_of, parted
from glassworks.objectives.preferences.dpo import dpo_loss
from glassworks.objectives.preferences.ipo import ipo_loss
from glassworks.objectives.preferences.kto import kto_loss
from glassworks.objectives.preferences.orpo import orpo_loss
from glassworks.objectives.preferences.simpo import simpo_loss
from glassworks.train.batch import move
from glassworks.train.work import Work
from glassworks.tune.likelihood import row_sums
from glassworks.tune.material import Material
from glassworks.tune.network import build, sample, stored
from glassworks.tune.pairs import JudgedBatch, Pair, PairBatch, completed, pair_batch, pair_rows, pairs_of, two_by_two
from glassworks.tune.pairs import reference_logprobs as asked
from glassworks.tune.sft import EVALUATIONS

BETAS = {"dpo": 0.1, "ipo": 0.1, "kto": 0.1, "orpo": 0.1, "simpo": 2.0}
"""What beta is where the recipe does not say."""
LOOK = 32
"""Held-out examples that are looked at on the way, at most."""
FREE = ("orpo", "simpo")
"""Methods without a reference; their likelihoods are a token."""


def work(material: Material) -> Work:
    """What learning from preferences does, by the recipe's method."""
    recipe = material.recipe
    made: dict[str, Any] = singly(material) if recipe.method == "kto" else in_pairs(material)
    return Work(
        build=partial(build, material),
        sample=partial(sample, material),
        stored=partial(stored, material),
        one_shape=False,
        evaluations=EVALUATIONS,
        **made,
    )


def look(material: Material) -> Callable[[nn.Module], dict[str, float]]:
    """What is measured on the way: the loss of held-out examples, and what is logged with it."""
    recipe = material.recipe
    batch: JudgedBatch | PairBatch
    if recipe.method == "kto":
        _, good, judged = made_singly(material, "held_out")
        loss, batch = judged_loss(beta_of(material), (1.0, 1.0)), judged([*range(len(good[:LOOK]))])
    else:
        pairs, make = made_of(material, "held_out")
        loss = pair_loss(recipe.method, beta_of(material), recipe)
        batch = make([*range(len(pairs[:LOOK]))])

    def looks(model: nn.Module) -> dict[str, float]:
        with torch.no_grad(), evaluating(model):
            found = parted(loss, model, move(batch, next(model.parameters()).device))
        number = float(found.number)
        return {"val_loss": float(found.total) / number} | {
            f"val_{name}": float(total) / number for name, total in found.logs.items()
        }

    return looks


def beta_of(material: Material) -> float:
    """The recipe's beta, or the method's own."""
    given = material.recipe.beta
    return BETAS[material.recipe.method] if given is None else given


def batches(material: Material, lengths: list[int], make: Callable[[list[int]], Any]) -> ByLength[Any]:
    """Step to batch, of examples about as long."""
    recipe, place = material.recipe, material.place
    return ByLength(lengths, make, recipe.batch_size, recipe.seed, place.rank, place.world)


# ----------------------------------------------------------------------------------------------------------------------
# Pairs


def in_pairs(material: Material) -> dict[str, Any]:
    """Batches and loss of a method that compares two."""
    pairs, make = made_of(material, "train")
    loss = pair_loss(material.recipe.method, beta_of(material), material.recipe)
    return {"batches": batches(material, [pair.length for pair in pairs], make), "loss_fn": loss}


def made_of(material: Material, split: str) -> tuple[list[Pair], Callable[[list[int]], PairBatch]]:
    """The pairs of a split, and what makes a batch of some of them."""
    pairs, filler = pairs_of(material, split), material.base.tokenizer.eot
    if material.recipe.method in FREE:
        reference = torch.zeros(len(pairs), 2)
    else:
        reference = asked(material, [row for pair in pairs for row in (pair.chosen, pair.rejected)]).view(-1, 2)
    return pairs, partial(pair_batch, pairs, reference, filler=filler)


def pair_loss(method: str, beta: float, recipe: Any) -> Callable[[nn.Module, Any], Tensor]:
    """The mean loss of a batch of pairs, by the method's name."""

    @mean_of
    def loss(model: nn.Module, batch: PairBatch) -> Summed:
        logprobs, lengths = both(model, batch.inputs, batch.targets, mean=method in FREE)
        (better, worse), (ours, theirs) = logprobs.unbind(1), batch.reference.unbind(1)
        if method == "dpo":
            losses = dpo_loss(better, worse, ours, theirs, beta=beta, smoothing=recipe.smoothing, kind=recipe.dpo)
        elif method == "ipo":
            sizes = (lengths[:, 0], lengths[:, 1]) if recipe.ipo_by_token else None
            losses = ipo_loss(better, worse, ours, theirs, beta=beta, lengths=sizes)
        elif method == "orpo":
            losses = orpo_loss(better, worse, beta=beta)
        else:
            losses = simpo_loss(better, worse, beta=beta, gamma=recipe.gamma)
        if recipe.also_sft:
            losses = losses - recipe.also_sft * better / (1 if method in FREE else lengths[:, 0])
        good, bad = (beta * (a - b).detach() for a, b in ((better, ours), (worse, theirs)))
        logs = {
            "reward_chosen": good.sum(),
            "reward_rejected": bad.sum(),
            "reward_margin": (good - bad).sum(),
            "accuracy": right(good - bad).sum(),
            "logprob_chosen": better.detach().sum(),
            "logprob_rejected": worse.detach().sum(),
        }
        return Summed(losses.sum(), len(losses), logs)

    return loss


def both(model: nn.Module, inputs: Tensor, targets: Tensor, *, mean: bool = False) -> tuple[Tensor, Tensor]:
    """Log-probabilities (B, 2) of two completions each, together or a token, and their lengths in tokens."""
    logprobs, lengths = row_sums(model, inputs.flatten(0, 1), targets.flatten(0, 1))
    logprobs = logprobs / lengths.clamp(min=1) if mean else logprobs
    return logprobs.view(-1, 2), lengths.view(-1, 2)


def right(difference: Tensor) -> Tensor:
    """1 where the chosen one is ahead, a half where neither is."""
    return (difference > 0).float() + 0.5 * (difference == 0).float()


# ----------------------------------------------------------------------------------------------------------------------
# Single completions (KTO)


def judged_rows(rows: list[Row]) -> list[Row]:
    """Completions with their labels; of a pair, the chosen one is good and the other bad."""
    found: list[Row] = []
    for row in pair_rows(rows):
        if "chosen" in row:
            for side in ("chosen", "rejected"):
                found.append({"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"})
        else:
            found.append(row)
    return found


def singly(material: Material) -> dict[str, Any]:
    """Batches and loss of KTO."""
    lengths, good, make = made_singly(material, "train")
    loss = judged_loss(beta_of(material), weights_of(good))
    return {"batches": batches(material, lengths, make), "loss_fn": loss}


def made_singly(material: Material, split: str) -> tuple[list[int], Tensor, Callable[[list[int]], JudgedBatch]]:
    """How long the examples of a split are, which are good, and what makes a batch of some.

    Each completion stands behind its own prompt, and another's behind it, too: by these it is measured how far the
    policy is from the reference. Whose each has is settled once, so that the reference can be asked once.
    """
    rows, filler = judged_rows(getattr(material.examples, split)), material.base.tokenizer.eot
    found: list[tuple[Tokens, Tokens]] = []
    labels: list[bool] = []
    for i, row in enumerate(rows):
        other = next((one for one in others(rows, i) if one["prompt"] != row["prompt"]), row)
        two = [completed(material, row["prompt"], one["completion"], split) for one in (row, other)]
        if all(any(side.learned) for side in two):
            found.append((two[0], two[1]))
            labels.append(row["label"])
    if split == "train" and len(set(labels)) < 2:
        raise ValueError("data has only good or only bad completions (label), and kto needs both: give some of each")
    reference = asked(material, [row for two in found for row in two]).view(-1, 2)
    good = torch.tensor(labels)

    def make(chosen: list[int]) -> JudgedBatch:
        inputs, targets = two_by_two([found[i] for i in chosen], filler)
        return JudgedBatch(inputs, targets, reference[chosen], good[chosen])

    return [max(len(side.ids) for side in two) for two in found], good, make


def others(rows: Sequence[Row], place: int) -> Iterator[Row]:
    """All rows but one, those behind it first."""
    return (rows[(place + step) % len(rows)] for step in range(1, len(rows)))


def weights_of(good: Tensor) -> tuple[float, float]:
    """What a good and a bad completion count, so that both count alike in all (Ethayarajh et al. 2024, eq. 9)."""
    share = float(good.float().mean())
    return (1.0, share / (1 - share)) if share < 0.5 else ((1 - share) / share, 1.0)


def judged_loss(beta: float, weights: tuple[float, float]) -> Callable[[nn.Module, Any], Tensor]:
    """The mean loss of a batch of single completions."""

    def loss(model: nn.Module, batch: JudgedBatch) -> Summed:
        with torch.no_grad():
            strange, _ = row_sums(model, batch.inputs[:, 1], batch.targets[:, 1])
        own, _ = row_sums(model, batch.inputs[:, 0], batch.targets[:, 0])
        ours, theirs = batch.reference.unbind(1)
        losses = kto_loss(
            own, ours, batch.good, strange - theirs, beta=beta, good_weight=weights[0], bad_weight=weights[1]
        )
        rewards, good = beta * (own - ours).detach(), batch.good.float()
        logs = {
            "reward_chosen": (rewards * good).sum() / good.mean().clamp(min=1 / len(good)),
            "reward_rejected": (rewards * (1 - good)).sum() / (1 - good).mean().clamp(min=1 / len(good)),
            "kl": (strange - theirs).mean().clamp(min=0) * len(good),
        }
        return Summed(losses.sum(), len(losses), logs)

    return mean_of(loss)
