"""`glassworks look`: look inside a model by any of the methods, on one page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.arguments.reading import ReadingFlags, say_what_was_read
from glassworks.core.called import command


@dataclass(frozen=True)
class Look:
    """Look inside a model: each method's figures with their controls on one page, look.html, that opens offline."""

    model: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FOLDER")] = None
    """A run, a model folder in the Hugging Face layout, or a GGUF file."""
    method: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A method, or several with commas between; may be repeated. None = a first look, within a minute."""
    text: str | None = None
    """Of a network that reads text: the sentence. None = the beginning of a held-out document, or what the model
    writes."""
    against: str | None = None
    """A sentence of as many tokens to contrast it with. None = one token of it is replaced."""
    data: str | None = None
    """A file or folder of text to measure on. None = the run's held-out text, or what the model writes."""
    image: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Of a network that reads images: an image to look at; may be repeated. None = of the run's test split, some that
    it gets wrong and some that it gets right."""
    read: Annotated[ReadingFlags, tyro.conf.arg(name="")] = field(default_factory=ReadingFlags)
    out: Path | None = None
    """The page. None = look.html in the run's folder, for a model folder in the current one; it replaces the last."""
    seed: int = 0
    """Of all that is drawn at random."""
    list: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Name every method with one line and its control, and which are slow."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""


def run(arguments: Arguments) -> int:
    """Parse, look, write."""
    args = arguments.parse(Look, "look")
    from glassworks.interpret.catalogue.methods import METHODS, choose

    if args.list:
        from glassworks.core.columns import fold, terminal_width
        from glassworks.trace.legend import filled

        width = terminal_width()
        for name, method in METHODS.items():
            marks = [*(["in a first look"] if method.quick else []), *([f"slow: {method.slow}"] if method.slow else [])]
            mark = f" ({'; '.join(marks)})" if marks else ""
            print("\n".join(fold(f"{name}{mark}", width, "  ")))
            for text in (method.legend.question, f"control: {method.legend.control}"):
                text = filled(text, lambda name: SPOKEN.get(name, "some"))
                print("\n".join(fold(f"    {text}", width, "    ")))
        print("\n".join(fold(TIMES, width)))
        return 0
    if args.read != ReadingFlags() and args.data is None:
        raise ValueError("--column and --skip-unreadable go with --data: without it no text is read")
    if args.model is None:
        usage = f"{command('look', 'RUN_OR_FOLDER')}, or {command('look', '--list')}"
        raise ValueError(f"there is no model to look into: {usage}")
    from glassworks.core.files import refuse_unwritable

    is_of_images = reads_images(args.model)  # what is neither a run nor a model is refused before torch is loaded
    names = choose(args.method, "images" if is_of_images else "text")
    if args.out is not None:
        refuse_unwritable(args.out)
    return (at_images if is_of_images else at_text)(args.model, args, names)


def reads_images(name: str) -> bool:
    """Whether the network of a run or a folder reads images; RunError for a run that `look` cannot use."""
    from glassworks.core.places import model_path, run_named
    from glassworks.models.vision.layout import is_vision

    run, path = run_named(name, "look"), model_path(name)
    return run.kind_name == "images" if run is not None else path is not None and is_vision(path)


def at_text(model: str, args: Look, names: list[str]) -> int:
    """Look into a language model."""
    from glassworks.core.progress import say
    from glassworks.interpret.catalogue.subject import open_subject
    from glassworks.report.look_text import look_at_text

    if args.image:
        raise ValueError(f"--image (={args.image[0]}) goes with a network that reads images, and {model} reads text")
    inputs = {key: value for key in ("text", "against", "data") if (value := getattr(args, key)) is not None}
    reading = args.read.reading()
    subject = open_subject(model, seed=args.seed, reading=reading, **inputs)
    if "left out" in subject.notes["text"]:
        say(subject.notes["text"])
    options = inputs | ({"seed": args.seed} if args.seed else {})
    written = opening(model, args.read, options)
    path = draw(args, subject, names, lambda outcomes: look_at_text(subject, outcomes, written))
    say_what_was_read(reading)
    print(path)
    return 0


def at_images(model: str, args: Look, names: list[str]) -> int:
    """Look into a network that reads images."""
    from glassworks.interpret.catalogue.image_subject import open_image_subject
    from glassworks.report.look_images import look_at_images

    for key in ("text", "against", "data"):
        if (value := getattr(args, key)) is not None:
            raise ValueError(f"--{key} (={value}) goes with a network that reads text, and {model} reads images")
    subject = open_image_subject(model, images=args.image, seed=args.seed)
    words = (f", images={list(args.image)!r}" if args.image else "") + (f", seed={args.seed}" if args.seed else "")
    written = (
        "from glassworks.interpret.catalogue.image_subject import open_image_subject\n\n"
        f"subject = open_image_subject({model!r}{words})"
    )
    print(draw(args, subject, names, lambda outcomes: look_at_images(subject, outcomes, written)))
    return 0


def draw(args: Look, subject: Any, names: list[str], look_of: Callable[[Any], Any]) -> Path:
    """Run the methods and write the page, and the traces into a run's folder; the page's path."""
    from glassworks.cli.main import is_users
    from glassworks.core.files import refuse_unwritable
    from glassworks.core.progress import say
    from glassworks.interpret.catalogue.run import run_methods
    from glassworks.report.look import write_look

    out = args.out or (subject.folder or Path()) / "look.html"
    refuse_unwritable(out)
    if args.out is None and out.exists():
        say(f"{out} is there already and will be replaced: --out writes another page")
    traces = subject.folder / "traces" if subject.folder else None
    if traces is not None and args.out is not None:
        try:
            refuse_unwritable(traces / "health.npz")
        except OSError as error:
            say(f"the traces are not kept in the run: {error.strerror}")
            traces = None
    outcomes = run_methods(subject, names, traces=traces, mendable=is_users, tell=say)
    return write_look(look_of(outcomes), out)


SPOKEN = {"metric_token": "one word", "metric_less_token": "another", "wrong_place": "another place"}
"""What the list of methods says where a page names what it has found."""

TIMES = (
    "Times are processor time of one core of a Xeon, on a sentence of 14 tokens; the demo's model has 1.8 million "
    "weights. docs/pretrained.md says them all."
)
"""What stands below the list of methods."""


def opening(model: str, read: ReadingFlags, options: dict[str, str | int]) -> str:
    """Python that opens the same subject."""
    imports = ["from glassworks.interpret.catalogue.subject import open_subject"]
    words = "".join(f", {key}={value!r}" for key, value in options.items())
    if read != ReadingFlags():
        imports.insert(0, "from glassworks.data.text.reading import Reading")
        words += f", reading=Reading({read.column!r}, {read.skip_unreadable})"
    return "\n".join([*imports, "", f"subject = open_subject({model!r}{words})"])
