"""Supervised fine-tuning: the likelihood of what the examples say.

    loss = - sum over learned tokens of log p(token | tokens before it) / their number

over all of a batch, so that a token counts the same in whichever example it stands. Of a text every token is learned,
of a completion or a conversation what the assistant says, with its end, unless the recipe says all.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from glassworks.data.dialogues.batches import ByLength, TokenBatch, token_batch
from glassworks.data.dialogues.packing import PackedBatch, packed, packed_batch
from glassworks.data.dialogues.tokens import Tokens
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import parted
from glassworks.train.work import Work
from glassworks.tune.likelihood import learned_loss
from glassworks.tune.material import Material
from glassworks.tune.network import build, sample, stored

LOOK = 64
"""Held-out examples that are looked at on the way, at most."""
EVALUATIONS = 8
"""Of a run at most, if its recipe does not say after how many steps."""


def work(material: Material) -> Work:
    """What fine-tuning does."""
    recipe, place = material.recipe, material.place
    return Work(
        build=partial(build, material),
        batches=batches(material.sequences("train"), material, place.rank, place.world),
        loss_fn=learned_loss,
        sample=partial(sample, material),
        stored=partial(stored, material),
        width=material.base.model.config.n_embd,
        one_shape=recipe.packing,
        evaluations=EVALUATIONS,
    )


def batches(rows: Sequence[Tokens], material: Material, rank: int, world: int) -> ByLength[Any]:
    """Step to batch, of examples about as long, or of rows packed full of them."""
    filler, recipe = material.base.tokenizer.eot, material.recipe
    if recipe.packing:
        room = material.n_ctx
        full = packed([len(row.ids) - 1 for row in rows], room)

        def make_packed(chosen: list[int]) -> PackedBatch:
            return packed_batch([[rows[i] for i in full[number]] for number in chosen], room, filler)

        return ByLength([room] * len(full), make_packed, recipe.batch_size, recipe.seed, rank, world)

    def make(chosen: list[int]) -> TokenBatch:
        return token_batch([rows[i] for i in chosen], filler)

    return ByLength([len(row.ids) for row in rows], make, recipe.batch_size, recipe.seed, rank, world)


def look(material: Material) -> Callable[[nn.Module], dict[str, float]]:
    """What is measured on the way: the first held-out examples."""
    return partial(held_out_loss, rows=material.sequences("held_out")[:LOOK], filler=material.base.tokenizer.eot)


@torch.no_grad()
def held_out_loss(model: nn.Module, rows: Sequence[Tokens], filler: int, at_once: int = 16) -> dict[str, float]:
    """Mean nats of the learned tokens of some examples, for a look on the way."""
    device = next(model.parameters()).device
    total, number = 0.0, 0
    with evaluating(model):
        for start in range(0, len(rows), at_once):
            batch = TokenBatch(*(x.to(device) for x in token_batch(rows[start : start + at_once], filler)))
            found = parted(learned_loss, model, batch)
            total, number = total + float(found.total), number + int(found.number)
    return {"val_nats_per_token": total / number}
