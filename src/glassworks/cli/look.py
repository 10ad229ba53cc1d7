"""`glassworks look`: look inside a model by any of the methods, on one page."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.arguments.reading import ReadingFlags
from glassworks.core.called import command

if TYPE_CHECKING:
    from glassworks.interpret.catalogue.methods import Of


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
    if args.list:
        from glassworks.cli.looking.listing import listing
        from glassworks.core.columns import terminal_width

        print(listing(terminal_width()))
        return 0
    if args.read != ReadingFlags() and args.data is None:
        raise ValueError("--column and --skip-unreadable go with --data: without it no text is read")
    if args.model is None:
        usage = f"{command('look', 'RUN_OR_FOLDER')}, or {command('look', '--list')}"
        raise ValueError(f"there is no model to look into: {usage}")
    from glassworks.core.files import refuse_unwritable
    from glassworks.interpret.catalogue.methods import choose

    of = what_it_reads(args.model)  # what is neither a run nor a model is refused before torch is loaded
    names = choose(args.method, of)
    if args.out is not None:
        refuse_unwritable(args.out)
    if of == "images":
        from glassworks.cli.looking import images as looking
    elif of == "table":
        from glassworks.cli.looking import rows as looking  # type: ignore[no-redef]
    else:
        from glassworks.cli.looking import text as looking  # type: ignore[no-redef]
    return looking.look(args.model, args, names)


def what_it_reads(name: str) -> "Of":
    """What the network of a run or a folder reads; RunError for a run that `look` cannot use."""
    from glassworks.core.places import model_path, run_named
    from glassworks.models.vision.layout import is_vision

    run, path = run_named(name, "look"), model_path(name)
    if run is not None:
        return "images" if run.kind_name == "images" else "table" if run.kind_name == "table" else "text"
    return "images" if path is not None and is_vision(path) else "text"
