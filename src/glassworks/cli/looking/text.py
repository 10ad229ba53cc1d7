"""`look` on a network that reads text."""

from typing import TYPE_CHECKING

from glassworks.cli.arguments.reading import ReadingFlags, say_what_was_read
from glassworks.cli.looking.drawing import draw
from glassworks.core.progress import say
from glassworks.interpret.catalogue.subject import open_subject
from glassworks.report.look_text import look_at_text

if TYPE_CHECKING:
    from glassworks.cli.look import Look


def look(model: str, args: "Look", names: list[str]) -> int:
    """Look into a language model."""
    if args.image:
        raise ValueError(f"--image (={args.image[0]}) goes with a network that reads images, and {model} reads text")
    inputs = {key: value for key in ("text", "against", "data") if (value := getattr(args, key)) is not None}
    reading = args.read.reading()
    subject = open_subject(model, seed=args.seed, reading=reading, **inputs)
    if "left out" in subject.notes["text"]:
        say(subject.notes["text"])
    options = inputs | ({"seed": args.seed} if args.seed else {})
    written = opening(model, args.read, options)
    path = draw(subject, names, args.out, lambda outcomes: look_at_text(subject, outcomes, written))
    say_what_was_read(reading)
    print(path)
    return 0


def opening(model: str, read: ReadingFlags, options: dict[str, str | int]) -> str:
    """Python that opens the same subject."""
    imports = ["from glassworks.interpret.catalogue.subject import open_subject"]
    words = "".join(f", {key}={value!r}" for key, value in options.items())
    if read != ReadingFlags():
        imports.insert(0, "from glassworks.data.text.reading import Reading")
        words += f", reading=Reading({read.column!r}, {read.skip_unreadable})"
    return "\n".join([*imports, "", f"subject = open_subject({model!r}{words})"])
