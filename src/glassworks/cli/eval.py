"""`glassworks eval`: a run's model on all that it holds out, beside the baselines; or any model on any text."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.arguments.reading import ReadingFlags, say_what_was_read
from glassworks.cli.tasks import TaskFlags, on_task

if TYPE_CHECKING:
    from glassworks.train.opening import OpenedLabelled, OpenedPairs


@dataclass(frozen=True)
class Eval:
    """Measure a run's model on all text, images, rows or pairs that it holds out, beside the baselines on the same.

    With --data, measure any model on another text (bits per byte, nats and perplexity per token), labelled data, or
    pairs of texts. With --task, try it on problems: its programs are run behind walls, and pass@k has its interval.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FOLDER")]
    """The run; with --data also a folder in the Hugging Face layout, or a GGUF file."""
    data: tuple[str, ...] = ()
    """The text, labelled data or pairs to measure on, as train takes them. None = what the run itself holds out."""
    read: Annotated[ReadingFlags, tyro.conf.arg(name="")] = field(default_factory=ReadingFlags)
    n_ctx: int | None = None
    """With --data: tokens of a window, in which the text is read. None = the model's context, at most 2,048."""
    tried: Annotated[TaskFlags, tyro.conf.arg(name="")] = field(default_factory=TaskFlags)
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""


def run(arguments: Arguments) -> None:
    """Parse, measure, print."""
    args = arguments.parse(Eval, "eval")
    if args.tried.task is not None:
        if args.data or args.n_ctx is not None or args.read != ReadingFlags():
            raise ValueError("--task has problems of its own: leave out --data and what goes with it, and give --file")
        on_task(args.run, args.tried)
        return
    if args.tried != TaskFlags():
        raise ValueError("these flags are of --task: give it, as in --task humaneval, or leave them out")
    if not args.data:
        held_out(args)
        return
    from glassworks.core.places import run_named
    from glassworks.core.progress import say

    run_named(args.run, "eval")  # what is neither is refused before torch is loaded
    say(f"measuring {args.run}")
    from glassworks.agents.opened import OpenedPolicy
    from glassworks.evaluate.text import evaluate_text
    from glassworks.train.device import pick_device
    from glassworks.train.opening import OpenedLabelled, OpenedPairs, OpenedText, open_run

    opened = open_run(args.run, pick_device(), use="eval")
    if isinstance(opened, OpenedLabelled):
        on_examples(args, opened)
        return
    if isinstance(opened, OpenedPolicy):
        raise ValueError(f"data (={args.data[0]!r}) is not for an agent, which is measured where it acts: leave it out")
    if isinstance(opened, OpenedPairs):
        on_pairs(args, opened)
        return
    assert isinstance(opened, OpenedText)  # no other kind can be used by eval
    source = args.data if len(args.data) > 1 else args.data[0]
    reading = args.read.reading()
    score = evaluate_text(opened.model, opened.tokenizer, source, n_ctx=args.n_ctx, reading=reading, run=opened.run)
    say_what_was_read(reading)
    print(score)


def on_examples(args: Eval, opened: "OpenedLabelled") -> None:
    """A network for images or tables on other labelled data."""
    from glassworks.core.columns import terminal_width
    from glassworks.evaluate.labelled.other import evaluate_other
    from glassworks.evaluate.labelled.table import table

    if args.read != ReadingFlags() or args.n_ctx is not None:
        raise ValueError("--column, --skip-unreadable and --n-ctx are for text: leave them out")
    if len(args.data) != 1:
        raise ValueError(f"data (={' '.join(args.data)!r}) must be one folder, file or name of labelled data: give one")
    print(table(evaluate_other(opened, args.data[0]), terminal_width()))


def on_pairs(args: Eval, opened: "OpenedPairs") -> None:
    """An encoder-decoder on other pairs."""
    from glassworks.core.columns import terminal_width
    from glassworks.evaluate.translation.other import evaluate_other
    from glassworks.evaluate.translation.verdict import table

    if args.read != ReadingFlags() or args.n_ctx is not None:
        raise ValueError("--column, --skip-unreadable and --n-ctx are for text: leave them out")
    print(table(evaluate_other(opened, args.data), terminal_width()))


def held_out(args: Eval) -> None:
    """A run on what it holds out."""
    from glassworks.core.called import command
    from glassworks.core.columns import terminal_width
    from glassworks.core.kinds import found
    from glassworks.core.places import is_model, model_path
    from glassworks.core.progress import say
    from glassworks.core.runs import Run

    if args.read != ReadingFlags() or args.n_ctx is not None:
        raise ValueError(
            "--column, --skip-unreadable and --n-ctx go with --data: a run is measured on its own text, in its own "
            "context"
        )
    path = model_path(args.run)
    if path is not None and not is_model(path):
        raise ValueError(
            f"{args.run} is neither a run nor a model: if it is text to measure on, give it by --data: "
            f"{command('eval', 'RUN_OR_FOLDER', '--data', args.run)}"
        )
    if path is not None:
        raise ValueError(f"{args.run} is a model without a text of its own to hold out: give one by --data")
    run = Run.open(args.run, "eval")
    say(f"measuring {run.name}")
    score, makes = run.kind.score, run.kind.measures["its score"]
    assert score is not None  # or the kind would not name the command
    print(found(score.table)(found(makes.by)(run), terminal_width()))
