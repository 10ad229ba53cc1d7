"""`glassworks tokenizer`: train one, or see how one cuts a text."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from glassworks.cli.arguments import Arguments


@dataclass(frozen=True)
class Tokenizer:
    """Make a tokenizer from a corpus and save it as tokenizer.json; or show how one cuts a text."""

    tokenizer: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TOKENIZER")]
    """bytes, chars, bpe:<vocabulary size>, gpt2:<folder>, or the path of a tokenizer.json, a run or a model folder."""
    data: str = "stdlib"
    """The corpus that chars and bpe learn from."""
    out: Path | None = None
    """Where to save tokenizer.json. None = do not save."""
    text: str | None = None
    """A text to cut."""


def run(arguments: Arguments) -> None:
    """Parse, make or open, show, save."""
    args = arguments.parse(Tokenizer, "tokenizer")
    from glassworks.core.files import refuse_unwritable
    from glassworks.core.progress import say
    from glassworks.core.runs import ROOT
    from glassworks.data.corpora import documents
    from glassworks.data.specs import make_tokenizer

    folders = (Path(args.tokenizer) / "model", ROOT / args.tokenizer / "model")
    spec = next((str(folder) for folder in folders if folder.is_dir()), args.tokenizer)
    if args.out is not None:
        refuse_unwritable(args.out)
    elif re.fullmatch(r"chars|bpe:\d+", spec):
        say("this only shows what comes out: --out tokenizer.json keeps it")
    texts = (document.text for document in documents(args.data))
    made = make_tokenizer(spec, alphabet=texts, training=texts)
    print(f"{made.vocab_size:,} tokens")
    if args.text is not None:
        ids = made.encode(args.text)
        print(f"{len(ids)} tokens for {len(args.text.encode())} bytes")
        print(" ".join(f"{made.token(id)!r}:{id}" for id in ids))
    if args.out is not None:
        made.save(args.out)
        print(f"saved {args.out}")
