"""A run's encoder-decoder on its test pairs, beside its rivals on the same: evals/translation.json."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from glassworks.core.files import refuse_unwritable, write_json
from glassworks.core.progress import counted
from glassworks.core.runs import Run, check_run
from glassworks.data.pairs.batches import batch_of
from glassworks.data.pairs.prepare import Pairs, Part
from glassworks.data.tokenizers.build import Tokenizer
from glassworks.evaluate.labelled.intervals import FEW, Resamples
from glassworks.evaluate.translation.figures import MEASURES, figures_of
from glassworks.evaluate.translation.rivals import MOST, Rival, rivals
from glassworks.evaluate.translation.verdict import advice, verdict
from glassworks.models.modes import evaluating
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.objectives.losses import pair_loss, parted
from glassworks.objectives.metrics.bleu import corpus_bleu
from glassworks.train.device import pick_device
from glassworks.train.opening import OpenedPairs, open_run
from glassworks.translation.recipe import pair_recipe_of
from glassworks.translation.translate import Translation, translate

MISTAKES = 24
"""That are told, those first of which the network was surest."""
LOOK = 400
"""Training pairs on which the network is measured, too, at most; and validation pairs in a look on the way."""
AT_ONCE = 64


def evaluate_pairs(run: Run) -> dict[str, Any]:
    """Measure the network and its rivals on all test pairs, and write down all of it: `evals/translation.json`.

    Every figure has `value`, `low` and `high`: a 95 % interval over pairs. The network writes by the beam search of its
    recipe, and greedily beside it.
    """
    check_run(run, "eval")
    path = run.eval_path("translation")
    refuse_unwritable(path)
    opened = open_run(run, pick_device(), use="eval")
    assert isinstance(opened, OpenedPairs)
    recipe = pair_recipe_of(run)
    result = measure(opened, opened.data, opened.data.test.texts, beams=recipe.beams, alpha=recipe.length_penalty)
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result


def measure(
    opened: OpenedPairs,
    pairs: Pairs | None,
    judged: Sequence[tuple[str, str]],
    *,
    beams: int = 4,
    alpha: float = 0.6,
    seed: int = 0,
) -> dict[str, Any]:
    """What `evaluate_pairs` writes, of any pairs of texts.

    Args:
        opened: the network.
        pairs: what it was trained on, where that is known: rivals look up in it.
        judged: sources and references, at least one.
        beams: of the beam search.
        alpha: its length penalty.
        seed: of the resamples.
    """
    began = time.monotonic()
    sources, references = (list(side) for side in zip(*judged, strict=True))
    best = translate(opened.model, opened.tokenizer, sources, beams=beams, alpha=alpha, label="translate")
    plain = translate(opened.model, opened.tokenizer, sources, beams=None, label="translate greedily")
    found = [] if pairs is None else rivals(list(pairs.train.read(MOST)), sources)
    written = {
        "network": [ranked[0].text for ranked in best],
        "greedy": [ranked[0].text for ranked in plain],
        **{str(i): list(rival.texts) for i, rival in enumerate(found)},
    }
    figures = {
        f"{who}/{name}": figure
        for who, texts in written.items()
        for name, figure in figures_of(texts, references).items()
    }
    resamples = Resamples(figures, seed=seed)
    result: dict[str, Any] = {
        "examples": len(judged),
        "decoding": {"beams": beams, "alpha": alpha},
        "metrics": intervals(resamples, "network"),
        "greedy": {"metrics": intervals(resamples, "greedy"), "difference": differences(resamples, "greedy")},
        "rivals": [beside(resamples, str(i), rival) for i, rival in enumerate(found)],
        "mistakes": mistakes(sources, references, best),
        "notes": notes(opened, pairs, judged, best),
    }
    result["training"] = None if pairs is None else on_training(opened, pairs)
    result["verdict"], result["advice"] = verdict(result), advice(result)
    return result | {"seconds": time.monotonic() - began}


def intervals(resamples: Resamples, who: str) -> dict[str, Any]:
    """One writer's figures, by name."""
    return {name: vars(resamples.interval(f"{who}/{name}")) for name in MEASURES}


def differences(resamples: Resamples, theirs: str) -> dict[str, Any]:
    """The network's figures less another's, by name."""
    return {
        name: resamples.difference(f"network/{name}", f"{theirs}/{name}", higher_is_better=True).figures()
        for name in MEASURES
    }


def beside(resamples: Resamples, who: str, rival: Rival) -> dict[str, Any]:
    """A rival, as a file has it."""
    return {
        "name": rival.name,
        "note": rival.note,
        "seconds": rival.seconds,
        "metrics": intervals(resamples, who),
        "difference": differences(resamples, who),
    }


def mistakes(
    sources: Sequence[str], references: Sequence[str], found: Sequence[Sequence[Translation]]
) -> list[dict[str, Any]]:
    """What was not the reference, the surest first."""
    rows = [
        {"source": source, "target": target, "says": ranked[0].text, "probability": ranked[0].probability}
        for source, target, ranked in zip(sources, references, found, strict=True)
        if ranked[0].text != target
    ]
    return sorted(rows, key=lambda row: -float(row["probability"]))[:MISTAKES]  # type: ignore[arg-type]


def on_training(opened: OpenedPairs, pairs: Pairs) -> dict[str, float]:
    """The network, greedily, on pairs that it was trained on: how much better it is there, it knows by heart."""
    some = list(pairs.train.read(LOOK))
    said = translate(opened.model, opened.tokenizer, [source for source, _ in some], beams=None)
    return scores([ranked[0].text for ranked in said], [target for _, target in some]) | {"examples": len(some)}


def scores(texts: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Both figures without intervals."""
    same = sum(ours == theirs for ours, theirs in zip(texts, references, strict=True))
    return {"exact": same / len(references), "bleu": corpus_bleu(texts, references)}


def notes(
    opened: OpenedPairs,
    pairs: Pairs | None,
    judged: Sequence[tuple[str, str]],
    found: Sequence[Sequence[Translation]],
) -> list[str]:
    """What is to be known beside the figures, a sentence each."""
    said = []
    if len(judged) < FEW:
        said.append(
            f"{counted(len(judged), 'pair')} to judge by: intervals are too narrow, and most differences unknown"
        )
    endless = sum(not ranked[0].ended for ranked in found)
    if endless:
        said.append(f"{counted(endless, 'translation')} did not end before there was no more room")
    if pairs is not None and (copies := len(set(judged).intersection(pairs.train.read()))):
        said.append(f"{copies:,} of the {len(judged):,} pairs are exactly among those trained on: the score flatters")
    return said


# ----------------------------------------------------------------------------------------------------------------------
# On the way


def validation(model: Seq2Seq, tokenizer: Tokenizer, pairs: Pairs) -> Mapping[str, float]:
    """A quick look during training: the loss on the validation pairs, and what is written for the first of them."""
    some = pairs.validation.texts[:LOOK]
    said = translate(model, tokenizer, [source for source, _ in some], beams=None, label="evaluate")
    found = scores([ranked[0].text for ranked in said], [target for _, target in some])
    return {"val_loss": loss_on(model, pairs, pairs.validation)} | {f"val_{name}": x for name, x in found.items()}


@torch.no_grad()
def loss_on(model: Seq2Seq, pairs: Pairs, part: Part) -> float:
    """Mean cross-entropy of a target's tokens, without smoothing, in nats per token, of the first pairs of a part."""
    device, total, number = model.embed.weight.device, 0.0, 0.0
    with evaluating(model):
        for first in range(0, min(LOOK, len(part)), AT_ONCE):
            batch = batch_of(pairs, part, range(first, min(first + AT_ONCE, LOOK, len(part))))
            summed = parted(pair_loss(), model, [tensor.to(device) for tensor in batch])
            total += float(summed.total)
            number += float(summed.number)
    return total / number
