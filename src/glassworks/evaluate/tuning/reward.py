"""A reward model on held-out pairs: how often it puts the one that was preferred first, beside chance."""

from itertools import combinations
from typing import Any

import numpy as np
import torch

from glassworks.core.files import refuse_unwritable, write_json
from glassworks.core.progress import going_on
from glassworks.core.runs import Run, check_run
from glassworks.evaluate.tuning.forgetting import moved
from glassworks.evaluate.tuning.gain import MOST
from glassworks.evaluate.tuning.paired import change
from glassworks.models.gpt.scored import ScoredGPT
from glassworks.train.device import pick_device
from glassworks.tune.pairs import pair_rows
from glassworks.tune.preferences import right
from glassworks.tune.reward import opened


def evaluate_reward(run: Run) -> dict[str, Any]:
    """Score both completions of held-out pairs, and write down how often the better one has more."""
    check_run(run, "eval")
    path = run.eval_path("tuning")
    refuse_unwritable(path)
    model = opened(run, pick_device())
    first = model.model.members[0]
    assert isinstance(first, ScoredGPT)
    pairs = pair_rows(model.material.examples.held_out)[:MOST]
    with going_on("score the held-out pairs"):
        better, worse = (
            model.scores([row["prompt"] for row in pairs], [row[side] for row in pairs])
            for side in ("chosen", "rejected")
        )
    ahead, ones = right(better.mean(-1) - worse.mean(-1)).double().numpy(), np.ones(len(pairs))
    result = {
        "method": model.material.recipe.method,
        "gain": [{"what": "accuracy", **change(ones / 2, ahead, ones).figures()}],
        "forgetting": [],
        "moved": moved(model.material.base.model, first.body),
        **agreement(better - worse),
    }
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result


def agreement(margins: torch.Tensor) -> dict[str, float]:
    """How often two members of an ensemble put a pair in the same order; nothing of one alone."""
    if margins.size(1) == 1:
        return {}
    signs = margins.sign()
    same = [float((signs[:, a] == signs[:, b]).float().mean()) for a, b in combinations(range(margins.size(1)), 2)]
    return {"members_agree": float(np.mean(same))}
