"""What to do next about a network that is no better than a dumb predictor, or hardly."""

import math
from collections.abc import Sequence
from statistics import fmean

from glassworks.core.runs import Run
from glassworks.data.text.shards import Corpus
from glassworks.evaluate.baselines import Baseline, compare
from glassworks.evaluate.loss import SplitLoss
from glassworks.pretraining.recipe import recipe_of

LITTLE = 0.05
"""The share of the strongest baseline's bits by which a network must be better to need no advice."""
FAR = 0.85
"""A loss in training of less than so many times the held-out one is of a network that knows its text by heart."""
OFTEN = 10
"""Times that a text is read, after which more of it teaches a network of this size little."""
LONGER, LARGER = 4, 2
"""Times as much time, or width, that is advised."""


def advice(run: Run, corpus: Corpus, loss: SplitLoss, rivals: Sequence[Baseline]) -> str | None:
    """One sentence; None if the network beats every baseline by a good deal, or its training is not at its end."""
    if loss.lost or not is_weak(loss, rivals) or not run.is_trained:
        return None
    recipe, losses = recipe_of(run), [row["loss"] for row in run.rows("metrics") if row.get("loss") is not None]
    learned = fmean(losses[-max(1, len(losses) // 10) :]) if losses else math.inf
    times = (run.steps or 0) * recipe.tokens_per_step / corpus.train.num_tokens
    read = f"it has read the text {times:.2g} times" if times < OFTEN else f"it has read the text {times:,.0f} times"
    if learned < FAR * loss.nats_per_token:
        return (
            f"Next: more text, or a smaller network; it expects the text it was trained on much better ({learned:.2f} "
            f"nats/token) than what it has not seen ({loss.nats_per_token:.2f})."
        )
    if times < OFTEN:
        minutes, steps = recipe.minutes, run.steps or recipe.steps
        how = f"--steps {LONGER * steps}" if minutes is None else f"--minutes {LONGER * minutes:g}"
        return f"Next: train longer, with {how}; {read}."
    return f"Next: a larger network, with --model.n-embd {LARGER * recipe.model.n_embd}; {read}."


def is_weak(loss: SplitLoss, rivals: Sequence[Baseline]) -> bool:
    """Whether there is a baseline that it does not beat, or beats by little."""
    least = min(rival.bits_per_byte for rival in rivals)
    verdicts = {compare(loss, rival).verdict for rival in rivals}
    return not verdicts.isdisjoint({"ties", "does not beat"}) or loss.bits_per_byte > (1 - LITTLE) * least
