"""A training on text, at the command line: what is told on the way, and what can be done with the model."""

from glassworks.core.called import command
from glassworks.core.characters import on_one_line, shortened
from glassworks.core.progress import Report, say
from glassworks.core.runs import Run
from glassworks.data.text.shards import Corpus
from glassworks.evaluate.held_out import validation
from glassworks.interpret.transformer.health import UpdateRatios
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.run import pretrain
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.pace import Often


def train(run: Run, place: Ranks, report: Report) -> bool:
    """From wherever the run stands to its last step; whether it got there."""
    return pretrain(run, watch=watch, ranks=place, report=report, show=show)


def further(run: Run) -> list[tuple[str, str]]:
    """What can be done with the model."""
    return [("write", command("sample", run.path))]


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
