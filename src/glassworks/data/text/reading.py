"""How sources are read, and what came of it: columns taken of tables, files left out, files passed over; and in words.

`noted` is what a corpus' meta.json and a run's run.json keep of a reading; `described` tells that in a few lines.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassworks.core.errors import GlassworksError
from glassworks.core.text import writable
from glassworks.data.text.formats import SUFFIXES
from glassworks.data.text.tables import SEPARATORS

FEW = 3
"""Names, or kinds of files, that a line lists."""
NOTABLE_OVERLAP = 0.1
"""The share of the held-out text in the training text, too, from which it is told."""


@dataclass(eq=False)
class Reading:
    """How sources are read, and what came of it: filled as they are, however often."""

    column: str | None = None
    """The column of tables that holds the text. None = "text", or the only one that holds strings."""
    skip_unreadable: bool = False
    """Leave out, whole, the files of folders and globs that cannot be read to their end."""
    columns: dict[Path, tuple[str, str | None]] = field(default_factory=dict)
    """The name of each table and the column taken of it; None for a CSV file read as plain text."""
    skipped: dict[Path, tuple[str, str]] = field(default_factory=dict)
    """The name of each file that was left out, and why it cannot be read."""
    passed: dict[Path, Counter[str]] = field(default_factory=dict)
    """How many files of each kind were passed over in each folder given, as texts have other suffixes."""
    readable: set[Path] = field(default_factory=set)

    def can_read(self, path: Path, name: str, rows: Callable[[], Iterator[object]]) -> bool:
        """Whether a file can be read to its end, found out once."""
        if path not in self.readable and path not in self.skipped:
            try:
                deque(rows(), maxlen=0)
                self.readable.add(path)
            except (ValueError, GlassworksError, OSError) as error:
                self.skip(path, name, error)
        return path in self.readable

    def took(self, path: Path, name: str, column: str | None) -> None:
        """Note the column taken of a table."""
        self.columns[path] = name, column

    def skip(self, path: Path, name: str, error: Exception) -> None:
        """Note why something is left out."""
        self.columns.pop(path, None)
        reason = error.strerror if isinstance(error, OSError) else None
        self.skipped[path] = name, writable(reason or " ".join(str(error).split()))


def noted(reading: Reading) -> dict[str, Any]:
    """What came of a reading, for a file: the columns taken, the files left out, those passed over by their suffix."""
    skipped = [{"name": name, "why": why} for name, why in reading.skipped.values()]
    passed = sum(reading.passed.values(), Counter[str]())
    return {"columns": columns_taken(reading), "skipped": skipped, "passed": dict(passed.most_common())}


def columns_taken(reading: Reading) -> list[dict[str, Any]]:
    """Each column that was taken, of how many tables and of which first; None for CSV files read as plain text."""
    by_column: dict[str | None, dict[str, Any]] = {}
    for name, column in reading.columns.values():
        row = by_column.setdefault(column, {"column": column, "files": 0, "first": name})
        row["files"] += 1
    return list(by_column.values())


# ----------------------------------------------------------------------------------------------------------------------
# In words

ROWS = {"columns": {"column", "files", "first"}, "skipped": {"name", "why"}}
"""Lists in a corpus' meta.json, and what their rows have; one that lacks something has been altered by hand."""
NOTES = {*ROWS, "passed", "before"}
"""What is told in words alone."""


def described(meta: Mapping[str, Any]) -> list[str]:
    """What a corpus' meta.json says of its reading, a line each.

    Text that the tokenizer loses, held-out text that is trained on, columns taken, files left out or passed over.
    """
    lines = []
    if lost := number(meta, "lost"):
        lines.append(f"the tokenizer loses {share(lost)} of the held-out text, so there are no bits per byte")
    if (overlap := number(meta, "seen")) >= NOTABLE_OVERLAP:
        lines.append(overlap_warning(overlap, meta.get("before")))
    for row in rows_of(meta, "columns"):
        which = row["first"] if row["files"] == 1 else f"{row['first']} and {row['files'] - 1:,} more"
        if row["column"] is None:
            lines.append(f"read as plain text, header and all, since no column was asked for: {which}")
        else:
            lines.append(f'the column "{row["column"]}" of {which}')
    skipped = [(row["name"], row["why"]) for row in rows_of(meta, "skipped")]
    if skipped:
        count = f"{len(skipped):,} files: " if len(skipped) > 1 else ""
        lines.append(f"left out: {count}{unreadable_files(skipped)}")
    return [*lines, *passed_over(meta.get("passed"))]


def overlap_warning(overlap: float, before: Any = None) -> str:
    """What it means that a share of the held-out text is trained on, too: by the run, or one of those before it."""
    names = [str(name) for name in before] if isinstance(before, list) else []
    text = f"the training text, its own or that of {', '.join(names)}," if names else "the training text, too,"
    return f"{share(overlap)} of the held-out text is in {text} word for word: new text will score worse"


def unreadable_files(skipped: Sequence[tuple[str, str]]) -> str:
    """The files that cannot be read: the first few by name, each reason with the first file that has it.

    >>> left_out([("a.txt", "a.txt is binary"), ("b.txt", "b.txt is binary"), ("c.txt", "Permission denied")])
    'a.txt (a.txt is binary), c.txt (Permission denied), b.txt'
    """
    reasons: dict[str, str] = {}
    for name, why in skipped:
        reasons.setdefault(kind_of(name, why), name)
    first = [f"{name} ({why})" for name, why in skipped if reasons[kind_of(name, why)] == name]
    names = [*first, *(name for name, why in skipped if reasons[kind_of(name, why)] != name)]
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"


def kind_of(name: str, why: str) -> str:
    """A reason without what is of the one file only: its name, the place in it, and what to do."""
    return re.sub(r"\d+", "", why.replace(name, "")).split(": ")[0]


def passed_over(kinds: Any) -> Iterator[str]:
    """One line on the files that are not read since their suffix is none of a text's; none for what is no count."""
    if not isinstance(kinds, dict) or not kinds or not all(type(count) is int for count in kinds.values()):
        return
    named = ", ".join(f"{count:,} {kind or 'without a suffix'}" for kind, count in list(kinds.items())[:FEW])
    more = f" and {len(kinds) - FEW:,} more kinds" if len(kinds) > FEW else ""
    tables = ", with a column asked for also " + " ".join(SEPARATORS) if kinds.keys() & SEPARATORS.keys() else ""
    yield f"passed over: {named}{more}; a folder gives {' '.join(SUFFIXES)}{tables}, and a glob gives any"


def number(meta: Mapping[str, Any], name: str) -> float:
    """A number of meta.json; 0 where there is none."""
    value = meta.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def rows_of(meta: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The whole rows of one of the lists."""
    rows = meta.get(name)
    rows = rows if isinstance(rows, list) else []
    return [
        row for row in rows if isinstance(row, dict) and ROWS[name] <= row.keys() and type(row.get("files", 0)) is int
    ]


def share(part: float) -> str:
    """A share in per cent, in two digits; one that is not 0 is never shown as 0."""
    return f"{100 * part:.2g} %" if part < 0.995 else f"{100 * part:.0f} %"
