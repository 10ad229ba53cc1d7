"""Tables for a terminal: columns as wide as their widest cell, folded where the terminal is narrower than that."""

import os
import shutil
import sys
import textwrap
from collections.abc import Container, Mapping, Sequence

WIDEST = 100
"""Characters of a line of help, however wide the terminal is."""
NARROWEST = 12
"""Characters that a folded column keeps."""
GAP = "  "


def aligned(rows: Sequence[Sequence[str]], *, width: int | None = None, right: Container[int] = ()) -> list[str]:
    """The lines of a table.

    Args:
        rows: cells, as many in every row.
        width: characters of a line, at most: the widest columns are folded for it. None = any.
        right: the columns whose cells stand to the right.

    >>> aligned([["run", "state"], ["a", "done"]])
    ['run  state', 'a    done']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = None if width is None else width - len(GAP) * (len(widths) - 1)
    while room is not None and sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for row in rows:
        folded = [fold(cell, size) for cell, size in zip(row, widths, strict=True)]
        for i in range(max(map(len, folded))):
            cells = [parts[i] if i < len(parts) else "" for parts in folded]
            placed = [
                cell.rjust(size) if column in right else cell.ljust(size)
                for column, (cell, size) in enumerate(zip(cells, widths, strict=True))
            ]
            lines.append(GAP.join(placed).rstrip())
    return lines


def fold(text: str, width: int | None, indent: str = "") -> list[str]:
    """A text in lines of at most `width` characters, cut at blanks where it can be, those after the first indented."""
    if width is None or len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


def listed(texts: Mapping[str, str], width: int | None) -> list[str]:
    """The lines of a list of names, each with a text beside it."""
    return [line for name, text in texts.items() for line in fold(f"  {name:<10} {text}", width, " " * 13)]


def terminal_width() -> int | None:
    """Columns of the terminal that is printed to, or as COLUMNS says; None where nothing says: in a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None


def help_width() -> int:
    """Columns for a help: the terminal's, or 80."""
    return min(terminal_width() or 80, WIDEST)
