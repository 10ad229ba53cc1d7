"""Files into texts, one format a function, each in a stream: no file is ever whole in memory.

    .txt .md and others   plain UTF-8; long ones are cut into passages          (plain.text_file)
    .py                   plain UTF-8, always one document                      (plain.text_file)
    .jsonl .jsonl.gz      an object a line with a text field                    (tables.jsonl_file)
    .parquet              a table with a text column                            (tables.parquet_file)
    .csv .tsv             a table with a header, if a column is asked for; else plain text  (tables.csv_file)

Suffixes may be written in capitals. A damaged file is a `FileDamaged` that names the file and the line; a file that is
something else is a `ValueError`.
"""

from collections.abc import Iterator
from pathlib import Path

from glassworks.data.text.plain import LONGEST, passages, text_file
from glassworks.data.text.tables import (
    SEPARATORS,
    Took,
    csv_file,
    ignored,
    jsonl_file,
    parquet_file,
    row_text,
    text_field,
)

__all__ = ["LONGEST", "SUFFIXES", "passages", "read_file", "row_text", "suffixes", "text_field", "text_file"]

SUFFIXES = (".txt", ".md", ".py", ".jsonl", ".jsonl.gz", ".parquet")


def suffixes(column: str | None) -> tuple[str, ...]:
    """The files that are taken from a folder: those of tables with a header only where a column is asked for."""
    return SUFFIXES if column is None else (*SUFFIXES, *SEPARATORS)


def read_file(
    path: Path, name: str, *, cut: bool, column: str | None = None, took: Took = ignored
) -> Iterator[tuple[str, str]]:
    """(name, text) of every document of a file.

    Args:
        path: the file.
        name: what its documents' names begin with.
        cut: whether plain text is cut into passages.
        column: the column of a table that holds the text; None = "text", or the only one that holds strings.
        took: told the column that is taken of a table; None for a CSV file that is read as plain text.
    """
    if not path.is_file():
        path.stat()  # says so if it is not there
        raise ValueError(f"{path} is neither a file nor a folder: leave it out")
    lower = path.name.lower()
    if lower.endswith((".jsonl", ".jsonl.gz")):
        return jsonl_file(path, name, column, took)
    if lower.endswith(".parquet"):
        return parquet_file(path, name, column, took)
    if lower.endswith(tuple(SEPARATORS)):
        if column is not None:
            return csv_file(path, name, column, took)
        took(None)
    return text_file(path, name, cut=cut and not lower.endswith(".py"))
