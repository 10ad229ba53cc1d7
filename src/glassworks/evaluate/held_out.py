"""A run's model on its held-out text, beside the baselines on the same bytes: evals/held_out.json."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from glassworks.core.files import write_json
from glassworks.core.runs import Run
from glassworks.data.shards import Tokens
from glassworks.evaluate.baselines import baselines, verdict
from glassworks.evaluate.loss import split_loss
from glassworks.models.gpt import GPT
from glassworks.train.device import pick_device
from glassworks.train.pretrain import corpus_of_run, model_of


def evaluate_run(run: Run) -> dict[str, Any]:
    """Score the model on the whole held-out split in float32, score the baselines, and write both down."""
    corpus, device = corpus_of_run(run), pick_device()
    model = model_of(run, device)
    loss = split_loss(model, corpus.val, batch_size=windows_at_once(model.config.n_ctx), device=device)
    found = baselines(corpus)
    result = {
        **dataclasses.asdict(loss),
        "verdict": verdict(loss, found),
        "baselines": [dataclasses.asdict(baseline) for baseline in found],
    }
    path = run.eval_path("held_out")
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result


def validation(model: GPT, tokens: Tokens, *, max_tokens: int = 32_768) -> Mapping[str, float]:
    """A quick look during training: the loss on the first `max_tokens` held-out tokens, always the same ones."""
    windows, device = windows_at_once(model.config.n_ctx), model.embed.weight.device
    loss = split_loss(model, tokens, batch_size=windows, device=device, max_tokens=max_tokens)
    return {"val_nats_per_token": loss.nats_per_token, "val_bits_per_byte": loss.bits_per_byte}


def windows_at_once(n_ctx: int) -> int:
    """Windows in a batch of evaluation: about 8,192 tokens."""
    return max(1, 8192 // n_ctx)
