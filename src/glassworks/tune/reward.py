"""Reward models: a language model that learns to say how good a completion is, from what people preferred.

Pairs are learned by Bradley and Terry's model, with margins where they have some, rankings by Plackett and Luce's
(objectives/preferences/bradley_terry.py). An ensemble is several such models, each of which sees every example as often
as a resample of all would have it (Poisson with mean 1, as in online bagging; Oza and Russell 2001), so that where they
differ it is not known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.core.runs import Run, check_run
from glassworks.data.dialogues.batches import ByLength
from glassworks.data.dialogues.rows import Row
from glassworks.data.dialogues.tokens import Tokens
from glassworks.models.adapters.lora import as_merged
from glassworks.models.gpt.scored import ScoredGPT, load_scored, save_scored
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import Summed, mean_of, parted
from glassworks.objectives.preferences.bradley_terry import bradley_terry_loss, plackett_luce_loss
from glassworks.optim.groups import make_optimizer
from glassworks.train.batch import move
from glassworks.train.opening import Opened
from glassworks.train.run import load_newest
from glassworks.train.work import Work
from glassworks.tune.material import Material, material_of
from glassworks.tune.network import network_of
from glassworks.tune.pairs import completed
from glassworks.tune.recipe import tune_recipe_of
from glassworks.tune.sft import EVALUATIONS

LOOK = 64
"""Held-out examples that are looked at on the way, at most."""
AT_ONCE = 32
"""Completions that are scored together."""


class Ensemble(nn.Module):
    """Several reward models: tokens (B, T) and lengths (B,) to scores (B, M)."""

    def __init__(self, members: Sequence[ScoredGPT]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B M"]:
        """What each member says."""
        return torch.stack([member(tokens, lengths) for member in self.members], -1)


class Options(NamedTuple):
    """What a training step reads: of each prompt some completions, the best first."""

    tokens: Int[Tensor, "B K T"]
    lengths: Int[Tensor, "B K"]
    ranks: Int[Tensor, "B K"]
    """1 the best; 0 where there is none."""
    margin: Float[Tensor, " B"]
    weights: Float[Tensor, "B M"]
    """How often each member sees the example."""


def work(material: Material) -> Work:
    """What learning a reward model does."""
    recipe, place = material.recipe, material.place
    rows, margins = options_of(material, "train")
    make = partial(options, rows, margins, weights_of(len(rows), recipe.members, recipe.seed))
    lengths = [max(len(one.ids) for one in some) for some in rows]
    return Work(
        build=partial(build, material),
        batches=ByLength(lengths, make, recipe.batch_size, recipe.seed, place.rank, place.world),
        loss_fn=reward_loss(recipe.centre, recipe.in_pairs),
        keep=partial(keep, material),
        one_shape=False,
        evaluations=EVALUATIONS,
    )


def build(material: Material, device: torch.device, dtype: torch.dtype) -> tuple[Ensemble, torch.optim.Optimizer]:
    """The reward models and their optimizer, as they are before the first step."""
    recipe = material.recipe
    members = [
        ScoredGPT(network_of(material, device, seed=recipe.seed + number), seed=recipe.seed + number)
        for number in range(recipe.members)
    ]
    model = Ensemble(members)
    for member in members:
        member.body.head.requires_grad_(member.body.config.is_tied and recipe.adapter.kind == "none")
    return model, make_optimizer(model, recipe.optimizer, dtype=dtype, seed=recipe.seed)


def options_of(material: Material, split: str) -> tuple[list[list[Tokens]], list[float]]:
    """The completions of each example of a split, the best first, as tokens; and margins."""
    found, margins = [], []
    for row in getattr(material.examples, split):
        best_first = row["ranked"] if "ranked" in row else [row["chosen"], row["rejected"]]
        found.append([completed(material, row["prompt"], one, split) for one in best_first])
        margins.append(row.get("margin", 0.0))
    return found, margins


def weights_of(number: int, members: int, seed: int) -> Float[Tensor, "N M"]:
    """How often each member sees each example: once, if there is one; else Poisson with mean 1."""
    if members == 1:
        return torch.ones(number, 1)
    return torch.poisson(torch.ones(number, members), generator=torch.Generator().manual_seed(seed))


def options(rows: Sequence[Sequence[Tokens]], margins: Sequence[float], weights: Tensor, chosen: list[int]) -> Options:
    """Some examples as one batch, filled up with options that are not there."""
    some = [rows[i] for i in chosen]
    K, width = max(map(len, some)), max(len(one.ids) for row in some for one in row)
    tokens = torch.zeros(len(some), K, width, dtype=torch.long)
    lengths, ranks = torch.ones(len(some), K, dtype=torch.long), torch.zeros(len(some), K, dtype=torch.long)
    for i, row in enumerate(some):
        for k, one in enumerate(row):
            tokens[i, k, : len(one.ids)] = torch.tensor(one.ids)
            lengths[i, k], ranks[i, k] = len(one.ids), k + 1
    return Options(tokens, lengths, ranks, torch.tensor([margins[i] for i in chosen]), weights[chosen])


def scored(model: nn.Module, batch: Options) -> Float[Tensor, "B K M"]:
    """What each member says of each option."""
    B, K, T = batch.tokens.shape
    scores: Tensor = model(batch.tokens.view(B * K, T), batch.lengths.view(-1))
    return scores.view(B, K, -1)


def reward_loss(centre: float, in_pairs: bool) -> Callable[[nn.Module, Any], Tensor]:
    """The mean loss of a batch over its examples and the members that see them."""

    @mean_of
    def loss(model: nn.Module, batch: Options) -> Summed:
        scores = scored(model, batch)  # (B, K, M)
        M, K = scores.size(-1), scores.size(1)
        flat = scores.movedim(-1, 1).flatten(0, 1)  # (B M, K)
        if K == 2:
            margin = batch.margin.repeat_interleave(M)
            losses = bradley_terry_loss(flat[:, 0], flat[:, 1], margin=margin, centre=centre)
        else:
            losses = plackett_luce_loss(flat, batch.ranks.repeat_interleave(M, 0), pairs=in_pairs)
        weighted = losses.view(-1, M) * batch.weights
        mean = scores.detach().mean(-1)  # (B, K)
        first_two = mean[:, 0] - mean[:, 1]
        logs = {
            "accuracy": ((first_two > 0).float() + 0.5 * (first_two == 0).float()).sum(),
            "score_margin": first_two.sum(),
            "disagreement": scores.detach().std(-1, correction=0).mean(1).sum(),
        }
        return Summed(weighted.sum() / M, len(batch.tokens), logs)

    return loss


def look(material: Material) -> Callable[[nn.Module], dict[str, float]]:
    """What is measured on the way: the loss of held-out examples, and how often their best is put first."""
    rows, margins = options_of(material, "held_out")
    some = [*range(len(rows[:LOOK]))]
    batch = options(rows, margins, torch.ones(len(rows), material.recipe.members), some)
    loss = reward_loss(material.recipe.centre, material.recipe.in_pairs)

    def looks(model: nn.Module) -> dict[str, float]:
        with torch.no_grad(), evaluating(model):
            found = parted(loss, model, move(batch, next(model.parameters()).device))
        number = float(found.number)
        logs = {f"val_{name}": float(total) / number for name, total in found.logs.items()}
        return {"val_loss": float(found.total) / number} | logs

    return looks


# ----------------------------------------------------------------------------------------------------------------------
# Kept, and opened


def keep(material: Material, judged: nn.Module) -> None:
    """Write the members: the first as the run's model, others beside it."""
    assert material.run is not None
    assert isinstance(judged, Ensemble)
    with TemporaryDirectory() as beside, as_merged(judged):
        file = Path(beside) / "tokenizer.json"
        material.base.tokenizer.save(file)
        for number, member in enumerate(judged.members):
            assert isinstance(member, ScoredGPT)
            save_scored(member, member_folder(material.run, number), file)


def member_folder(run: Run, number: int) -> Path:
    """Where a member is: the first where a model is looked for."""
    return run.path / "model" if number == 0 else run.path / "members" / str(number)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class OpenedReward(Opened):
    """A reward model, or several; called with prompts and completions it says what these are worth."""

    model: Ensemble
    material: Material

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any]) -> Float[Tensor, " B"]:
        """What completions are worth: the members' mean."""
        return self.scores(prompts, completions).mean(-1)

    def scores(self, prompts: Sequence[Any], completions: Sequence[Any]) -> Float[Tensor, "B M"]:
        """What each member says of each completion, of texts or messages."""
        rows: list[Row] = [{"prompt": p, "completion": c} for p, c in zip(prompts, completions, strict=True)]
        told = [completed(self.material, row["prompt"], row["completion"], "") for row in rows]
        found = torch.zeros(len(told), len(self.model.members))
        order = sorted(range(len(told)), key=lambda i: len(told[i].ids))
        device = next(self.model.parameters()).device
        with torch.no_grad(), evaluating(self.model):
            for start in range(0, len(told), AT_ONCE):
                some = order[start : start + AT_ONCE]
                weights = torch.ones(len(told), len(self.model.members))
                batch = move(options([[one] for one in told], [0.0] * len(told), weights, some), device)
                found[some] = scored(self.model, batch)[:, 0].cpu()
        return found


def opened(run: Run, device: torch.device) -> OpenedReward:
    """A run with a reward model, finished or not. What `open_run` calls."""
    check_run(run)
    material = material_of(run)
    if (run.path / "model" / "config.json").is_file():
        count = tune_recipe_of(run).members
        model = Ensemble([load_scored(member_folder(run, number), device=device) for number in range(count)])
    else:
        model, _ = build(material, device, torch.float32)
        load_newest(run, material.recipe, model)
    return OpenedReward(model=model, path=run.path / "model", run=run, material=material)


def reward_of(run: Run) -> OpenedReward:
    """A run's reward model as a reward: a function of prompts and completions."""
    return opened(run, torch.device("cpu"))
