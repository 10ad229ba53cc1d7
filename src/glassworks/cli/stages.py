"""What `demo` and `train` share: train a run to its end, measure it, look inside it, write its page."""

import sys

from glassworks.core.progress import progress, seconds, silent
from glassworks.core.runs import Run
from glassworks.data.shards import Corpus
from glassworks.evaluate.held_out import evaluate_run, validation
from glassworks.interpret.health import UpdateRatios
from glassworks.interpret.traces import trace_run
from glassworks.models.gpt import GPT
from glassworks.studio.report import write_report
from glassworks.train.checkpoint import newest_checkpoint, step_of
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.plan import plan_of
from glassworks.train.pretrain import pretrain


def finish(run: Run, place: Ranks) -> int:
    """Everything from the run's present state to its report; the exit code."""
    total = plan_of(run).steps
    say(place, f"training {run.path} for {total:,} steps; ctrl-C stops it cleanly")
    checkpoint = newest_checkpoint(run)
    with progress("train", total, start=step_of(checkpoint) if checkpoint is not None else 0) as report:
        done = pretrain(run, watch=watch, ranks=place, report=report if place.first else silent)
    if not place.first:
        return 0 if done else 130
    if not done:
        say(place, f"stopped at a checkpoint. Go on with: glassworks train --resume {run.path}")
        return 130
    result = run.record["result"]
    say(place, f"trained in {seconds(result['seconds'])}, {result['tokens_per_s']:,.0f} tokens/s; measuring it")
    verdict = evaluate_run(run)["verdict"]
    trace_run(run)
    page = write_report(run)
    print(f"{verdict}\n\nreport:    {page}\nwrite:     glassworks sample {run.path}")
    return 0


def watch(corpus: Corpus, judged: GPT, often: int) -> Every:
    """Evaluation and health, for the training loop."""
    return [(often, lambda step, model: validation(judged, corpus.val)), (1, UpdateRatios(often))]


def say(place: Ranks, message: str) -> None:
    """One line on stderr, by rank 0."""
    if place.first:
        print(message, file=sys.stderr)
