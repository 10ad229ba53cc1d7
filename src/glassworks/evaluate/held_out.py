"""A run's model on its held-out text, beside the baselines on the same bytes: evals/held_out.json."""

from collections.abc import Mapping
from typing import Any

from glassworks.core.columns import aligned, fold
from glassworks.core.errors import GlassworksError
from glassworks.core.files import refuse_unwritable, write_json
from glassworks.core.progress import tell, tracked
from glassworks.core.runs import Run, check_run, started_from
from glassworks.data.store import Tokens
from glassworks.data.text.reading import NOTABLE_OVERLAP, overlap_warning
from glassworks.data.text.shards import Corpus
from glassworks.evaluate.advice import advice
from glassworks.evaluate.baselines import Baseline, baselines, compare, verdict
from glassworks.evaluate.loss import SplitLoss, plus_minus, split_loss
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.base import weights_of
from glassworks.pretraining.recipe import recipe_of
from glassworks.pretraining.run import LOOK
from glassworks.train.device import pick_device
from glassworks.train.opening import open_text

LOGITS = 1 << 27
"""Numbers that a batch of evaluation gives at most: what is done at once is what is told at once, too."""


def evaluate_run(run: Run) -> dict[str, Any]:
    """Score the model on the whole held-out split in float32, score the baselines, and write both down.

    The model that the run started from, if it did and that is still there, is one of these.
    """
    check_run(run, "eval")
    refuse_unwritable(run.eval_path("held_out"))
    opened = open_text(run, use="eval")
    corpus = opened.data
    loss = whole_loss("the network", opened.model, corpus.val)
    scores, parent = baselines(corpus), measured_before(run, corpus.val)
    rivals = scores if parent is None else [parent, *scores]
    result = {
        **loss.figures(),
        **{name: run.record["corpus"].get(name) for name in ("seen", "before")},
        "verdict": verdict(loss, rivals, remedy(corpus)),
        "advice": advice(run, corpus, loss, scores),
        "baselines": [
            row.figures() | ({} if loss.lost else {"difference": compare(loss, row).figures()}) for row in rivals
        ],
    }
    path = run.eval_path("held_out")
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result


def whole_loss(name: str, model: GPT, tokens: Tokens) -> SplitLoss:
    """The loss of a model on a whole split."""
    windows, device = windows_at_once(model.config.n_ctx, model.config.vocab_size), pick_device()
    with tracked(f"measure {name}", tokens.num_tokens) as report:
        return split_loss(model.to(device), tokens, batch_size=windows, device=device, progress=report)


def measured_before(run: Run, tokens: Tokens) -> Baseline | None:
    """The score of the model that a run started from, read in the run's context; None if there is none any more."""
    recipe, name = recipe_of(run), str(started_from({"parent": run.record.get("parent")}))
    if recipe.start_from is None:
        return None
    model = GPT(recipe.model)
    try:
        model.load_state_dict(weights_of(recipe.start_from, recipe.model))
    except (ValueError, OSError, GlassworksError) as error:
        tell(f"what {run.name} started from is not measured beside it: {error}")
        return None
    loss = whole_loss(name, model, tokens)
    return Baseline(
        name=name,
        bits_per_byte=loss.bits_per_byte,
        nats_per_token=loss.nats_per_token,
        seconds=loss.seconds,
        note="the model that training started from",
        bits_per_byte_se=loss.bits_per_byte_se,
        nats=None if loss.documents is None else loss.documents.nats,
    )


def remedy(corpus: Corpus) -> str:
    """What gives a verdict where the held-out documents are too few for one."""
    if corpus.meta.get("split") == "tail":
        return "the end of a text is a single document, so hold out whole ones, by --split document"
    return "hold out more"


def table(result: Mapping[str, Any], width: int | None = None) -> str:
    """What `evaluate_run` found, in lines of `width`: each score with its error, the differences with their intervals.

    Below stand what each baseline saw, and the verdict.
    """
    rows = [["", "bits/byte", "nats/token", "network − row, 95 %", ""]]
    for row in ({"name": "network", **result}, *result["baselines"]):
        difference = row.get("difference") or {}
        known = difference.get("low") is not None
        between = f"{difference['low']:+.4f} to {difference['high']:+.4f}" if known else "unknown" if difference else ""
        rate = row["bits_per_byte"]
        bits = "–" if rate is None else f"{rate:.4f}{plus_minus(row.get('bits_per_byte_se'))}"
        nats = f"{row['nats_per_token']:.4f}{plus_minus(row.get('nats_per_token_se'))}"
        rows.append([row["name"], bits, nats, between, difference.get("verdict", "").removesuffix(" to tell")])
    notes = [f"{row['name']}: {row['note']}" for row in result["baselines"]]
    if (seen := result.get("seen") or 0.0) >= NOTABLE_OVERLAP:
        notes.append(overlap_warning(seen, result.get("before")))
    folded = [line for text in (*notes, "", *conclusions(result)) for line in fold(text, width)]
    return "\n".join([*aligned(rows, width=width), "", *folded])


def conclusions(result: Mapping[str, Any]) -> list[str]:
    """The verdict; and what to do next, where the network is weak."""
    return list(filter(None, [result["verdict"], result.get("advice")]))


def validation(model: GPT, tokens: Tokens, *, max_tokens: int = LOOK) -> Mapping[str, float]:
    """A quick look during training: the loss on the first `max_tokens` held-out tokens, always the same ones."""
    windows, device = windows_at_once(model.config.n_ctx, model.config.vocab_size), model.embed.weight.device
    with tracked("evaluate", min(max_tokens, tokens.num_tokens)) as report:
        loss = split_loss(model, tokens, batch_size=windows, device=device, max_tokens=max_tokens, progress=report)
    return {"val_nats_per_token": loss.nats_per_token, "val_bits_per_byte": loss.bits_per_byte}


def windows_at_once(n_ctx: int, vocab_size: int) -> int:
    """Windows in a batch of evaluation: about 8,192 tokens, or as many as have half a gigabyte of logits."""
    return max(1, min(8192, LOGITS // vocab_size) // n_ctx)
