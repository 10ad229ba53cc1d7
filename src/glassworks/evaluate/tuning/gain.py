"""What a tuned model gained on held-out examples, by what its method learns."""

from collections.abc import Sequence

import numpy as np
import torch

from glassworks.core.progress import tracked
from glassworks.data.dialogues.batches import TokenBatch, token_batch
from glassworks.data.dialogues.tokens import Tokens
from glassworks.evaluate.tuning.paired import Change, change
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import token_losses
from glassworks.tune.material import Material

MOST = 512
"""Held-out examples that are measured, at most."""


def likelihood(material: Material, before: GPT, after: GPT) -> dict[str, Change]:
    """Nats a learned token of the held-out examples."""
    rows, filler = material.sequences("held_out")[:MOST], material.base.tokenizer.eot
    totals = [example_nats(model, rows, filler) for model in (before, after)]
    sizes = np.array([sum(row.learned) for row in rows])
    return {"nats per token": change(totals[0], totals[1], sizes)}


@torch.no_grad()
def example_nats(model: GPT, rows: Sequence[Tokens], filler: int, at_once: int = 16) -> np.ndarray:
    """(N,) nats of the learned tokens of each example."""
    device, found = next(model.parameters()).device, []
    with evaluating(model), tracked("measure the held-out examples", len(rows)) as report:
        for start in range(0, len(rows), at_once):
            batch = TokenBatch(*(x.to(device) for x in token_batch(rows[start : start + at_once], filler)))
            found.append(token_losses(model, batch).double().sum(1).cpu().numpy())
            report(min(start + at_once, len(rows)))
    return np.concatenate(found)
