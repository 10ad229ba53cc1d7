"""`look` on a network that reads rows of a table."""

from typing import TYPE_CHECKING

from glassworks.cli.looking.drawing import draw
from glassworks.interpret.catalogue.row_subject import open_row_subject
from glassworks.report.look_rows import look_at_rows

if TYPE_CHECKING:
    from glassworks.cli.look import Look


def look(model: str, args: "Look", names: list[str]) -> int:
    """Look into a network that reads rows of a table."""
    given = {"text": args.text, "against": args.against, "data": args.data, "image": next(iter(args.image), None)}
    for key, value in given.items():
        if value is not None:
            raise ValueError(f"--{key} (={value}) goes with other networks, and {model} reads rows of a table")
    subject = open_row_subject(model, seed=args.seed)
    words = f", seed={args.seed}" if args.seed else ""
    written = (
        "from glassworks.interpret.catalogue.row_subject import open_row_subject\n\n"
        f"subject = open_row_subject({model!r}{words})"
    )
    print(draw(subject, names, args.out, lambda outcomes: look_at_rows(subject, outcomes, written)))
    return 0
