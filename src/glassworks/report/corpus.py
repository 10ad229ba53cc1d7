"""What a run started from and was trained on, in words: documents and tokens, columns taken, files left out and why."""

import math
from collections.abc import Iterator

from glassworks.core.progress import counted
from glassworks.core.runs import started_from
from glassworks.data.text.reading import described, share
from glassworks.draw.markup import Markup, join, tag
from glassworks.report.contents import Contents


def corpus_read(contents: Contents) -> Markup:
    """A sentence on the text, then what was taken of it and left out; nothing if the run does not say."""
    corpus = contents.record.get("corpus")
    if not isinstance(corpus, dict):
        return Markup("")
    said = list(sentence(contents))
    lines = [tag("li", line) for line in described(corpus)]
    return join([tag("p", " ".join(said)) if said else "", tag("ul", *lines, class_="notes") if lines else ""])


def sentence(contents: Contents) -> Iterator[str]:
    """What it started from, source, sizes of both splits, vocabulary."""
    recipe = contents.record.get("recipe")
    data = recipe.get("data") if isinstance(recipe, dict) else None
    if (parent := started_from(contents.record)) is not None:
        yield f"It started from {parent}."
    source = ", ".join(map(str, data)) if isinstance(data, list) else str(data or "its text")
    train, held_out = amount(contents, "train"), amount(contents, "held_out")
    if train:
        sizes = [own(contents, split)[1] for split in ("held_out", "train")]
        apart = f"; {held_out}, {share(sizes[0] / max(sum(sizes), 1))} of the text, are held out" if held_out else ""
        yield f"It was trained on {source}: {train}{apart}."
    size = contents.fact("recipe", "model", "vocab_size")
    if math.isfinite(size) and isinstance(recipe, dict):
        yield f"Its vocabulary, {recipe.get('tokenizer', 'unnamed')}, has {size:,.0f} tokens."


def amount(contents: Contents, split: str) -> str:
    """'15 documents with 31,842 tokens'; empty if the run does not say."""
    documents, tokens = own(contents, split)
    if not math.isfinite(tokens):
        return ""
    return f"{counted(round(documents), 'document')} with {counted(round(tokens), 'token')}"


def own(contents: Contents, split: str) -> tuple[float, float]:
    """Documents of a split, and their own tokens, without the end of text that stands before each."""
    documents, tokens = (contents.fact("corpus", f"{split}_{what}") for what in ("documents", "tokens"))
    return documents, tokens - documents
