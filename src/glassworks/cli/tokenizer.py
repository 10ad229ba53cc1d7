"""`glassworks tokenizer`: train one, or see how one cuts a text."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.arguments.reading import ReadingFlags, say_what_was_read


@dataclass(frozen=True)
class Tokenizer:
    """Make a tokenizer from a corpus and save it as tokenizer.json; or show how one cuts a text."""

    tokenizer: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TOKENIZER")]
    """bytes, chars, bpe:<vocabulary size>, gpt2:<folder>, or the path of a tokenizer.json, a run or a model folder."""
    data: tuple[str, ...] = ()
    """The corpus that chars and bpe learn from: files, folders, globs, as train takes them. None = stdlib, the sources
    of Python's standard library."""
    read: Annotated[ReadingFlags, tyro.conf.arg(name="")] = field(default_factory=ReadingFlags)
    out: Path | None = None
    """Where to save tokenizer.json. None = do not save."""
    text: str | None = None
    """A text to cut."""


def run(arguments: Arguments) -> None:
    """Parse, make or open, show, save."""
    args = arguments.parse(Tokenizer, "tokenizer")
    from glassworks.core.files import refuse_unwritable
    from glassworks.core.progress import counted, say
    from glassworks.data.text.corpora import documents
    from glassworks.data.tokenizers.specs import fewer, make_tokenizer

    spec = spec_of(args.tokenizer)
    learns = re.fullmatch(r"chars|bpe:\d+", spec) is not None
    if args.out is not None:
        refuse_unwritable(args.out)
    elif learns:
        say("this only shows what comes out: --out tokenizer.json keeps it")
    reading = args.read.reading()
    source = args.data if len(args.data) > 1 else next(iter(args.data), "stdlib")
    texts = (document.text for document in documents(source, reading))
    tokenizer = make_tokenizer(spec, alphabet=texts, training=texts)
    say_what_was_read(reading)
    if args.data and not learns:
        say(f"--data is not read: {args.tokenizer} learns nothing from it")
    print(f"{counted(tokenizer.vocab_size, 'token')}{fewer(spec, tokenizer.vocab_size)}")
    if args.text is not None:
        ids = tokenizer.encode(args.text)
        print(f"{counted(len(ids), 'token')} for {counted(len(args.text.encode()), 'byte')}")
        print(" ".join(f"{tokenizer.token(id)!r}:{id}" for id in ids))
    if args.out is not None:
        tokenizer.save(args.out)
        print(f"saved {args.out}")


def spec_of(named: str) -> str:
    """What a run's tokenizer is called: the folder of its model or, before there is one, of the text it trains on."""
    from glassworks.core.runs import ROOT, Run

    if not any((folder / "run.json").is_file() for folder in (Path(named), ROOT / named)):
        return named
    run = Run.open(named, "tokenizer")
    if (run.path / "model" / "tokenizer.json").is_file():
        return str(run.path / "model")
    from glassworks.pretraining.run import corpus_of_run

    return str(corpus_of_run(run).path)
