"""What data are pairs of texts, by their names alone: nothing is read, and nothing heavy loaded."""

import os

from glassworks.core.files import at_home

TABLES = (".tsv", ".jsonl")
CATALOGUES = (".po", ".mo")
GENERATED = "dates"


def pairs_why(data: str | os.PathLike[str], source: str | None = None) -> str | None:
    """Why data are pairs, in a line; None where they are not.

    >>> pairs_why("locale/de.po"), pairs_why("corpus.tsv")
    ('locale/de.po: messages and their translations', None)

    Tables are pairs only where a column is named as the source: without, their texts are read one by one.
    """
    name = os.fspath(data)
    if name.partition(":")[0] == GENERATED and not at_home(name).exists():
        return f"{name}: numbers and dates in words and in digits"
    if name.lower().endswith(CATALOGUES):
        return f"{name}: messages and their translations"
    if source is not None:
        return f"{name}: pairs of texts, of which {source} is read"
    return None
