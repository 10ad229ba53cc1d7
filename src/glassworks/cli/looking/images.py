"""`look` on a network that reads images."""

from typing import TYPE_CHECKING

from glassworks.cli.looking.drawing import draw
from glassworks.interpret.catalogue.image_subject import open_image_subject
from glassworks.report.look_images import look_at_images

if TYPE_CHECKING:
    from glassworks.cli.look import Look


def look(model: str, args: "Look", names: list[str]) -> int:
    """Look into a network that reads images."""
    for key in ("text", "against", "data"):
        if (value := getattr(args, key)) is not None:
            raise ValueError(f"--{key} (={value}) goes with a network that reads text, and {model} reads images")
    subject = open_image_subject(model, images=args.image, seed=args.seed)
    words = (f", images={list(args.image)!r}" if args.image else "") + (f", seed={args.seed}" if args.seed else "")
    written = (
        "from glassworks.interpret.catalogue.image_subject import open_image_subject\n\n"
        f"subject = open_image_subject({model!r}{words})"
    )
    print(draw(subject, names, args.out, lambda outcomes: look_at_images(subject, outcomes, written)))
    return 0
