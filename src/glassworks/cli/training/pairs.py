"""A training on pairs of texts, at the command line: what is told on the way, and what to do with the model."""

from glassworks.core.called import command
from glassworks.core.characters import on_one_line, shortened
from glassworks.core.progress import Report, say
from glassworks.core.runs import Run
from glassworks.data.pairs.prepare import Pairs
from glassworks.evaluate.translation.run import validation
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.pace import Often
from glassworks.translation import run as translation
from glassworks.translation.pairs import pairs_of_run
from glassworks.translation.translate import translate


def train(run: Run, place: Ranks, report: Report) -> bool:
    """From wherever the run stands to its last step; whether it got there."""
    return translation.train(run, watch=watch, ranks=place, report=report)


def further(run: Run) -> list[tuple[str, str]]:
    """What can be done with the model."""
    texts = pairs_of_run(run).test.texts
    return [("predict", command("predict", run.path, "--text", texts[0][0]))]


def watch(pairs: Pairs, judged: Seq2Seq, often: Often) -> Every:
    """Evaluation, for the training loop."""

    def validate(step: int, model: object) -> dict[str, float]:
        scores = dict(validation(judged, pairs.tokenizer, pairs))
        source, target = pairs.validation.texts[0]
        ((said,),) = translate(judged, pairs.tokenizer, [source], beams=None)
        given, written, wanted = (shortened(on_one_line(text), 40) for text in (source, said.text, target))
        say(
            f"step {step:,}: of the validation split {100 * scores['val_exact']:.1f} % to the letter, BLEU "
            f"{scores['val_bleu']:.1f}; “{given}” becomes “{written}”"
            + (f", not “{wanted}”" if written != wanted else "")
        )
        return scores

    return [(often, validate)]
