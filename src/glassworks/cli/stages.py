"""What `demo` and `train` share: train a run to its end, measure it, look inside it, write its page."""

from contextlib import nullcontext

from glassworks.cli.overview import overview
from glassworks.core.called import command
from glassworks.core.progress import progress, say, seconds, showing
from glassworks.core.runs import Run
from glassworks.data.text.shards import Corpus
from glassworks.evaluate.held_out import conclusions, evaluate_run, validation
from glassworks.interpret.catalogue.run_traces import trace_run
from glassworks.interpret.transformer.health import UpdateRatios
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.run import pretrain
from glassworks.report.run_page import write_report
from glassworks.train.checkpoint import last_step
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.pace import Often
from glassworks.train.tracking import tracking


def finish(run: Run, place: Ranks) -> int:
    """Everything from the run's present state to its report; the exit code. Only rank 0 says anything."""
    with nullcontext() if place.first else showing(False):
        if place.agree(run.is_trained):
            say(f"{run.path} is trained already; what is missing is made: {', '.join(run.unmade)}")
        elif not train(run, place):
            say(f"stopped at a checkpoint. Go on with: {command('train', '--resume', run.path)}")
            return 130
        if not place.first:
            return 0
        result = run.record["result"]
        speed = f"at a median of {result['tokens_per_s']:,.0f} tokens/s"
        say(f"trained in {seconds(result['seconds'])} without its evaluations, {speed}")
        unmade = run.unmade
        if "its score" in unmade:
            say("measuring it")
            evaluate_run(run)
        if "the look inside" in unmade:
            say("looking inside")
            trace_run(run)
        page = write_report(run)
    said = "\n".join(conclusions(run.read_eval("held_out") or {}))
    print(f"{said}\n\nreport:    {page}\nwrite:     {command('sample', run.path)}")
    return 0


def train(run: Run, place: Ranks) -> bool:
    """From the newest checkpoint to the last step; whether it got there."""
    begin = last_step(run)
    say(f"{f'going on at step {begin:,} with' if begin else 'training'} {run.path}; ctrl-C stops it cleanly")
    for line in overview(run, place, begin):
        say(line)
    tool = run.record.get("log") if place.first else None
    with tracking(run, tool) as followed, progress("train", run.steps or 0, start=begin) as report:
        return pretrain(followed, watch=watch, ranks=place, report=report, show=show)


def watch(corpus: Corpus, judged: GPT, often: Often) -> Every:
    """Evaluation and health, for the training loop."""

    def validate(step: int, model: object) -> dict[str, float]:
        scores = dict(validation(judged, corpus.val))
        nats, bits = scores["val_nats_per_token"], scores["val_bits_per_byte"]
        say(f"step {step:,}: held out {nats:.4f} nats/token" + ("" if corpus.val.lost else f", {bits:.4f} bits/byte"))
        return scores

    return [(often, validate), (1, UpdateRatios(often))]


def show(step: int, prompt: str, text: str) -> None:
    """One line of what the network writes after a prompt."""
    given, written = map(on_one_line, (prompt, text))
    say(f"step {step:,}: after “…{given[-16:]}” it writes “{shortened(written, 40)}”")


def on_one_line(text: str) -> str:
    """A text without line ends, nor what a terminal would take for more than a letter."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shortened(text: str, most: int) -> str:
    """The beginning of a text."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
