"""`glassworks data`: what there is in data, and what is wrong with it."""

import json as as_json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Card:
    """Write the card of labelled data: what there is, and what would make a score on it wrong, each with its control.

    Copies within splits and across, borders and columns that alone tell the target, ids, times after the fact, groups
    in several splits, rare classes, labels that are likely wrong. The splits are those that train makes.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")]
    """What train takes as --data: a folder of images by class, IDX files, CIFAR's batches, a table (.csv, .tsv,
    .parquet), also of paths of images, digits, moons, or hf:<dataset id>."""
    target: str | None = None
    """The column of a table that is to be said."""
    group: str | None = None
    """A column: examples that are equal in it stay in one split."""
    time: str | None = None
    """A column: the latest examples are held out."""
    task: Literal["classes", "number"] | None = None
    """Whether the target of a table tells classes, or is a number. None = found from its values."""
    size: int | None = None
    """Rows and columns of an image, to which all are brought."""
    colour: Literal["auto", "grey", "rgb"] = "auto"
    """What images are brought to. auto = grey if all are."""
    validation: float = 0.1
    """The share of examples that training is judged by on the way."""
    test: float = 0.2
    """The share that is kept for the end. A source that has splits of its own keeps them."""
    seed: int = 0
    """Of samples, folds and shuffled controls."""
    out: Path = Path("card.html")
    """The page to write; what it says goes beside it as JSON, card.json."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the JSON, too, in place of the findings."""


def run(arguments: Arguments) -> None:
    """Parse, read, look, write, print."""
    name = arguments.choose("data", {"card": Card}, "part")
    args = arguments.parse(Card, f"data {name}")
    from glassworks.core.files import at_home, refuse_unwritable
    from glassworks.core.progress import say

    page = at_home(args.out)
    if page.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"out (={str(args.out)!r}) is the page to write: give a name that ends in .html")
    for file in (page, page.with_suffix(".json")):
        refuse_unwritable(file)
    from glassworks.core.runs import ROOT
    from glassworks.data.labelled.open import open_source
    from glassworks.data.labelled.prepare import prepare
    from glassworks.evaluate.card.card import data_card
    from glassworks.evaluate.card.findings import first_of
    from glassworks.report.data_card import write_card

    size = None if args.size is None else (args.size, args.size)
    source = open_source(
        args.data,
        target=args.target,
        group=args.group,
        time=args.time,
        task=args.task,
        size=size,
        colour=args.colour,
        skip_unreadable=True,
    )
    examples = prepare(source, ROOT / ".examples", validation=args.validation, test=args.test)
    card = data_card(source, examples, args.seed)
    write_card(card, page)
    if args.json:
        print(as_json.dumps(card.as_json(), ensure_ascii=False, indent=2))
        return
    for finding in card.findings:
        print(f"{finding.level:8} {finding.sentence}")
        if finding.control:
            print(f"{'':8} {finding.control}")
        if finding.names:
            print(f"{'':8} {first_of(finding.names, 3)}")
    if card.nothing:
        say(f"looked for and not found: {', '.join(card.nothing)}")
    print(page)
